package tell

import (
	"context"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child/childtest"
)

// A task is done when somebody says so and what must prove it reads as wanted,
// in both directions; what it would put right must have been begun.
func TestObserve(t *testing.T) {
	w := childtest.Folder(t.TempDir())
	proof := []plan.Probe{childtest.FileReads(w.Path("label"), "blue")}
	anna := &step.Said{By: "anna", Note: "with care", At: time.Date(2024, 5, 1, 22, 0, 0, 0, time.UTC)}
	for _, c := range []struct {
		name  string
		step  plan.Step
		dir   step.Direction
		said  *step.Said
		label string
		begun string
		only  []string
		want  step.State
		why   string
	}{
		{name: "nobody says anything", step: plan.Step{Task: &plan.Task{}}, want: step.Old, why: "nobody has said yet"},
		{name: "a word is enough", step: plan.Step{Task: &plan.Task{}}, said: anna, want: step.New, why: "anna said so at 2024-05-01 22:00:00 UTC (with care)"},
		{name: "a word without its proof", step: plan.Step{Task: &plan.Task{Proof: proof}}, said: anna, want: step.Old, why: "it reads none, wanted is blue"},
		{name: "a proof without a word", step: plan.Step{Task: &plan.Task{Proof: proof}}, label: "blue", want: step.Old, why: "nobody has said yet"},
		{name: "both", step: plan.Step{Task: &plan.Task{Proof: proof}}, said: anna, label: "blue", want: step.New, why: "it reads as wanted"},
		{name: "the proof alone shows the end", step: plan.Step{Task: &plan.Task{Proof: proof, Auto: true}}, label: "blue", want: step.New},
		{name: "and not before", step: plan.Step{Task: &plan.Task{Proof: proof, Auto: true}}, want: step.Old, why: "it reads none"},
		{name: "nothing on the way forward", step: plan.Step{TaskBack: &plan.Task{}}, want: step.New},
		{name: "nothing on the way back", step: plan.Step{Task: &plan.Task{}, Undo: "none"}, dir: step.Back, want: step.Old, why: "nothing takes it back, as the plan says"},
		{name: "a correction that nobody made", step: plan.Step{TaskBack: &plan.Task{}}, dir: step.Back, want: step.New},
		{name: "a correction", step: plan.Step{TaskBack: &plan.Task{}}, dir: step.Back, said: anna, want: step.Old, why: "anna said so"},
		{name: "a correction of what was not begun", step: plan.Step{TaskBack: &plan.Task{}}, dir: step.Back, only: []string{"install"}, want: step.Old, why: "was not begun"},
		{name: "a correction of what was begun", step: plan.Step{TaskBack: &plan.Task{}}, dir: step.Back, only: []string{"install"}, begun: "install", want: step.New},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.Write(t, "label", c.label)
			c.step.ID, c.step.Verb, c.step.Class = "t", "tell", plan.Reversible
			s := childtest.Step(t, c.step, plan.TellParams{Only: c.only})
			if c.dir == "" {
				c.dir = step.Forward
			}
			env, _ := childtest.Env(t, s, c.dir)
			env.Said, env.Touched = c.said, func(id string) bool { return id == c.begun }
			h := New(childtest.Probes(t))
			h.every = time.Millisecond
			obs, err := h.Observe(t.Context(), env, s, nil)
			if err != nil || obs.State != c.want || !strings.Contains(obs.Evidence, c.why) {
				t.Errorf("Observe gives %+v, %v, want %s because %q", obs, err, c.want, c.why)
			}
			// Do and Undo end by themselves exactly when there is nothing to wait for
			ctx, stop := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer stop()
			open := step.Old
			err = nil
			if c.dir == step.Back {
				open = step.New
				err = h.Undo(ctx, env, s, nil)
			} else {
				err = h.Do(ctx, env, s, nil)
			}
			if (err != nil) != (c.want == open) {
				t.Errorf("carried out gives %v though it is %s", err, c.want)
			}
		})
	}
}
