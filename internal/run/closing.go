package run

import (
	"time"

	"upkeep/internal/plan"
)

// Down and up: the outage is counted from the Intent of the first step that
// takes the product from its users to the Outcome of the one that gives it
// back.

// Outage gives how long the product did not serve its users; while it still
// does not, up to now. It is zero when it never was away.
func (s *State) Outage(now time.Time) time.Duration {
	var from, to time.Time
	for _, step := range s.all() {
		st := s.Steps[step.ID]
		if st == nil {
			continue
		}
		if step.Down && st.Touched && from.IsZero() {
			from = st.Began
		}
		if step.Down && st.Status == Undone || step.Up && st.Status == Done {
			if st.Ended.After(to) {
				to = st.Ended
			}
		}
	}
	switch {
	case from.IsZero():
		return 0
	case to.IsZero():
		to = now
	}
	return max(0, to.Sub(from))
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
		if st := s.Steps[step.ID]; st != nil && st.Status == Tolerated {
			out = append(out, step.ID)
		}
	}
	return out
}
