package create

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/steptest"
)

// world is a folder in which a product is to be installed.
type world struct{ dir string }

func (w *world) Fingerprint() string { return steptest.Describe(w.dir) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// places are those of a product: its tree and two folders below one that is
// missing, a database, and a folder that is there with a file in it.
func (w *world) places() []plan.NewPlace {
	at := func(name string) string { return filepath.Join(w.dir, name) }
	return []plan.NewPlace{{Path: at("etc"), Kind: plan.PlaceFolder, Owner: "app"}, {Path: at("srv/app/data"), Kind: plan.PlaceFolder, Owner: "app"},
		{Path: at("srv/app/data/app.db"), Kind: plan.PlaceFile, Owner: "app"}, {Path: at("srv/app/data/tickets/new"), Kind: plan.PlaceFolder}, {Path: at("srv/app/tree"), Kind: plan.PlaceTree}}
}

func (w *world) step(t testing.TB) plan.Step {
	raw, err := json.Marshal(plan.CreateParams{Places: w.places()})
	must(t, err)
	return plan.Step{ID: "create", Verb: "create", Params: raw}
}

func newWorld(t testing.TB) *world {
	w := &world{dir: steptest.Dir(t)}
	steptest.Plant(t, filepath.Join(w.dir, "etc"), map[string]string{"motd": "hello", "conf.d/10-site": "x"})
	return w
}

func me(string) (files.Ownership, error) {
	return files.Ownership{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}, nil
}

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[*world]{
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := newWorld(t)
			return New(k.FS(), me, os.Getuid() == 0), w.step(t), w
		},
		// what the rest of a first install does before it fails
		Between: func(t *testing.T, w *world) {
			steptest.Plant(t, filepath.Join(w.dir, "srv/app/data"), map[string]string{"app.db": "rows", "app.db-wal": "more", "tickets/new/1": "one", "cache/a": "a"})
			steptest.Plant(t, filepath.Join(w.dir, "etc"), map[string]string{"conf.d/20-app": "y", "app/settings": "z"})
		},
		Mixed: map[string]func(*testing.T, *world){
			"half of the folders": func(t *testing.T, w *world) { must(t, os.MkdirAll(filepath.Join(w.dir, "srv/app"), 0o755)) },
			"all but the database": func(t *testing.T, w *world) {
				must(t, os.MkdirAll(filepath.Join(w.dir, "srv/app/data/tickets/new"), 0o755))
			},
		},
	})
}

// What is there is not installed into, and nothing is made then.
func TestPrepareRefuses(t *testing.T) {
	for name, plant := range map[string]map[string]string{
		"a tree with files": {"srv/app/tree/index.php": "x"},
		"a database":        {"srv/app/data/app.db": "rows"},
		"a file above":      {"srv/app": "a file"},
		"a file as folder":  {"srv/app/data": "a file"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			steptest.Plant(t, w.dir, plant)
			before := w.Fingerprint()
			if _, err := New(durable.OS(), me, false).Prepare(t.Context(), step.Env{}, w.step(t)); err == nil {
				t.Error("it would be installed into")
			}
			if w.Fingerprint() != before {
				t.Error("something was made")
			}
		})
	}
	w := newWorld(t)
	none := func(string) (files.Ownership, error) { return files.Ownership{}, errors.New("no such account") }
	var u *step.UserError
	if _, err := New(durable.OS(), none, true).Prepare(t.Context(), step.Env{}, w.step(t)); !errors.As(err, &u) {
		t.Errorf("an account that is not there: %v, want a UserError", err)
	}
}

// added are the places of what an upgrade adds: below a folder that may be there
// or not.
func (w *world) added(t testing.TB) plan.Step {
	at := func(name string) string { return filepath.Join(w.dir, name) }
	raw, err := json.Marshal(plan.CreateParams{Places: []plan.NewPlace{{Path: at("more"), Kind: plan.PlaceAbove, Owner: "app"}, {Path: at("more/calls"), Kind: plan.PlaceAbove, Owner: "app"},
		{Path: at("more/calls/tree"), Kind: plan.PlaceTree}, {Path: at("more/tapes"), Kind: plan.PlaceNew, Owner: "app"}}})
	must(t, err)
	return plan.Step{ID: "create", Verb: "create", Params: raw}
}

func TestContractOfAnAddition(t *testing.T) {
	for name, there := range map[string]map[string]string{"nothing above it": nil, "a folder above it with a file": {"more/ours": "x"}} {
		t.Run(name, func(t *testing.T) {
			steptest.Run(t, steptest.Subject[*world]{
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
					w := newWorld(t)
					steptest.Plant(t, w.dir, there)
					return New(k.FS(), me, os.Getuid() == 0), w.added(t), w
				},
				// what the rest of an upgrade does before it fails
				Between: func(t *testing.T, w *world) {
					steptest.Plant(t, filepath.Join(w.dir, "more"), map[string]string{"calls/left": "x", "tapes/one": "y"})
				},
				Mixed: map[string]func(*testing.T, *world){
					"half of the folders": func(t *testing.T, w *world) { must(t, os.MkdirAll(filepath.Join(w.dir, "more/calls"), 0o755)) },
				},
			})
		})
	}
}

func TestAdditionRefused(t *testing.T) {
	for name, plant := range map[string]map[string]string{
		"something where a tree comes":   {"more/calls/tree/x": "x"},
		"something where a folder comes": {"more/tapes/x": "x"},
		"a file above":                   {"more": "a file"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			steptest.Plant(t, w.dir, plant)
			var u *step.UserError
			if _, err := New(durable.OS(), me, false).Prepare(t.Context(), step.Env{}, w.added(t)); !errors.As(err, &u) {
				t.Errorf("%v, want a UserError", err)
			}
		})
	}
}
