package params

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/steptest"
)

const (
	before = "installation: {id: i, product: p}\nparams:\n  url: a\n"
	after  = "installation: {id: i, product: p}\nparams:\n  url: \"b\"\n"
)

// world is a folder with an installation document.
type world struct{ dir string }

func (w *world) Fingerprint() string { return steptest.Describe(w.dir) }

func (w *world) path() string { return filepath.Join(w.dir, "installation.yaml") }

func newWorld(t testing.TB) *world {
	w := &world{dir: steptest.Dir(t)}
	steptest.Plant(t, w.dir, map[string]string{"installation.yaml": before})
	if err := os.Chmod(w.path(), 0o640); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(w.path(), 12, 34); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) step(t testing.TB) plan.Step {
	raw, err := json.Marshal(plan.ParamsParams{Path: w.path(), Was: sum([]byte(before)), Text: after})
	if err != nil {
		t.Fatal(err)
	}
	return plan.Step{ID: "params", Verb: "params", Params: raw}
}

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[*world]{
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := newWorld(t)
			return New(k.FS()), w.step(t), w
		},
	})
}

// A document that somebody edits in between is not written over in silence.
func TestEditedMeanwhile(t *testing.T) {
	w := newWorld(t)
	h := New(durable.OS())
	m, err := h.Prepare(t.Context(), step.Env{}, w.step(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path(), []byte(before+"limits: {backup: 1h}\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if o, err := h.Observe(t.Context(), step.Env{}, w.step(t), m); err != nil || o.State != step.Foreign {
		t.Errorf("%+v, %v, want foreign", o, err)
	}
	var u *step.UserError
	if _, err := h.Prepare(t.Context(), step.Env{}, w.step(t)); !errors.As(err, &u) {
		t.Errorf("%v, want a UserError", err)
	}
}
