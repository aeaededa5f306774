package plan

import "strings"

// Task is what a person does: as a step of a plan, to take one back, or before
// a run opens.
type Task struct {
	Text      string  `json:"text"`
	Reference string  `json:"reference,omitempty"` // where the vendor says more
	Privilege string  `json:"privilege,omitempty"` // as whom, or with which rights
	Proof     []Probe `json:"proof,omitempty"`     // all must hold before it counts as done
	// Auto says that the proof alone shows the end of the task: nobody has to
	// say that it is done. Otherwise somebody must say so, by name.
	Auto bool `json:"auto,omitempty"`
}

// TaskOf gives what a person does of the step on the way forward, or on the
// way back; nil when Upkeep does it.
func (s Step) TaskOf(back bool) *Task {
	if back {
		return s.TaskBack
	}
	return s.Task
}

// TellParams are the parameters of a step that a person does.
type TellParams struct {
	// Only names the steps of which one must have been begun, or the way back
	// has nothing to tell; empty: it always has.
	Only []string `json:"only,omitempty"`
	// Restores says that the way back restores data: it does so only if one of
	// Only was begun, also when there is none.
	Restores bool `json:"restores,omitempty"`
}

// Wants says in words what a probe must read.
func (p Probe) Wants() string {
	want := strings.Join(p.Expect, " or ")
	if want == "" {
		want = "there"
	}
	return strings.TrimSpace(p.Source+" "+strings.Join(p.Args, " ")) + " is " + want
}

// Proves says in words when the task counts as done.
func (t *Task) Proves() string {
	var all []string
	for _, p := range t.Proof {
		all = append(all, p.Wants())
	}
	return strings.Join(all, ", and ")
}
