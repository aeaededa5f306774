package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"upkeep/internal/engine"
	"upkeep/internal/journal/memory"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// crashes runs the plan with the process dying at operation k, and once more
// at operation j of the recovery, and then lets it recover in peace. Journal
// writes are two operations each: before and after they are durable.
func crashes(t *testing.T, p *plan.Plan, fail map[string]int, blind string, kill ...int) (*world, engine.Verdict, int) {
	t.Helper()
	w, j := newWorld(), &memory.Journal{}
	for k, n := range fail {
		w.fail[k] = n
	}
	if blind != "" {
		w.blind[blind] = true
	}
	open(t, j, p)
	die := func(run.Kind, string) error { return w.op() }
	j.Before, j.After = die, die
	first := 0
	for i, k := range append(kill, 0) {
		ctx, die := context.WithCancelCause(t.Context())
		w.ops, w.crash, w.die = 0, k, die
		v, err := newEngine(w, j).Run(ctx, p, "r")
		die(nil)
		if i == 0 {
			first = w.ops
		}
		switch {
		case err == nil:
			return w, v, first
		case !errors.Is(err, errCrash):
			t.Fatalf("killed at %v: %v", kill, err)
		}
	}
	t.Fatalf("killed at %v: the last recovery did not end", kill)
	return nil, engine.Verdict{}, 0
}

// whole checks the first promise on the world: every reversible effect is
// there, or none is.
func whole(t *testing.T, p *plan.Plan, w *world, v engine.Verdict, what string) {
	t.Helper()
	if v.State.Closed == nil {
		t.Fatalf("%s: the run is %s", what, result(v))
	}
	want := step.New
	if v.State.Closed.Result == run.ResultOld {
		want = step.Old
	}
	for _, s := range p.Steps {
		if s.Class == plan.Control || s.Class == plan.Check {
			continue
		}
		if got := w.state(s.ID); got != want {
			t.Fatalf("%s: the run ended %s, but %s is %s\n%s", what, v.State.Closed.Result, s.ID, got, strings.Join(w.events, ", "))
		}
	}
}

func TestEveryCrashPoint(t *testing.T) {
	const text = "stop backup install start verify? milestone barrier open^"
	for _, tt := range []struct {
		name string
		fail map[string]int
		want run.Result
	}{
		{"forward", nil, run.ResultNew},
		{"back", map[string]int{"do start": 1}, run.ResultOld},
		{"back with a stubborn undo", map[string]int{"do start": 1, "undo install": 1}, run.ResultOld},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { everyCrashPoint(t, steps(text), tt.fail, tt.want) })
		})
	}
}

func everyCrashPoint(t *testing.T, p *plan.Plan, fail map[string]int, want run.Result) {
	_, v, total := crashes(t, p, fail, "")
	if got := v.State.Closed.Result; got != want {
		t.Fatalf("in peace the run ends %s, want %s", got, want)
	}
	singles, pairs := 0, 0
	for k := 1; k <= total; k++ {
		w, v, _ := crashes(t, p, fail, "", k)
		whole(t, p, w, v, fmt.Sprintf("killed at %d", k))
		singles++
		for j := 1; j <= w.ops; j += 1 + len(fail) {
			w, v, _ := crashes(t, p, fail, "", k, j)
			whole(t, p, w, v, fmt.Sprintf("killed at %d and %d", k, j))
			pairs++
		}
	}
	t.Logf("%d crash points, %d pairs", singles, pairs)
}

// A step that was interrupted and whose effect cannot be told is never
// redone by itself.
func TestUnclearWaitsForAPerson(t *testing.T) {
	p := steps("stop install milestone barrier open^")
	_, _, total := crashes(t, p, nil, "install")
	waited := 0
	for k := 1; k <= total; k++ {
		w, v, _ := crashes(t, p, nil, "install", k)
		if v.Waiting == nil {
			whole(t, p, w, v, fmt.Sprint("killed at ", k))
			continue
		}
		waited++
		if v.Waiting.Step.ID != "install" {
			t.Fatalf("killed at %d: waiting at %s", k, v.Waiting.Step.ID)
		}
		if n := strings.Count(strings.Join(w.events, ","), "do install"); n != 1 {
			t.Fatalf("killed at %d: install was done %d times", k, n)
		}
	}
	if waited == 0 {
		t.Error("no crash left install unclear: the test shows nothing")
	}
}

// A decision of a person ends the step that runs, and leads back.
func TestCancelWhileAStepRuns(t *testing.T) {
	p := steps("stop install start milestone barrier open^")
	w, j := newWorld(), &memory.Journal{}
	open(t, j, p)
	h := &hanging{world: w, on: "start", began: make(chan struct{})}
	e := engine.New(engine.Config{Journal: j, Memos: w, Reaper: w, Observer: engine.Silent{}, Handlers: map[string]step.Handler{"x": h}, Poll: time.Millisecond})
	go func() {
		<-h.began
		entries, _ := j.Entries(context.Background(), "r", 0)
		_, err := j.Append(context.Background(), entries[len(entries)-1].Seq, run.Entry{Run: "r", Kind: run.Decision},
			run.Decided{Choice: run.ChooseBack, By: "ann", Why: "I changed my mind"})
		if err != nil {
			panic(err)
		}
	}()
	v, err := e.Run(t.Context(), p, "r")
	if err != nil {
		t.Fatal(err)
	}
	whole(t, p, w, v, "cancelled")
	if v.State.Why == nil || v.State.Why.By != "ann" {
		t.Errorf("the run does not say who decided: %+v", v.State.Why)
	}
}

// hanging is a world in which one step never ends by itself.
type hanging struct {
	*world
	on    string
	began chan struct{}
}

func (h *hanging) Do(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	if s.ID != h.on {
		return h.world.Do(ctx, env, s, m)
	}
	h.effect[s.ID] = step.Mixed
	close(h.began)
	<-ctx.Done()
	return ctx.Err()
}

func TestDeadlineIsAFailure(t *testing.T) {
	p := steps("stop install milestone barrier open^")
	p.Steps[1].Deadline = 10 * time.Millisecond
	p.Digest = p.Sum()
	w, j := newWorld(), &memory.Journal{}
	open(t, j, p)
	h := &hanging{world: w, on: "install", began: make(chan struct{})}
	v, err := engine.New(engine.Config{Journal: j, Memos: w, Reaper: w, Observer: engine.Silent{}, Handlers: map[string]step.Handler{"x": h}}).Run(t.Context(), p, "r")
	if err != nil {
		t.Fatal(err)
	}
	whole(t, p, w, v, "hung")
	if msg := v.State.Step("install").Last; v.State.Why == nil || !strings.Contains(v.State.Why.Why, "deadline of 10ms") {
		t.Errorf("the reason does not name the deadline: %+v %+v", v.State.Why, msg)
	}
}
