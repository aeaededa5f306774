package run

import (
	"fmt"
	"slices"
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

	Asked time.Time // when a person was asked for the step's task, last
	Said  *Said     // that a person says it is done; nil until somebody does
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

// State is the fold of a run's entries. Apply changes it and nothing else;
// nothing else changes it.
type State struct {
	Plan     *plan.Plan
	Run      string
	Opened   Opened
	OpenedAt time.Time
	Mode     Mode
	BackTo   int // for Backing and Landing: 0 the origin, k the k-th milestone
	// From is the step before which this way back ends, to go forward from it again;
	// empty: the way back ends at BackTo.
	From      string
	Again     map[string]bool // steps whose failure has led back to where they are retried from
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
	return &State{Plan: p, Mode: Going, Steps: map[string]*StepState{}, Again: map[string]bool{}}
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

// at reads the state of a step; pending when it has no entry.
func (s *State) at(id string) StepState {
	if st := s.Steps[id]; st != nil {
		return *st
	}
	return StepState{}
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

// Apply adds one entry. It refuses, and leaves the state as it is, what Next
// would not have led to: such a journal is not of a run of this plan.
func (s *State) Apply(e Entry) error {
	b, err := s.admit(e)
	if err != nil {
		return fmt.Errorf("journal entry %d (%s %s): %w", e.Seq, e.Kind, e.Step, err)
	}
	switch e.Kind {
	case RunOpened:
		s.Run, s.OpenedAt, s.Opened = e.Run, e.At, b.opened
	case Intent:
		s.intent(e, b.intended)
	case Outcome:
		step, _ := s.Plan.Find(e.Step)
		s.outcome(e, step, b.ended)
	case Decision:
		s.decide(b.decided, e.At)
	case Acknowledged:
		s.said(e, b.said)
	case Sealed:
		s.Sealed = true
	case MilestoneReached:
		s.Milestone = b.reached.Milestone
		s.reach(e)
	case BarrierCrossed:
		s.Barrier = true
		s.reach(e)
	case RunClosed:
		s.Closed, s.ClosedAt, s.Mode = &b.closed, e.At, Over
	}
	s.Seq = e.Seq
	return nil
}

// reach marks a control step as passed.
func (s *State) reach(e Entry) {
	st := s.Step(e.Step)
	st.Status, st.Ended = Done, e.At
}

// Waiting says that nothing goes on without a person, and at which step.
func (s *State) Waiting() (Action, bool) {
	if s.Closed != nil || s.Run == "" {
		return Action{}, false
	}
	a := Next(s)
	return a, a.Kind == ActWait
}

func (s *State) intent(e Entry, b Intended) {
	st := s.Step(e.Step)
	st.Touched, st.Asked, st.Said = true, e.At, nil
	if e.Dir == Undo {
		st.Status = Undoing
		return
	}
	st.Status, st.Memo, st.Intended = InFlight, b.Memo, true
	if st.Began.IsZero() {
		st.Began = e.At
	}
}

func (s *State) outcome(e Entry, step plan.Step, b Ended) {
	st := s.Step(e.Step)
	st.Last, st.Ended = b, e.At
	if !b.OK {
		st.Said = nil
	}
	if st.Began.IsZero() {
		st.Began = e.At.Add(-b.Took)
	}
	forward := e.Dir == Do
	switch {
	case forward && b.Unclear:
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
}

func (s *State) decide(d Decided, at time.Time) {
	st := s.Step(d.Step)
	switch d.Choice {
	case ChooseBack:
		s.Mode, s.BackTo, s.From, s.Why, s.Sealed = Backing, d.To, d.From, &d, false
		if d.From != "" {
			s.Again[d.Step] = true
		}
		// what lies behind is about to be undone: nobody can go back to it again
		s.Milestone = d.To
		if s.Failure == "" {
			s.Failure = d.Step
		}
		for _, st := range s.Steps {
			if st.Status != UndoFailed {
				st.Tries = 0
			}
		}
	case ChooseLand:
		s.Mode = Landing
	case ChooseAgain:
		s.again()
	case ChooseRetry:
		st.Tries, st.Asked = 0, at
		if st.Status == UndoFailed {
			st.Status = Undoing
		} else {
			st.Status = Pending
		}
	case ChooseSkip:
		st.Status = Tolerated
	case ChooseAccept:
		st.Tries = 0
		if s.Mode == Backing {
			st.Status, st.Intended = Undone, false
		} else {
			st.Status = Done
		}
	}
}

// again has the run go forward from where its way back has ended: everything
// from that step on is done anew, checks too.
func (s *State) again() {
	for i := s.index(s.From); i < len(s.Plan.Steps); i++ {
		if st := s.Steps[s.Plan.Steps[i].ID]; st != nil {
			st.Status, st.Tries = Pending, 0
		}
	}
	s.Mode, s.BackTo, s.From, s.Why, s.Failure = Going, 0, "", nil, ""
}

// index is the place of a step in the plan.
func (s *State) index(id string) int {
	return slices.IndexFunc(s.Plan.Steps, func(st plan.Step) bool { return st.ID == id })
}
