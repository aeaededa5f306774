// Package step is the contract between the engine and the verbs: what a
// handler must be able to do so that a step can be carried out, undone and
// observed after any crash. It may import the model and the standard library.
// The verbs themselves are in the folders below it, one each.
package step

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"upkeep/internal/plan"
)

// Memo is all that Undo and Observe need of the state before Do. The engine
// makes it durable, mode 0600, before the step's Intent is committed; the
// journal holds its hash. It never holds a secret.
type Memo = json.RawMessage

// State is what Observe found of a step's effect.
type State string

// The states of an effect.
const (
	Old     State = "old"     // as before Do
	New     State = "new"     // the effect is there, whole
	Mixed   State = "mixed"   // partly there; Do and Undo both converge from it
	Foreign State = "foreign" // neither: somebody else changed it
	Unknown State = "unknown" // cannot be told
)

// Observation is a state with its evidence.
type Observation struct {
	State    State  `json:"state"`
	Evidence string `json:"evidence,omitempty"` // one line a person understands; no secrets
}

// Handler carries out one verb. All four methods may be called again at any
// time after a crash of the engine, with the same step and memo.
type Handler interface {
	// Prepare reads what Undo will need. It changes nothing.
	Prepare(ctx context.Context, env Env, s plan.Step) (Memo, error)
	// Do makes the effect, durable when it returns. It converges from Old, New
	// and Mixed.
	Do(ctx context.Context, env Env, s plan.Step, m Memo) error
	// Undo takes the effect away, durable when it returns. It converges from
	// Old, New and Mixed, also for the step that failed.
	Undo(ctx context.Context, env Env, s plan.Step, m Memo) error
	// Observe reads back. It changes nothing.
	Observe(ctx context.Context, env Env, s plan.Step, m Memo) (Observation, error)
}

// Direction is the way in which a step is being carried out.
type Direction string

// The directions.
const (
	Forward Direction = "do"
	Back    Direction = "undo"
)

// Env is what the engine hands to a handler beside the step.
type Env struct {
	Run       string               // id of the run
	OpID      string               // run/step/direction: names children, sessions and staging
	Direction Direction            // what is being done, or was, when Observe is called
	Dir       string               // the run's own folder
	State     string               // the installation's state folder
	Touched   func(id string) bool // whether a step of the run has an Intent
	Log       io.Writer            // the run's log; lines of the step's children and of the handler
	Progress  func(Progress)       // what the terminal shows of the step; may be called often
	Opened    time.Time            // when the run opened
	// Recall gives the memo of another step of the run, by id; nil when that
	// step has none.
	Recall func(id string) (Memo, error)
	// Said is what a person says of the step's task, in this direction; nil
	// until somebody does.
	Said *Said
}

// Said is a person's word that a task is done, as the journal has it.
type Said struct {
	By, Note string
	At       time.Time
}

// Progress is how far a step is.
type Progress struct {
	Done  int64  `json:"done,omitempty"`  // in Unit
	Total int64  `json:"total,omitempty"` // 0: not known
	Unit  string `json:"unit,omitempty"`  // bytes, files, scripts
	Item  string `json:"item,omitempty"`  // the one at hand, such as the name of a script
	Line  string `json:"line,omitempty"`  // the last line worth showing
	// Until is when the step is expected to end, where something tells: how long the
	// same took on a copy of the data.
	Until time.Time `json:"until,omitzero"`
}

// Expand puts the run's id and its opening time into a text of the plan,
// which holds ${run.id} and ${run.start} where they are not known yet.
func (e Env) Expand(text string) string {
	return strings.NewReplacer("${run.id}", e.Run, "${run.start}", e.Opened.UTC().Format(time.RFC3339Nano)).Replace(text)
}

// Params reads a step's parameters.
func Params[T any](s plan.Step) (*T, error) {
	p := new(T)
	if err := json.Unmarshal(s.Params, p); err != nil {
		return nil, fmt.Errorf("cannot read the parameters of step %s: %w", s.ID, err)
	}
	return p, nil
}

// UserError is an error that a person can mend: its text says what happened,
// to what, why, and what to do now. Other errors are shown as faults of
// Upkeep or of the machine.
type UserError struct {
	Msg string
	Now string // what to do now
	Err error  // may be nil
}

func (e *UserError) Error() string {
	msg := e.Msg
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	if e.Now != "" {
		msg += " (" + e.Now + ")"
	}
	return msg
}

func (e *UserError) Unwrap() error { return e.Err }
