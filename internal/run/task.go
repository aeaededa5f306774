package run

import (
	"errors"
	"fmt"

	"upkeep/internal/plan"
)

// Task gives the step whose task a person has been asked for and that nothing
// goes on without, and the direction that it is asked in. The run may also
// wait there for a decision, when nobody did it in time.
func (s *State) Task() (plan.Step, Direction, bool) {
	if s.Closed != nil || s.Run == "" {
		return plan.Step{}, "", false
	}
	switch a := Next(s); a.Kind {
	case ActRecover:
		return a.Step, a.Dir, a.Step.TaskOf(a.Dir == Undo) != nil
	case ActWait:
		dir := Do
		if s.Mode == Backing {
			dir = Undo
		}
		return a.Step, dir, a.Step.TaskOf(dir == Undo) != nil && s.asked(a.Step.ID, dir)
	}
	return plan.Step{}, "", false
}

// asked says that the step is where its task can be done.
func (s *State) asked(id string, dir Direction) bool {
	switch s.at(id).Status {
	case InFlight, Unclear:
		return dir == Do
	case Undoing, UndoFailed:
		return dir == Undo
	}
	return false
}

// AdmitsSaid says why a person's word that the task of a step is done cannot
// be recorded now; nil when it can.
func (s *State) AdmitsSaid(id string, dir Direction) error {
	if s.Closed != nil {
		return errors.New("the run is closed already")
	}
	return s.admitSaid(Entry{Step: id, Dir: dir})
}

func (s *State) admitSaid(e Entry) error {
	step, dir, ok := s.Task()
	st := s.at(e.Step)
	switch {
	case !ok || step.ID != e.Step || dir != e.Dir:
		return fmt.Errorf("nobody is asked to do the task of step %s now", e.Step)
	case st.Said != nil:
		return fmt.Errorf("%s has said already that %s is done", st.Said.By, e.Step)
	}
	return nil
}

// said takes up what a person says. What was waiting for a decision because
// nobody did the task in time is looked at again.
func (s *State) said(e Entry, b Said) {
	st := s.Step(e.Step)
	b.At = e.At
	st.Said = &b
	switch st.Status {
	case Unclear:
		st.Status = InFlight
	case UndoFailed:
		st.Status, st.Tries = Undoing, 0
	}
}
