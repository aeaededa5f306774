package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/engine"
	"upkeep/internal/journal/memory"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// errCrash stands for the death of the process: everything in memory is
// lost, everything durable stays.
var errCrash = errors.New("crash")

// world is what steps change: the state of every step's effect, and what was
// done in which order.
type world struct {
	effect map[string]step.State
	events []string
	memos  map[string]step.Memo
	fail   map[string]int // "do h1.migrate": how often it fails
	crash  int            // the operation at which the process dies, and from which on nothing happens; 0: never
	die    context.CancelCauseFunc
	ops    int
	torn   map[string]bool // effects that were interrupted
	blind  map[string]bool // effects that cannot be observed once torn
}

func newWorld() *world {
	return &world{effect: map[string]step.State{}, memos: map[string]step.Memo{}, fail: map[string]int{}, torn: map[string]bool{}, blind: map[string]bool{}}
}

// op is one moment at which the process can die.
func (w *world) op() error {
	w.ops++
	if w.crash > 0 && w.ops >= w.crash {
		w.die(errCrash)
		return errCrash
	}
	return nil
}

func (w *world) state(id string) step.State {
	if s, ok := w.effect[id]; ok {
		return s
	}
	return step.Old
}

func (w *world) Prepare(context.Context, step.Env, plan.Step) (step.Memo, error) {
	return step.Memo(`{"was":"old"}`), w.op()
}

func (w *world) Do(_ context.Context, _ step.Env, s plan.Step, _ step.Memo) error {
	return w.change("do", s.ID, step.New)
}

func (w *world) Undo(_ context.Context, _ step.Env, s plan.Step, _ step.Memo) error {
	return w.change("undo", s.ID, step.Old)
}

func (w *world) change(what, id string, to step.State) error {
	if err := w.op(); err != nil {
		return err
	}
	w.events = append(w.events, what+" "+id)
	w.effect[id], w.torn[id] = step.Mixed, true
	if err := w.op(); err != nil {
		return err
	}
	if w.fail[what+" "+id] > 0 {
		w.fail[what+" "+id]--
		return errors.New("it broke")
	}
	w.effect[id], w.torn[id] = to, false
	return w.op()
}

func (w *world) Observe(_ context.Context, _ step.Env, s plan.Step, _ step.Memo) (step.Observation, error) {
	if w.blind[s.ID] && w.torn[s.ID] {
		return step.Observation{State: step.Unknown, Evidence: "cannot be told"}, w.op()
	}
	return step.Observation{State: w.state(s.ID), Evidence: "looked"}, w.op()
}

func (w *world) Write(name string, m step.Memo) (string, error) {
	if err := w.op(); err != nil {
		return "", err
	}
	w.memos[name] = m
	return "hash of " + name, w.op()
}

func (w *world) Read(name, hash string) (step.Memo, error) {
	if hash != "hash of "+name {
		return nil, fmt.Errorf("no memo %s", name)
	}
	return w.memos[name], nil
}

func (w *world) End(context.Context, string) (int, error) { return 0, nil }

// steps writes a plan in short: "a b! c? | milestone d barrier e^": a step a
// name, "!" fails once more than it is retried, "?" a check, "^" irreversible,
// "~" its failure is tolerated.
func steps(text string) *plan.Plan {
	p := &plan.Plan{Format: 1, From: "1", To: "2", OnFailure: "origin"}
	for _, word := range strings.Fields(text) {
		s := plan.Step{ID: strings.TrimRight(word, "?^~"), Verb: "x", Node: "here", Class: plan.Reversible, Deadline: time.Minute}
		switch {
		case strings.HasSuffix(word, "?"):
			s.Class = plan.Check
		case strings.HasSuffix(word, "^"):
			s.Class = plan.Irreversible
		case strings.HasSuffix(word, "~"):
			s.Tolerated = true
		}
		switch {
		case strings.HasPrefix(word, "milestone"):
			s.Verb, s.Class = plan.VerbMilestone, plan.Control
			p.Hops = append(p.Hops, plan.Hop{To: fmt.Sprint(len(p.Hops) + 2)})
			p.Milestones = append(p.Milestones, plan.Milestone{ID: fmt.Sprintf("m%d", len(p.Hops)), Version: p.Hops[len(p.Hops)-1].To, Step: s.ID})
		case word == "barrier":
			s.Verb, s.Class, p.Barrier = plan.VerbBarrier, plan.Control, s.ID
		}
		p.Steps = append(p.Steps, s)
	}
	for i := range p.Milestones[:max(0, len(p.Milestones)-1)] {
		m := &p.Milestones[i]
		for _, name := range []string{"verify?", "barrier", "open^"} {
			s := plan.Step{ID: m.ID + "." + strings.TrimRight(name, "?^"), Verb: "x", Node: "here", Class: plan.Check, Deadline: time.Minute}
			switch name {
			case "barrier":
				s.Verb, s.Class = plan.VerbBarrier, plan.Control
			case "open^":
				s.Class = plan.Irreversible
			}
			m.Landing = append(m.Landing, s)
		}
	}
	p.Digest = p.Sum()
	return p
}

func newEngine(w *world, j *memory.Journal) *engine.Engine {
	return engine.New(engine.Config{Journal: j, Memos: w, Reaper: w, Observer: engine.Silent{}, Handlers: map[string]step.Handler{"x": w}, Poll: time.Millisecond})
}

func open(t *testing.T, j *memory.Journal, p *plan.Plan) {
	t.Helper()
	if _, err := j.Append(t.Context(), 0, run.Entry{Run: "r", Kind: run.RunOpened}, run.Opened{Plan: p.Digest, By: "ann"}); err != nil {
		t.Fatal(err)
	}
}

func carry(t *testing.T, w *world, p *plan.Plan) (engine.Verdict, *memory.Journal) {
	t.Helper()
	j := &memory.Journal{}
	open(t, j, p)
	v, err := newEngine(w, j).Run(t.Context(), p, "r")
	if err != nil {
		t.Fatal(err)
	}
	return v, j
}

func result(v engine.Verdict) string {
	switch {
	case v.Waiting != nil:
		return "waiting at " + v.Waiting.Step.ID
	case v.State.Closed == nil:
		return "open"
	}
	return fmt.Sprintf("%s %s", v.State.Closed.Result, v.State.Closed.Version)
}

func TestRun(t *testing.T) {
	const three = "stop backup install start verify? milestone barrier open^ tidy~"
	const hops = "stop backup install start verify? milestone1 stop2 backup2 install2 start2 milestone2 barrier open^"
	tests := []struct {
		name, plan, onFailure string
		fail                  map[string]int
		want                  string
		events                string
	}{
		{"all goes well", three, "", nil, "new 2",
			"do stop, do backup, do install, do start, do verify, do open, do tidy"},
		{"a step fails: back in reverse, the failed one too", three, "", map[string]int{"do start": 9}, "old 1",
			"do stop, do backup, do install, do start, undo start, undo install, undo backup, undo stop"},
		{"a check fails: nothing of its own to undo", three, "", map[string]int{"do verify": 9}, "old 1",
			"do stop, do backup, do install, do start, do verify, undo start, undo install, undo backup, undo stop"},
		{"an undo fails twice and then not", three, "", map[string]int{"do install": 9, "undo install": 2}, "old 1",
			"do stop, do backup, do install, undo install, undo install, undo install, undo backup, undo stop"},
		{"an undo that never works waits for a person", three, "", map[string]int{"do install": 9, "undo install": 9}, "waiting at install",
			"do stop, do backup, do install, undo install, undo install, undo install"},
		{"after the barrier nothing goes back", three, "", map[string]int{"do open": 9}, "waiting at open",
			"do stop, do backup, do install, do start, do verify, do open"},
		{"a tolerated failure is a warning", three, "", map[string]int{"do tidy": 9}, "new 2",
			"do stop, do backup, do install, do start, do verify, do open, do tidy"},
		{"the second hop fails: back to the origin", hops, "origin", map[string]int{"do start2": 9}, "old 1",
			"do stop, do backup, do install, do start, do verify, do stop2, do backup2, do install2, do start2, " +
				"undo start2, undo install2, undo backup2, undo stop2, undo start, undo install, undo backup, undo stop"},
		{"the second hop fails: stay at the milestone", hops, "stay", map[string]int{"do start2": 9}, "milestone 2",
			"do stop, do backup, do install, do start, do verify, do stop2, do backup2, do install2, do start2, " +
				"undo start2, undo install2, undo backup2, undo stop2, do m1.verify, do m1.open"},
		{"the landing fails: then back to the origin", hops, "stay", map[string]int{"do start2": 9, "do m1.verify": 9}, "old 1",
			"do stop, do backup, do install, do start, do verify, do stop2, do backup2, do install2, do start2, " +
				"undo start2, undo install2, undo backup2, undo stop2, do m1.verify, undo start, undo install, undo backup, undo stop"},
		{"the first hop fails: there is no milestone to stay at", hops, "stay", map[string]int{"do start": 9}, "old 1",
			"do stop, do backup, do install, do start, undo start, undo install, undo backup, undo stop"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := steps(tt.plan)
			if tt.onFailure != "" {
				p.OnFailure = tt.onFailure
				p.Digest = p.Sum()
			}
			w := newWorld()
			for k, n := range tt.fail {
				w.fail[k] = n
			}
			synctest.Test(t, func(t *testing.T) {
				v, _ := carry(t, w, p)
				if got := result(v); got != tt.want {
					t.Errorf("the run ended %q, want %q", got, tt.want)
				}
			})
			if diff := cmp.Diff(tt.events, strings.Join(w.events, ", ")); diff != "" {
				t.Errorf("what was done (-want +got):\n%s", diff)
			}
		})
	}
}
