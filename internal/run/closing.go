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
	from, until := s.away()
	switch {
	case from.IsZero():
		return 0
	case until.IsZero():
		until = now
	}
	return max(0, until.Sub(from))
}

// Out says that the product does not serve its users now.
func (s *State) Out() bool {
	from, until := s.away()
	return !from.IsZero() && until.IsZero()
}

// away gives when the product went from its users and when it came back; zero
// where it did not.
func (s *State) away() (from, until time.Time) {
	var up, undone time.Time
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
	case !up.IsZero():
		return from, up
	case !down:
		return from, undone
	}
	return from, time.Time{}
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
	out := append([]string(nil), s.Plan.Already...)
	for _, step := range s.all() {
		if step.Once != "" && s.at(step.ID).Status == Done {
			out = append(out, step.Once)
		}
	}
	return out
}
