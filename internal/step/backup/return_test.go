package backup

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/steptest"
)

// morning is a product whose upgrade is over: its run r1 has left a restore
// point, and run r2 takes it back.
func morning(t *testing.T) (w *world, h *Return, s plan.Step, env step.Env, was string) {
	t.Helper()
	w = newWorld(t, durable.OS())
	was = product(w.Fingerprint())
	w.do(t)
	w.upgrade(t)
	p := w.params
	p.Covers = nil
	raw, err := json.Marshal(plan.ReturnParams{Run: "r1", Point: "r1-origin", BackupParams: p})
	must(t, err)
	env = w.env(step.Forward)
	env.Run, env.OpID, env.Touched = "r2", "r2/return/do", func(string) bool { return false }
	return w, NewReturn(w.handler()), plan.Step{ID: "return", Verb: "return", Params: raw}, env, was
}

func TestReturn(t *testing.T) {
	w, h, s, env, was := morning(t)
	m, err := h.Prepare(t.Context(), env, s)
	must(t, err)
	look := func(want step.State) {
		t.Helper()
		before := w.Fingerprint()
		o, err := h.Observe(t.Context(), env, s, m)
		if err != nil || o.State != want || o.Evidence == "" {
			t.Fatalf("Observe says %s (%s), %v, want %s", o.State, o.Evidence, err, want)
		}
		if w.Fingerprint() != before {
			t.Error("Observe has changed something")
		}
	}
	look(step.Mixed) // everything is to be done: what differs cannot be told from what is half done
	must(t, h.Do(t.Context(), env, s, m))
	look(step.New)
	if product(w.Fingerprint()) != was {
		t.Error("it is not as it was before the upgrade")
	}
	// killed in the middle and done again
	must(t, os.Remove(w.at()+"/uploads/dog.jpg"))
	w.sql(t, "DELETE FROM users")
	look(step.Mixed)
	must(t, h.Do(t.Context(), env, s, m))
	look(step.New)
	if product(w.Fingerprint()) != was {
		t.Error("done again, it is not as it was before the upgrade")
	}
	// the way back is the restore point's of the state before
	env.Direction = step.Back
	must(t, h.Undo(t.Context(), env, s, m))
	look(step.Old)
}

func TestReturnWithoutItsRestorePoint(t *testing.T) {
	w, h, s, env, _ := morning(t)
	lacks := strings.Replace(string(s.Params), `"component":"db"`, `"component":"other"`, 1)
	if _, err := h.Prepare(t.Context(), env, plan.Step{ID: "return", Params: json.RawMessage(lacks)}); err == nil {
		t.Error("a restore point that lacks a part is good enough")
	}
	must(t, os.Rename(w.points()+"/r1-origin", w.dir+"/away"))
	var u *step.UserError
	if _, err := h.Prepare(t.Context(), env, s); !errors.As(err, &u) || !strings.Contains(err.Error(), "r1-origin") {
		t.Errorf("without the restore point: %v", err)
	}
}

// What the earlier run has added is taken away, and the restore point of the
// state before brings it back.
func TestReturnTakesAway(t *testing.T) {
	w, h, s, env, _ := morning(t)
	at := w.dir + "/added"
	steptest.Plant(t, at, map[string]string{"bin/run": "added", "list": "ours"})
	now := w.params
	now.Key = "now"
	now.Files = append(slices.Clone(now.Files), plan.FileSource{Component: "added", Path: at})
	now.Covers = []string{"return"}
	raw, err := json.Marshal(now)
	must(t, err)
	saving := plan.Step{ID: "backup", Verb: "backup", Params: raw}
	b := w.handler()
	saved, err := b.Prepare(t.Context(), env, saving)
	must(t, err)
	must(t, b.Do(t.Context(), env, saving, saved))
	before := product(w.Fingerprint())

	p, err := step.Params[plan.ReturnParams](s)
	must(t, err)
	p.Gone = []plan.Addition{{Component: "added", At: at}}
	s.Params, err = json.Marshal(p)
	must(t, err)
	m, err := h.Prepare(t.Context(), env, s)
	must(t, err)
	for range 2 { // killed and done again
		must(t, h.Do(t.Context(), env, s, m))
		if o, err := h.Observe(t.Context(), env, s, m); err != nil || o.State != step.New {
			t.Fatalf("%+v, %v", o, err)
		}
		if _, err := os.Lstat(at); !os.IsNotExist(err) {
			t.Fatalf("it is still there: %v", err)
		}
	}
	// half of it is left
	steptest.Plant(t, at, map[string]string{"list": "ours"})
	if o, err := h.Observe(t.Context(), env, s, m); err != nil || o.State != step.Mixed || !strings.Contains(o.Evidence, at+" is still there") {
		t.Errorf("%+v, %v", o, err)
	}
	env.Direction, env.Touched = step.Back, func(id string) bool { return id == "return" }
	must(t, h.Undo(t.Context(), env, s, m))
	must(t, b.Undo(t.Context(), env, saving, saved))
	if product(w.Fingerprint()) != before {
		t.Error("a return that failed has not brought it back")
	}
}
