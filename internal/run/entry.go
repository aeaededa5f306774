// Package run is the model of one execution of a plan: the entries of its
// journal, the pure fold over them that gives the run's state, and the pure
// decision of what comes next. The engine carries that decision out and
// decides nothing else. It imports only the standard library and packages of
// the model.
package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Kind is the kind of an entry.
type Kind string

// The kinds of entries.
const (
	RunOpened        Kind = "RunOpened"
	Intent           Kind = "Intent"
	Outcome          Kind = "Outcome"
	Decision         Kind = "Decision"
	Sealed           Kind = "Sealed"
	MilestoneReached Kind = "MilestoneReached"
	BarrierCrossed   Kind = "BarrierCrossed"
	RunClosed        Kind = "RunClosed"
	Acknowledged     Kind = "Acknowledged" // a person says that a task is done; the engine looks whether it is
)

// Entry is one line of the journal. Entries of a journal are gapless in Seq
// and chained by Hash.
type Entry struct {
	Seq  int64           `json:"seq"`
	Run  string          `json:"run"`
	At   time.Time       `json:"at"` // UTC; for people only, nothing is decided by it
	Kind Kind            `json:"kind"`
	Step string          `json:"step,omitempty"`
	Dir  Direction       `json:"dir,omitempty"`
	Body json.RawMessage `json:"body,omitempty"`
	Prev string          `json:"prev"`
	Hash string          `json:"hash"`
}

// Direction is the way in which a step is carried out.
type Direction string

// The directions.
const (
	Do   Direction = "do"
	Undo Direction = "undo"
)

// Sum is the hash that the entry must carry: SHA-256 over its fields and the
// hash before it.
func (e Entry) Sum() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00", e.Seq, e.Run, e.At.UTC().Format(time.RFC3339Nano), e.Kind, e.Step, e.Dir, e.Prev)
	h.Write(e.Body)
	return hex.EncodeToString(h.Sum(nil))
}

// Opened is the body of RunOpened.
type Opened struct {
	Plan    string `json:"plan"` // digest
	By      string `json:"by"`   // the person
	Trigger string `json:"trigger,omitempty"`
	Engine  string `json:"engine,omitempty"` // version of Upkeep that began the run
	// Generation of that Upkeep: who goes on with the run must be of one that Finishes it.
	Generation int    `json:"generation,omitempty"`
	Origin     Origin `json:"origin,omitzero"` // not in journals of before
	// Approval is the sum of the file in the run's folder with the site's approval; not in journals of before.
	Approval string `json:"approval,omitempty"`
}

// Origin is where a run was started from.
type Origin struct {
	Account  string `json:"account,omitempty"`  // of the process that opened it
	Sudo     string `json:"sudo,omitempty"`     // who became that account through sudo
	Terminal string `json:"terminal,omitempty"` // such as /dev/pts/3; empty: none
	Unit     string `json:"unit,omitempty"`     // of systemd, such as session-4.scope or itop-hub.service
}

// Text is one line for people; empty when nothing is known.
func (o Origin) Text() string {
	text := o.Account
	if o.Sudo != "" && o.Sudo != o.Account {
		text = o.Sudo + " as " + o.Account
	}
	if o.Terminal != "" {
		text += " at " + o.Terminal
	}
	if o.Unit != "" {
		text += " in " + o.Unit
	}
	return text
}

// Intended is the body of Intent.
type Intended struct {
	Memo string `json:"memo,omitempty"` // SHA-256 of the memo file
}

// Ended is the body of Outcome.
type Ended struct {
	OK       bool          `json:"ok"`
	Observed string        `json:"observed,omitempty"` // old, new, mixed, foreign, unknown
	Evidence string        `json:"evidence,omitempty"`
	Error    string        `json:"error,omitempty"`
	Now      string        `json:"now,omitempty"`     // what the administrator can do
	Unclear  bool          `json:"unclear,omitempty"` // a person must decide what is true
	Took     time.Duration `json:"took,omitempty"`
	Skipped  bool          `json:"skipped,omitempty"` // nothing was done: its undo does not matter for this way back
}

// Decided is the body of Decision.
type Decided struct {
	Choice Choice `json:"choice"`
	To     int    `json:"to,omitempty"`   // for back: 0 the origin, k the k-th milestone
	From   string `json:"from,omitempty"` // for back: to before that step only, then forward from it again
	Step   string `json:"step,omitempty"`
	By     string `json:"by"`
	Why    string `json:"why,omitempty"`
}

// Said is the body of Acknowledged: a person says that the task of a step is
// done.
type Said struct {
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
	At   time.Time `json:"at,omitzero"` // when the entry was written; set by the fold
}

// Choice is what a decision says.
type Choice string

// The choices.
const (
	ChooseBack   Choice = "back"   // undo
	ChooseLand   Choice = "land"   // the way back has reached its milestone: open there
	ChooseAgain  Choice = "again"  // the way back has reached the step to retry from: forward again
	ChooseRetry  Choice = "retry"  // the step again
	ChooseSkip   Choice = "skip"   // go on without the step; only after the barrier
	ChooseAccept Choice = "accept" // a person has made it so, or vouches for it
)

// Reached is the body of MilestoneReached.
type Reached struct {
	Milestone int    `json:"milestone"`
	Version   string `json:"version"`
}

// Result is how a run ended.
type Result string

// The results.
const (
	ResultNew       Result = "new"       // on the new version, verified, open
	ResultOld       Result = "old"       // exactly as it was
	ResultMilestone Result = "milestone" // verified and open at a milestone
)

// Closed is the body of RunClosed.
type Closed struct {
	Result  Result   `json:"result"`
	Version string   `json:"version"`
	Work    []string `json:"work,omitempty"` // steps whose failure was tolerated or skipped
}
