package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"upkeep/internal/plan"
)

// bodies holds the decoded body of one entry.
type bodies struct {
	opened   Opened
	intended Intended
	ended    Ended
	decided  Decided
	reached  Reached
	closed   Closed
	said     Said
}

// admit decodes an entry, and refuses it when it does not follow.
func (s *State) admit(e Entry) (bodies, error) {
	b, err := decode(e)
	if err != nil {
		return b, err
	}
	switch {
	case s.Closed != nil:
		return b, errors.New("the run is closed already")
	case e.Seq <= s.Seq:
		return b, fmt.Errorf("it does not come after entry %d", s.Seq)
	case (s.Run == "") != (e.Kind == RunOpened) || e.Run == "":
		return b, errors.New("a run begins with RunOpened, once")
	case s.Run != "" && e.Run != s.Run:
		return b, fmt.Errorf("it is of run %s, not %s", e.Run, s.Run)
	case e.Kind == RunOpened && b.opened.Plan != s.Plan.Digest:
		return b, fmt.Errorf("it was opened for plan %.12s, not %.12s", b.opened.Plan, s.Plan.Digest)
	case e.Kind == RunOpened:
		return b, nil
	}
	if _, ok := s.Plan.Find(e.Step); e.Step != "" && !ok {
		return b, errors.New("the plan has no such step")
	}
	switch e.Kind {
	case Decision:
		return b, s.admitDecision(b.decided)
	case Acknowledged:
		return b, s.admitSaid(e)
	}
	if a := Next(s); !follows(a, e, b) {
		return b, fmt.Errorf("it does not follow: next is %s %s", a.Kind, a.Step.ID)
	}
	return b, nil
}

func decode(e Entry) (bodies, error) {
	var b bodies
	var err error
	switch e.Kind {
	case RunOpened:
		err = unmarshal(e.Body, &b.opened)
	case Intent:
		err = unmarshal(e.Body, &b.intended)
	case Outcome:
		err = unmarshal(e.Body, &b.ended)
	case Decision:
		err = unmarshal(e.Body, &b.decided)
	case MilestoneReached:
		err = unmarshal(e.Body, &b.reached)
	case RunClosed:
		err = unmarshal(e.Body, &b.closed)
	case Acknowledged:
		err = unmarshal(e.Body, &b.said)
	case Sealed, BarrierCrossed:
	default:
		return b, errors.New("unknown kind; this journal is from a newer Upkeep")
	}
	if err != nil {
		return b, fmt.Errorf("cannot read its body: %w", err)
	}
	return b, nil
}

// follows says whether the action leads to the entry.
func follows(a Action, e Entry, b bodies) bool {
	step := e.Step == a.Step.ID
	switch e.Kind {
	case Intent:
		return step && (e.Dir == Do && a.Kind == ActDo && a.Step.Class != plan.Check || e.Dir == Undo && a.Kind == ActUndo)
	case Outcome:
		switch a.Kind {
		case ActRecover:
			return step && e.Dir == a.Dir && !b.ended.Skipped
		case ActDo:
			// a check has no Intent, nor has a step whose preparation failed
			return step && e.Dir == Do && !b.ended.Unclear && !b.ended.Skipped && (a.Step.Class == plan.Check || !b.ended.OK)
		case ActSkipUndo:
			return step && e.Dir == Undo && !b.ended.Unclear && b.ended.OK == b.ended.Skipped
		}
	case Sealed:
		return a.Kind == ActSeal
	case MilestoneReached:
		return a.Kind == ActMilestone && step && b.reached.Milestone == a.Number
	case BarrierCrossed:
		return a.Kind == ActBarrier && step
	case RunClosed:
		return a.Kind == ActClose && b.closed.Result == a.Result && b.closed.Version == a.Version
	}
	return false
}

// Admits says why a person's decision cannot be recorded now; nil when it can.
// Whatever is appended without asking could never be folded again.
func (s *State) Admits(d Decided) error {
	switch {
	case s.Closed != nil:
		return errors.New("the run is closed already")
	case s.Run == "":
		return errors.New("the run has not begun")
	}
	return s.admitDecision(d)
}

func (s *State) admitDecision(d Decided) error {
	a := Next(s)
	switch d.Choice {
	case ChooseBack:
		if d.From != "" {
			if a.Kind != ActBack || d.From != a.From || d.To != a.To || d.Step != a.Step.ID {
				return fmt.Errorf("a retry from %s without a failure that leads there", d.From)
			}
			return nil
		}
		return s.CanGoBack(d.To)
	case ChooseAgain:
		if a.Kind != ActAgain || d.From != a.From {
			return fmt.Errorf("forward again from %q without having gone back to it", d.From)
		}
		return nil
	case ChooseLand:
		if a.Kind != ActLand || d.To != a.To {
			return fmt.Errorf("landing at milestone %d without having gone back to it", d.To)
		}
		return nil
	case ChooseRetry, ChooseSkip, ChooseAccept:
		switch {
		case a.Kind != ActWait:
			return fmt.Errorf("nothing is to be decided: next is %s %s", a.Kind, a.Step.ID)
		case d.Step != a.Step.ID:
			return fmt.Errorf("the run waits at step %s, not %q", a.Step.ID, d.Step)
		case !slices.Contains(a.Choices, d.Choice):
			return fmt.Errorf("%s is no choice at step %s", d.Choice, d.Step)
		}
		return nil
	}
	return fmt.Errorf("unknown choice %q", d.Choice)
}

// CanGoBack says why the run cannot go back to the origin (0) or to its k-th
// milestone; nil when it can.
func (s *State) CanGoBack(to int) error {
	switch {
	case s.Closed != nil:
		return errors.New("the run is closed already")
	case s.Barrier:
		return errors.New("back after the barrier")
	case to < 0 || to > s.Milestone:
		return fmt.Errorf("back to milestone %d, which the run has not reached", to)
	case to > 0 && !s.lands(to):
		return fmt.Errorf("back to milestone %d, where the plan has no landing: it can only go on from there", to)
	}
	return nil
}

// lands says whether the plan knows how to stay at a milestone.
func (s *State) lands(k int) bool {
	return k > 0 && k <= len(s.Plan.Milestones) && len(s.Plan.Milestones[k-1].Landing) > 0
}

func unmarshal(body json.RawMessage, v any) error {
	if len(body) == 0 {
		return nil
	}
	return json.Unmarshal(body, v)
}
