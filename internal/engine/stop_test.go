package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"upkeep/internal/engine"
	"upkeep/internal/journal/memory"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// reaper is told to stop, or hangs, while it ends what is left.
type reaper struct{ end func(context.Context) error }

func (r reaper) End(ctx context.Context, _ string) (int, error) { return 0, r.end(ctx) }

func hang(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }

// begun is a journal in which step a has an Intent and no Outcome; with back,
// also the decision to go back.
func begun(t *testing.T, w *world, p *plan.Plan, back bool) *memory.Journal {
	t.Helper()
	j := &memory.Journal{}
	open(t, j, p)
	if _, err := w.Write("a", step.Memo("x")); err != nil {
		t.Fatal(err)
	}
	entries := []run.Entry{{Run: "r", Kind: run.Intent, Step: "a", Dir: run.Do}}
	bodies := []any{run.Intended{Memo: "hash of a"}}
	if back {
		entries, bodies = append(entries, run.Entry{Run: "r", Kind: run.Decision}), append(bodies, any(run.Decided{Choice: run.ChooseBack, By: "ann"}))
	}
	for i, e := range entries {
		if _, err := j.Append(t.Context(), int64(i+1), e, bodies[i]); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func config(w *world, j *memory.Journal, r engine.Reaper) engine.Config {
	return engine.Config{Journal: j, Memos: w, Reaper: r, Observer: engine.Silent{}, Handlers: map[string]step.Handler{"x": w}}
}

// An engine that is told to stop while it recovers leaves the step in flight:
// it is neither unclear nor a failed undo, and nobody is asked.
func TestStoppedWhileItEndsWhatIsLeft(t *testing.T) {
	for _, back := range []bool{false, true} {
		p := steps("a b milestone barrier open^")
		w := newWorld()
		j := begun(t, w, p, back)
		stopped := errors.New("stopped")
		ctx, stop := context.WithCancelCause(t.Context())
		r := reaper{func(ctx context.Context) error { stop(stopped); return hang(ctx) }}
		v, err := engine.New(config(w, j, r)).Run(ctx, p, "r")
		if !errors.Is(err, stopped) || v.State.Step("a").Status != run.InFlight {
			t.Errorf("back %v: it ended with %v, and step a is %s", back, err, v.State.Step("a").Status)
		}
		want := "new 2"
		if back {
			want = "old 1"
		}
		v, err = engine.New(config(w, j, w)).Run(t.Context(), p, "r")
		if err != nil || result(v) != want {
			t.Errorf("back %v: the next engine ends %s, %v, want %s", back, result(v), err, want)
		}
	}
}

// What cannot be ended does not hold up the way back for ever.
func TestWhatIsLeftDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := steps("a b milestone barrier open^")
		w := newWorld()
		j := begun(t, w, p, true)
		v, err := engine.New(config(w, j, reaper{hang})).Run(t.Context(), p, "r")
		if err != nil || result(v) != "waiting at a" || !strings.Contains(v.State.Step("a").Last.Error, "did not end within") || len(w.events) > 0 {
			t.Errorf("it ended %s, %v: %s", result(v), err, v.State.Step("a").Last.Error)
		}
	})
}

// The reserve is given free before the way back, whoever decided it.
func TestStrait(t *testing.T) {
	for name, tt := range map[string]struct {
		fail map[string]int
		back bool
		want int
	}{
		"forward":              {nil, false, 0},
		"a step fails":         {map[string]int{"do b": 9}, false, 1},
		"a person has decided": {nil, true, 1},
	} {
		p := steps("a b milestone barrier open^")
		w := newWorld()
		for k, n := range tt.fail {
			w.fail[k] = n
		}
		c := config(w, begun(t, w, p, tt.back), w)
		calls, undone := 0, 0
		c.Strait = func() { calls++; undone = len(w.events) }
		if _, err := engine.New(c).Run(t.Context(), p, "r"); err != nil {
			t.Fatal(err)
		}
		if calls != tt.want || calls > 0 && strings.Contains(strings.Join(w.events[:undone], " "), "undo") {
			t.Errorf("%s: called %d times after %v, want %d times, before anything is undone", name, calls, w.events[:undone], tt.want)
		}
	}
}
