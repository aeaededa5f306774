package run

import (
	"encoding/json"
	"fmt"
	"time"

	"upkeep/internal/plan"
)

// Status is where one step is.
type Status string

// The statuses of a step.
const (
	Pending    Status = ""
	InFlight   Status = "intended" // Intent forward, no Outcome
	Done       Status = "done"
	Failed     Status = "failed"
	Tolerated  Status = "tolerated" // failed, and the plan says that this is a warning; or skipped by a person
	Unclear    Status = "unclear"   // its effect cannot be told; a person decides
	Undoing    Status = "undoing"   // Intent back, no Outcome
	Undone     Status = "undone"
	UndoFailed Status = "undo-failed"
)

// StepState is the fold of one step's entries.
type StepState struct {
	Status   Status
	Tries    int    // failures since the start or the last decision to retry
	Memo     string // hash of the memo of the latest Intent
	Began    time.Time
	Ended    time.Time
	Last     Ended // the last outcome
	Touched  bool  // had an Intent in either direction
	Intended bool  // had a forward Intent that was not undone since
}

// Mode is the way a run is going.
type Mode string

// The modes of a run.
const (
	Going   Mode = "forward"
	Backing Mode = "back"
	Landing Mode = "landing"
	Over    Mode = "closed"
)

// State is the fold of a run's entries. It is a value: Apply returns a new
// one only through its receiver, nothing else is read or written.
type State struct {
	Plan      *plan.Plan
	Run       string
	Opened    Opened
	OpenedAt  time.Time
	Mode      Mode
	BackTo    int // for Backing and Landing: 0 the origin, k the k-th milestone
	Steps     map[string]*StepState
	Sealed    bool
	Barrier   bool
	Milestone int // the highest reached that has not been undone
	Why       *Decided
	Failure   string // the step whose failure led to the way back
	Closed    *Closed
	ClosedAt  time.Time
	Seq       int64 // of the last entry applied
}

// New is the state before the first entry.
func New(p *plan.Plan) *State {
	return &State{Plan: p, Mode: Going, Steps: map[string]*StepState{}}
}

// Fold gives the state after the entries of one run, in order. An error says
// that the entries cannot be of a run of this plan.
func Fold(p *plan.Plan, entries []Entry) (*State, error) {
	s := New(p)
	for _, e := range entries {
		if err := s.Apply(e); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Step gives the state of a step; pending when it has no entry.
func (s *State) Step(id string) *StepState {
	st := s.Steps[id]
	if st == nil {
		st = &StepState{}
		s.Steps[id] = st
	}
	return st
}

// Touched says whether the step ever had an Intent in this run.
func (s *State) Touched(id string) bool {
	st := s.Steps[id]
	return st != nil && st.Touched
}

// Apply adds one entry.
func (s *State) Apply(e Entry) error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("journal entry %d (%s %s): %s", e.Seq, e.Kind, e.Step, fmt.Sprintf(format, a...))
	}
	if s.Closed != nil {
		return bad("the run is closed already")
	}
	if (s.Run == "") != (e.Kind == RunOpened) {
		return bad("a run begins with RunOpened, once")
	}
	var err error
	switch e.Kind {
	case RunOpened:
		s.Run, s.OpenedAt = e.Run, e.At
		err = unmarshal(e.Body, &s.Opened)
		if err == nil && s.Opened.Plan != s.Plan.Digest {
			return bad("it was opened for plan %.12s, not %.12s", s.Opened.Plan, s.Plan.Digest)
		}
	case Intent, Outcome:
		step, ok := s.Plan.Find(e.Step)
		if !ok {
			return bad("the plan has no such step")
		}
		if e.Kind == Intent {
			err = s.intent(e, step)
		} else {
			err = s.outcome(e, step)
		}
	case Decision:
		var d Decided
		if err = unmarshal(e.Body, &d); err == nil {
			err = s.decide(d)
		}
	case Sealed:
		if s.Mode == Backing {
			return bad("sealed on the way back")
		}
		s.Sealed = true
	case MilestoneReached:
		var r Reached
		if err = unmarshal(e.Body, &r); err == nil {
			s.Milestone = r.Milestone
			s.Step(e.Step).Status = Done
			s.Step(e.Step).Ended = e.At
		}
	case BarrierCrossed:
		if !s.Sealed || s.Mode == Backing {
			return bad("the barrier was crossed unsealed or on the way back")
		}
		s.Barrier = true
		s.Step(e.Step).Status = Done
		s.Step(e.Step).Ended = e.At
	case RunClosed:
		s.Closed = &Closed{}
		s.ClosedAt = e.At
		s.Mode = Over
		err = unmarshal(e.Body, s.Closed)
	default:
		return bad("unknown kind; this journal is from a newer Upkeep")
	}
	if err != nil {
		return bad("%v", err)
	}
	s.Seq = e.Seq
	return nil
}

// Waiting says that nothing goes on without a person, and at which step.
func (s *State) Waiting() (Action, bool) {
	if s.Closed != nil || s.Run == "" {
		return Action{}, false
	}
	a := Next(s)
	return a, a.Kind == ActWait
}

func (s *State) intent(e Entry, step plan.Step) error {
	st := s.Step(e.Step)
	var b Intended
	if err := unmarshal(e.Body, &b); err != nil {
		return err
	}
	switch {
	case e.Dir == Do && s.Mode == Backing:
		return fmt.Errorf("a forward step on the way back")
	case e.Dir == Undo && s.Mode != Backing:
		return fmt.Errorf("an undo without a decision to go back")
	case e.Dir == Do && step.Class == plan.Irreversible && !s.Barrier:
		return fmt.Errorf("an irreversible step before the barrier")
	}
	if e.Dir == Do {
		st.Status, st.Memo, st.Began, st.Intended = InFlight, b.Memo, e.At, true
	} else {
		st.Status = Undoing
	}
	st.Touched = true
	return nil
}

func (s *State) outcome(e Entry, step plan.Step) error {
	st := s.Step(e.Step)
	var b Ended
	if err := unmarshal(e.Body, &b); err != nil {
		return err
	}
	st.Last, st.Ended = b, e.At
	if st.Began.IsZero() {
		st.Began = e.At.Add(-b.Took)
	}
	forward := e.Dir == Do
	switch {
	case forward && s.Mode == Backing:
		return fmt.Errorf("a forward outcome on the way back")
	case b.Unclear && forward:
		st.Status = Unclear
	case forward && b.OK:
		st.Status, st.Tries = Done, 0
	case forward:
		st.Status, st.Tries = Failed, st.Tries+1
		if st.Tries > step.Retries && step.Tolerated {
			st.Status = Tolerated
		}
	case b.OK:
		st.Status, st.Tries, st.Intended = Undone, 0, false
	default:
		st.Status, st.Tries = UndoFailed, st.Tries+1
	}
	return nil
}

func (s *State) decide(d Decided) error {
	switch d.Choice {
	case ChooseBack:
		if s.Barrier {
			return fmt.Errorf("back after the barrier")
		}
		if s.Mode == Backing && d.To > s.BackTo {
			return fmt.Errorf("back to milestone %d after a decision for %d", d.To, s.BackTo)
		}
		if d.To > s.Milestone {
			return fmt.Errorf("back to milestone %d, which was not reached", d.To)
		}
		s.Mode, s.BackTo, s.Why, s.Sealed = Backing, d.To, &d, false
		if s.Failure == "" {
			s.Failure = d.Step
		}
		for _, st := range s.Steps {
			if st.Status == UndoFailed {
				continue
			}
			st.Tries = 0
		}
	case ChooseLand:
		if s.Mode != Backing || d.To != s.BackTo || d.To == 0 {
			return fmt.Errorf("landing at milestone %d without having gone back to it", d.To)
		}
		s.Mode = Landing
	case ChooseRetry:
		st := s.Step(d.Step)
		st.Tries = 0
		switch st.Status {
		case UndoFailed:
			st.Status = Undoing
		case Failed, Unclear:
			st.Status = Pending
		default:
			return fmt.Errorf("retry of step %s, which is %s", d.Step, st.Status)
		}
	case ChooseSkip:
		if !s.Barrier {
			return fmt.Errorf("skip before the barrier")
		}
		s.Step(d.Step).Status = Tolerated
	case ChooseAccept:
		st := s.Step(d.Step)
		switch {
		case s.Mode == Backing:
			st.Status, st.Intended = Undone, false
		default:
			st.Status = Done
		}
	default:
		return fmt.Errorf("unknown choice %q", d.Choice)
	}
	return nil
}

func unmarshal(body json.RawMessage, v any) error {
	if len(body) == 0 {
		return nil
	}
	return json.Unmarshal(body, v)
}
