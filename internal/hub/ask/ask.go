// Package ask is what the page may ask the engine side of the hub: the
// questions, their answers as plain values, and the client that puts them over
// a Unix socket. It imports the standard library only: the page, which imports
// nothing else of Upkeep, can do what is written here and no more.
package ask

import (
	"context"
	"slices"
)

// Looking is what can be seen. Nothing of it changes anything. Every method
// returns an *Error where the engine side has one to tell.
type Looking interface {
	Feeling
	// Overview lists all installations of this computer.
	Overview(ctx context.Context) (Overview, error)
	// Runs lists runs, latest first.
	Runs(ctx context.Context, q RunsQuery) (Runs, error)
	Run(ctx context.Context, q RunQuery) (Run, error)
	Log(ctx context.Context, q LogQuery) (Log, error)
	Points(ctx context.Context, q Of) (Points, error)
	// Drift and Doctor look at the product itself: that can take minutes.
	Drift(ctx context.Context, q Of) (Drift, error)
	Doctor(ctx context.Context, q Of) (Diagnosis, error)
	Times
	// Watch tells of a run until it goes on no longer, or tell returns an error.
	Watch(ctx context.Context, q WatchQuery, tell func(Beat) error) error
}

// Engine is the engine side as its socket serves it. By is the name of who
// asks, told by the session and never by the page.
type Engine interface {
	Looking
	Timing
	Screens
	Guiding
	// Check looks at what stands in the way of an upgrade, Plan at what it would do.
	// What is waived on the way bears the name of who asks.
	Check(ctx context.Context, by string, w Wish) (Readiness, error)
	Plan(ctx context.Context, by string, w Wish) (Plan, error)
	// Start opens a run of the plan whose digest the yes names.
	Start(ctx context.Context, by string, y Yes) (Started, error)
	// Resume has an interrupted run carried on.
	Resume(ctx context.Context, by string, q RunQuery) (Started, error)
	// Decide makes the decision that a run waits for, or cancels one before its
	// barrier.
	Decide(ctx context.Context, by string, d Decision) (Started, error)
	// Done says that a task is done that a run asks a person for.
	Done(ctx context.Context, by string, w Word) (Started, error)
}

// Asking is the engine side as somebody with a session sees it.
type Asking interface {
	Looking
	AskingTiming
	ScreensAsking
	Guided
	Who(ctx context.Context) (Person, error)
	Check(ctx context.Context, w Wish) (Readiness, error)
	Plan(ctx context.Context, w Wish) (Plan, error)
	Start(ctx context.Context, y Yes) (Started, error)
	Resume(ctx context.Context, q RunQuery) (Started, error)
	Decide(ctx context.Context, d Decision) (Started, error)
	Done(ctx context.Context, w Word) (Started, error)
	Leave(ctx context.Context) error
	PeopleAsking
}

// Of names an installation.
type Of struct {
	Installation string `json:"installation"`
}

// RunsQuery asks for runs: at most Limit (0: 50) after the first Skip.
type RunsQuery struct {
	Installation string `json:"installation"`
	Skip         int    `json:"skip,omitempty"`
	Limit        int    `json:"limit,omitempty"`
}

// RunQuery names a run.
type RunQuery struct {
	Installation string `json:"installation"`
	Run          string `json:"run"`
}

// LogQuery asks for a part of a run's log, whole lines of it: at most a
// mebibyte from From on, in bytes; From < 0: the last -From bytes.
type LogQuery struct {
	Installation string `json:"installation"`
	Run          string `json:"run"`
	From         int64  `json:"from,omitempty"`
}

// WatchQuery asks for what happens in a run behind a place.
type WatchQuery struct {
	Installation string `json:"installation"`
	Run          string `json:"run"`
	Log          int64  `json:"log,omitempty"` // place in the log, in bytes
}

// Wish is the upgrade that somebody has in mind. It cannot name a folder of
// bundles: where releases come from is said on the computer, so that who has
// broken into the page cannot bring one.
type Wish struct {
	Installation string            `json:"installation"`
	To           string            `json:"to,omitempty"` // version; empty: the latest
	OnFailure    string            `json:"onFailure,omitempty"`
	Waivers      map[string]string `json:"waivers,omitempty"`       // check to why
	Outside      string            `json:"outsideWindow,omitempty"` // why it begins whatever the windows say
	Only         []string          `json:"only,omitempty"`          // components, or instances as COMPONENT@INSTANCE; empty: the whole product
	Params       map[string]string `json:"params,omitempty"`        // values that may change, none of them secret
	Choose       []string          `json:"choose,omitempty"`        // features, beside those that are installed
	Rehearse     bool              `json:"rehearse,omitempty"`
	Prove        bool              `json:"prove,omitempty"` // compare in full on the way back
}

// Yes is a yes to a plan.
type Yes struct {
	Wish
	Digest string `json:"digest"` // whole, of the plan that was shown
	// Key, if there is one, makes of several askings with it one start.
	Key string `json:"key,omitempty"`
}

// Decision is what a person decides of a run: a choice at the step that it waits
// at; back, to cancel it, without one.
type Decision struct {
	RunQuery
	Step   string `json:"step,omitempty"`
	Choice Choice `json:"choice"`
	Why    string `json:"why,omitempty"` // for the record
}

// Word says that a task of a step is done.
type Word struct {
	RunQuery
	Step string `json:"step"`
}

// Started names the run that goes on.
type Started struct {
	Run string `json:"run"`
}

// Entry is the code of a one-time link.
type Entry struct {
	Code string `json:"code"`
}

// Entered is a new session.
type Entered struct {
	Session string `json:"session"` // secret
	Person
	Invited bool `json:"invited,omitempty"` // by a link that somebody else has made
}

// Person is who asks.
type Person struct {
	Name     string `json:"name"`
	Role     Role   `json:"role"`
	Password bool   `json:"password,omitempty"` // has one
	// Renewed takes the place of the session that asked: it works until the new one
	// was used. Empty: the old one stays. Secret.
	Renewed string `json:"renewed,omitempty"`
	Only    string `json:"only,omitempty"` // the one installation that a token is for
}

// Role is what a person may do on the page.
type Role string

// The roles, each with what those before it may.
const (
	Viewer        Role = "viewer"        // looks
	Operator      Role = "operator"      // runs, restores, decides
	Administrator Role = "administrator" // people, tokens, settings
)

// Roles lists them, from the least on.
func Roles() []Role { return []Role{Viewer, Operator, Administrator} }

// Covers says whether who has the role may do what takes the other one.
func (r Role) Covers(other Role) bool {
	have, need := slices.Index(Roles(), r), slices.Index(Roles(), other)
	return need >= 0 && have >= need
}
