package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"upkeep/internal/engine"
	"upkeep/internal/journal/memory"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// ending is a Reaper that notes what it was to end, and can fail.
type ending struct {
	ops  []string
	fail int
}

func (r *ending) End(_ context.Context, op string) (int, error) {
	r.ops = append(r.ops, op)
	if r.fail > 0 {
		r.fail--
		return 0, errors.New("it does not die")
	}
	return 1, nil
}

// A step that the way back goes past is not undone, but what still runs of it
// is ended: it could write into what is being put back.
func TestWhatIsPassedIsEnded(t *testing.T) {
	for _, fails := range []int{0, 1, run.UndoTries} {
		p := steps("stop install milestone1 backup2 install2 milestone2 barrier open^")
		p.Steps[3].OnlyTo = 1
		p.Digest = p.Sum()
		w, j, r := newWorld(), &memory.Journal{}, &ending{fail: fails}
		open(t, j, p)
		// the engine died while backup2 was under way, and a person has chosen
		// to go back to the origin
		said := []run.Entry{{Kind: run.Intent, Step: "backup2", Dir: run.Do}, {Kind: run.Decision}}
		bodies := []any{run.Intended{Memo: "hash of backup2"}, run.Decided{Choice: run.ChooseBack, By: "ann"}}
		w.memos["backup2"] = step.Memo(`{}`)
		for _, id := range []string{"stop", "install"} {
			w.memos[id], w.effect[id] = step.Memo(`{}`), step.New
			said = slices.Insert(said, len(said)-2, run.Entry{Kind: run.Intent, Step: id, Dir: run.Do}, run.Entry{Kind: run.Outcome, Step: id, Dir: run.Do})
			bodies = slices.Insert(bodies, len(bodies)-2, any(run.Intended{Memo: "hash of " + id}), any(run.Ended{OK: true}))
		}
		said = slices.Insert(said, len(said)-2, run.Entry{Kind: run.MilestoneReached, Step: "milestone1"})
		bodies = slices.Insert(bodies, len(bodies)-2, any(run.Reached{Milestone: 1}))
		for i, e := range said {
			e.Run = "r"
			if _, err := j.Append(t.Context(), int64(i+1), e, bodies[i]); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			e := engine.New(engine.Config{Journal: j, Memos: w, Reaper: r, Observer: engine.Silent{}, Handlers: map[string]step.Handler{"x": w}, Poll: time.Millisecond})
			v, err := e.Run(t.Context(), p, "r")
			if err != nil {
				t.Fatal(err)
			}
			want := "old 1"
			if fails == run.UndoTries {
				want = "waiting at backup2"
			}
			if got := result(v); got != want {
				t.Errorf("%d failures: the run ended %q, want %q", fails, got, want)
			}
		})
		if len(r.ops) < fails || len(r.ops) == 0 || r.ops[0] != "r/backup2/do" {
			t.Errorf("%d failures: what was ended is %q", fails, r.ops)
		}
		if slices.Contains(w.events, "undo backup2") {
			t.Errorf("%d failures: backup2 was undone: %q", fails, w.events)
		}
	}
}
