package network

import (
	"strings"
	"testing"

	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// control is something left out, and what the search must find then.
type control struct {
	name, plan, mode string
	rule             rule
	bend             func(*run.State, run.Entry)
	greets           bool
	left             budget
	want             string
}

var one = budget{crashes: 1, faults: 1, breaks: 1, people: 1}

// grants are the controls of the rule of grants, a part each.
var grants = []control{
	{name: "a node accepts grants of any age", plan: "c0 c1 m | z0", rule: rule{anyAge: true},
		left: budget{faults: 1, people: 1}, want: "nobody asks for it: do c0.0 begins"},
	{name: "a node forgets the highest grant when it dies", plan: "c0 c1 m | z0", rule: rule{forgets: true},
		left: budget{faults: 1, people: 1, crashes: 1}, want: "nobody asks for it: do c0.0 begins"},
	{name: "a node goes by operations and not by sequences", plan: "c0 m c1 m | z0", mode: "stay", rule: rule{byOperation: true},
		left: budget{breaks: 1, people: 1}, want: "users are let in between"},
	{name: "a node does not end what an older grant began", plan: "c0 c1 m | z0", rule: rule{noReap: true},
		left: budget{people: 1}, want: "do c0.0"},
	{name: "a node does again what has ended", plan: "c0~ s1 m | o0", rule: rule{redoes: true},
		left: budget{faults: 1, breaks: 1}, want: "nobody asks for it: do c0.0 begins while it is \"tolerated\""},
	{name: "the coordinator takes any answer to the operation", plan: "c0 m c1 m | z0", mode: "stay", rule: rule{anyAnswer: true},
		left: budget{faults: 1, breaks: 1, people: 1}, want: "users are let in between"},
	{name: "the coordinator takes silence for a failure", plan: "c0~ s1 m | o0", rule: rule{timeoutFails: true},
		left: budget{faults: 1}, want: "nobody asks for it: do c0.0 begins"},
	{name: "the coordinator passes a step without telling its node", plan: "c0 m t1>1 c0 m | z0", rule: rule{skipAlone: true},
		left: budget{people: 1}, want: "nobody asks for it: do t1.2 begins while it is \"undone\""},
	{name: "effect before Intent", plan: "c0 s1 m | o0", rule: rule{effectFirst: true},
		left: budget{crashes: 1}, want: "the memo of c0.0 is made when it is mixed"},
}

// engine are the controls of the fold and of what comes next, an invariant each.
var engine = []control{
	{name: "after the decision it goes forward", plan: "c0 c1 m | z0", left: one, want: "a forward step after the decision to go back",
		bend: func(s *run.State, e run.Entry) {
			if e.Kind == run.Decision && s.Mode == run.Backing {
				s.Mode = run.Going
			}
		}},
	{name: "the way back forgets the last step", plan: "c0 c1 m | z0", left: one, want: "what depends on it is not undone", bend: forget},
	{name: "the barrier is passed over", plan: "c0 m | z0", left: one, want: "irreversible before the barrier",
		bend: func(s *run.State, e run.Entry) {
			if e.Kind == run.MilestoneReached {
				s.Step(s.Plan.Barrier).Status = run.Done
			}
		}},
	{name: "a failure is taken for success: a start", plan: "c0 s1 m | o0", left: one, want: "a mixed service is started by do s1", bend: blind},
	{name: "the way back forgets the last step: a start", plan: "t0 c1 m | o0", left: one, want: "a mixed service is started by undo t0", bend: forget},
	{name: "a failure is taken for success: the reopening", plan: "c0 m | o0", left: one, want: "users are let in between by do o0", bend: blind},
	{name: "the way back forgets the last step: the gate", plan: "g0 c1 m | o0", left: one, want: "users are let in between by undo g0", bend: forget},
	{name: "the way back forgets the only step: the end", plan: "c0 m | o0", left: one, want: "users are let in between: the run ends old", bend: forget},
	{name: "a recovery does again what has ended", plan: "c0 m | o0", left: one, want: "recovered twice, something changes", rule: rule{redoes: true}},
}

// blind takes a failure for success.
func blind(s *run.State, e run.Entry) {
	if e.Kind == run.Outcome && s.Step(e.Step).Status == run.Failed {
		s.Step(e.Step).Status = run.Done
	}
}

// forget lets the way back forget the last step that was begun.
func forget(s *run.State, e run.Entry) {
	if e.Kind != run.Decision || s.Mode != run.Backing {
		return
	}
	var last plan.Step
	for _, x := range s.Plan.Steps {
		if st := s.Steps[x.ID]; st != nil && st.Intended {
			last = x
		}
	}
	if last.ID != "" {
		s.Step(last.ID).Intended = false
	}
}

// found checks that the search finds what a control leaves out, and nothing
// when it is not left out.
func found(t *testing.T, list []control) {
	t.Helper()
	caught := 0
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			if c.mode == "" {
				c.mode = "origin"
			}
			p := compose(c.plan, c.mode)
			wrong := newModel(p, c.rule, c.greets, c.bend)
			wrong.wants = c.want
			_, way := wrong.explore(c.left)
			if head, _, _ := strings.Cut(way, "\n"); !strings.Contains(head, c.want) {
				t.Errorf("the search finds %q, want %q", way, c.want)
				return
			}
			caught++
			t.Log(way)
			right := newModel(p, rule{}, c.greets, nil)
			right.reduces = !c.greets
			if _, way := right.explore(c.left); way != "" {
				t.Errorf("with the rule it finds: %s", way)
			}
		})
	}
	tally.Add(t, "model", "controls", len(list))
	tally.Add(t, "model", "controls caught", caught)
}

func TestModelNeedsEveryPartOfTheRule(t *testing.T) { found(t, grants) }

func TestModelCatchesEveryBrokenRule(t *testing.T) { found(t, engine) }
