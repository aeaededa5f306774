package run

import (
	"slices"

	"upkeep/internal/plan"
)

// ActionKind is what the engine must do next.
type ActionKind string

// The actions.
const (
	ActDo        ActionKind = "do"        // a step that has no Intent, or failed and is tried again
	ActUndo      ActionKind = "undo"      // a step on the way back
	ActRecover   ActionKind = "recover"   // a step with an Intent and no Outcome: observe first
	ActSkipUndo  ActionKind = "skip-undo" // its undo does not matter for this way back
	ActBack      ActionKind = "back"      // record the decision to go back
	ActMilestone ActionKind = "milestone"
	ActSeal      ActionKind = "seal"
	ActBarrier   ActionKind = "barrier"
	ActLand      ActionKind = "land"  // the way back has reached its milestone
	ActAgain     ActionKind = "again" // the way back has reached the step that is retried from
	ActClose     ActionKind = "close"
	ActWait      ActionKind = "wait" // a person must decide
)

// UndoTries is how often an undo is tried before a person is asked.
const UndoTries = 3

// Action is the decision of what comes next.
type Action struct {
	Kind    ActionKind
	Step    plan.Step
	Dir     Direction // for recover
	Again   bool      // a further try after a failure
	To      int       // for back and land
	From    string    // for back and again: the step that is retried from
	Number  int       // for milestone: which
	Result  Result    // for close
	Version string    // for close
	Choices []Choice  // for wait
}

// Next decides what comes after the state. It is pure, and total: for every
// state that Fold can give there is exactly one answer.
func Next(s *State) Action {
	if s.Mode == Backing {
		return s.nextBack()
	}
	return s.nextForward()
}

// sequence is the steps that go forward in the mode of the run.
func (s *State) sequence() []plan.Step {
	if s.Mode == Landing {
		return s.Plan.Milestones[s.BackTo-1].Landing
	}
	return s.Plan.Steps
}

func (s *State) nextForward() Action {
	if s.Closed != nil {
		return Action{Kind: ActWait}
	}
	milestone := 0
	for _, step := range s.sequence() {
		st := s.at(step.ID)
		if step.Verb == plan.VerbMilestone {
			milestone++
		}
		switch st.Status {
		case Done, Tolerated:
			continue
		case Pending, Undone:
			switch step.Verb {
			case plan.VerbMilestone:
				return Action{Kind: ActMilestone, Step: step, Number: milestone}
			case plan.VerbBarrier:
				if !s.Sealed {
					return Action{Kind: ActSeal, Step: step}
				}
				return Action{Kind: ActBarrier, Step: step}
			}
			return Action{Kind: ActDo, Step: step}
		case InFlight:
			return Action{Kind: ActRecover, Step: step, Dir: Do}
		case Failed:
			if st.Tries <= step.Retries {
				return Action{Kind: ActDo, Step: step, Again: true}
			}
			if s.Barrier {
				return Action{Kind: ActWait, Step: step, Choices: behind(step)}
			}
			if s.Mode == Going && step.RetryFrom != "" && !s.Again[step.ID] {
				return Action{Kind: ActBack, Step: step, To: s.Milestone, From: step.RetryFrom}
			}
			return Action{Kind: ActBack, Step: step, To: s.landing()}
		case Unclear:
			choices := []Choice{ChooseRetry, ChooseAccept}
			if !s.Barrier {
				choices = append(choices, ChooseBack)
			}
			return Action{Kind: ActWait, Step: step, Choices: choices}
		}
	}
	if s.Mode == Landing {
		return Action{Kind: ActClose, Result: ResultMilestone, Version: s.Plan.Milestones[s.BackTo-1].Version}
	}
	return Action{Kind: ActClose, Result: ResultNew, Version: s.Plan.To}
}

// behind gives what a person can choose when a step fails behind the barrier.
// A step that ends an access mode or a hold cannot be skipped: users would
// stay out of a closed run. It is done again, or was done by hand.
func behind(step plan.Step) []Choice {
	if plan.Ends(step) != "" {
		return []Choice{ChooseRetry, ChooseAccept}
	}
	return []Choice{ChooseRetry, ChooseSkip}
}

// landing is where a failure leads by the decision recorded in the plan.
func (s *State) landing() int {
	if s.Mode == Landing || s.Plan.OnFailure != "stay" {
		return 0
	}
	for k := s.Milestone; k > 0; k-- {
		if s.lands(k) {
			return k
		}
	}
	return 0
}

// nextBack walks the steps that were begun, last first, down to the
// milestone that the way back ends at.
func (s *State) nextBack() Action {
	steps := s.undoable()
	for i := len(steps) - 1; i >= 0; i-- {
		step := steps[i]
		st := s.at(step.ID)
		if !st.Intended {
			continue
		}
		act := Action{Kind: ActUndo, Step: step}
		if step.OnlyTo != 0 && s.BackTo < step.OnlyTo {
			act.Kind = ActSkipUndo
		}
		switch st.Status {
		case Undoing:
			return Action{Kind: ActRecover, Step: step, Dir: Undo}
		case UndoFailed:
			if st.Tries >= UndoTries || st.Last.Unclear {
				return Action{Kind: ActWait, Step: step, Choices: []Choice{ChooseRetry, ChooseAccept}}
			}
			act.Again = true
		}
		return act
	}
	if s.From != "" {
		return Action{Kind: ActAgain, From: s.From}
	}
	if s.BackTo > 0 {
		return Action{Kind: ActLand, To: s.BackTo}
	}
	return Action{Kind: ActClose, Result: ResultOld, Version: s.Plan.From}
}

// undoable lists, in the order in which they were done, the steps that the
// way back has to consider: those after its milestone, and those of any
// landing that was tried; for a retry, those from its step on.
func (s *State) undoable() []plan.Step {
	if s.From != "" {
		return s.Plan.Steps[s.index(s.From):]
	}
	after := 0
	for i, reached := 0, 0; i < len(s.Plan.Steps) && reached < s.BackTo; i++ {
		if s.Plan.Steps[i].Verb == plan.VerbMilestone {
			reached++
		}
		after = i + 1
	}
	steps := s.Plan.Steps[after:]
	for _, m := range s.Plan.Milestones {
		if len(m.Landing) > 0 {
			steps = slices.Concat(steps, m.Landing)
		}
	}
	return steps
}
