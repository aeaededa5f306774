package cleanup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/steptest"
)

// away has two trees that a return has taken away: calls, with what Upkeep kept
// beside it, in folders of its own; and tapes, beside which nothing lies.
func away(t testing.TB) *world {
	w := &world{dir: steptest.Dir(t), point: func(_ string, effect func() error) error { return effect() }}
	calls, tapes := filepath.Join(w.dir, "more/phone/calls"), filepath.Join(w.dir, "more/tapes")
	steptest.Plant(t, folder(calls), map[string]string{"r1-h1/bin/run": "1", "r1-h1.json": "{}", "r3-h2/bin/run": "3", ".upkeep-r3-h1/x": "half"})
	must(t, os.MkdirAll(folder(tapes), 0o711))
	w.params = plan.CleanUpParams{KeepOld: 1, Gone: []plan.Addition{
		{Component: "calls", At: calls, Above: []string{filepath.Join(w.dir, "more"), filepath.Join(w.dir, "more/phone")}}, {Component: "tapes", At: tapes, Above: []string{filepath.Join(w.dir, "more")}}}}
	return w
}

func TestContractOfWhatIsGone(t *testing.T) {
	steptest.Run(t, steptest.Subject[*world]{Irreversible: true,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := away(t)
			return New(k.FS(), w), w.step(), w
		},
		Env: func(_ *testing.T, w *world, e *step.Env) { e.Run = "r4" },
		Mixed: map[string]func(*testing.T, *world){
			"a folder less": func(t *testing.T, w *world) { must(t, os.Remove(filepath.Join(w.dir, "more/.tapes.upkeep"))) },
		},
	})
}

// Nothing stays beside what is gone, and what is not Upkeep's is not touched.
func TestGone(t *testing.T) {
	for name, c := range map[string]struct {
		plant map[string]string
		left  []string
	}{
		"nothing else":             {nil, nil},
		"a file of the site above": {map[string]string{"more/ours": "x"}, []string{"more", "more/ours"}},
		"one that is back":         {map[string]string{"more/phone/calls/bin/run": "x"}, []string{"more", "more/phone", "more/phone/.calls.upkeep", "more/phone/calls"}},
		"the administrator's notes": {map[string]string{"more/phone/.calls.upkeep/notes": "x"},
			[]string{"more", "more/phone", "more/phone/.calls.upkeep", "more/phone/.calls.upkeep/notes"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := away(t)
			steptest.Plant(t, w.dir, c.plant)
			h := New(durable.OS(), w)
			m, err := h.Prepare(t.Context(), w.env(), w.step())
			must(t, err)
			must(t, h.Do(t.Context(), w.env(), w.step(), m))
			if o, err := h.Observe(t.Context(), w.env(), w.step(), m); err != nil || o.State != step.New {
				t.Errorf("Observe: %+v, %v", o, err)
			}
			var left []string
			must(t, filepath.WalkDir(filepath.Join(w.dir, "more"), func(path string, d os.DirEntry, err error) error {
				if os.IsNotExist(err) {
					return nil
				}
				rel, _ := filepath.Rel(w.dir, path)
				left = append(left, rel)
				if name == "one that is back" && filepath.Dir(path) == filepath.Join(w.dir, "more/phone") {
					return filepath.SkipDir // whole
				}
				return err
			}))
			if d := cmp.Diff(c.left, left); d != "" {
				t.Errorf("what is left (-want +got):\n%s", d)
			}
		})
	}
}
