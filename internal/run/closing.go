package run

import (
	"time"

	"upkeep/internal/plan"
)

// Outage gives how long the product did not serve its users: from the Intent
// of the first step that takes it from them to the Outcome of the one that
// gives it back, or of the last undo that does. While it still does not serve
// them it is counted up to now. It is zero when it never was away.
func (s *State) Outage(now time.Time) time.Duration {
	var from, up, undone time.Time
	down := false
	for _, step := range s.all() {
		st := s.at(step.ID)
		if step.Up && st.Status == Done && st.Ended.After(up) {
			up = st.Ended
		}
		if !step.Down || !st.Touched {
			continue
		}
		if from.IsZero() || st.Began.Before(from) {
			from = st.Began
		}
		if st.Status != Undone {
			down = true
		} else if st.Ended.After(undone) {
			undone = st.Ended
		}
	}
	switch {
	case from.IsZero():
		return 0
	case !up.IsZero():
		return max(0, up.Sub(from))
	case !down:
		return max(0, undone.Sub(from))
	}
	return max(0, now.Sub(from))
}

func (s *State) all() []plan.Step {
	all := append([]plan.Step(nil), s.Plan.Steps...)
	for _, m := range s.Plan.Milestones {
		all = append(all, m.Landing...)
	}
	return all
}

// Work lists the steps whose failure was tolerated, or that a person skipped.
func (s *State) Work() []string {
	var out []string
	for _, step := range s.all() {
		if s.at(step.ID).Status == Tolerated {
			out = append(out, step.ID)
		}
	}
	return out
}

// Once lists the markers of the once-only steps that were done.
func (s *State) Once() []string {
	var out []string
	for _, step := range s.all() {
		if step.Once != "" && s.at(step.ID).Status == Done {
			out = append(out, step.Once)
		}
	}
	return out
}
