package run

import "upkeep/internal/plan"

// Modes lists the steps whose access modes keep users out now, in the order of
// the plan: they were entered, and no step has ended them or may have. An
// engine that goes on with the run, and a computer that was started again,
// bring back what these modes need of a process and of the kernel. Users who
// may be in already are not sent out again.
func (s *State) Modes() []plan.Step {
	ended := map[string]bool{}
	for _, step := range s.all() {
		if st := s.at(step.ID); st.Touched && (st.Status == Done || st.Status == InFlight) {
			ended[plan.Ends(step)] = true
		}
	}
	var out []plan.Step
	for _, step := range s.Plan.Steps {
		if step.Verb == "access" && s.at(step.ID).Status == Done && !ended[step.ID] && plan.Ends(step) == "" {
			out = append(out, step)
		}
	}
	return out
}
