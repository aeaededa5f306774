package cleanup

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/site"
	"upkeep/internal/step"
	"upkeep/internal/step/steptest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a product with what several runs have left beside it.
type world struct {
	dir    string
	params plan.CleanUpParams
	points []site.Kept
	point  func(name string, effect func() error) error
}

func (w *world) at() string { return filepath.Join(w.dir, "app") }

func (w *world) Fingerprint() string {
	s := steptest.Describe(w.dir)
	for _, p := range w.points {
		s += "restore point " + p.ID + "\n"
	}
	return s
}

func (w *world) List(_ context.Context, dir string, _ *plan.Repository) ([]site.Kept, error) {
	if dir != w.params.RestoreDir {
		return nil, errors.New("no such place")
	}
	return slices.Clone(w.points), nil
}

func (w *world) Sweep(context.Context, string, *plan.Repository) error { return nil }

func (w *world) Remove(_ context.Context, _ string, _ *plan.Repository, id string) error {
	if !slices.ContainsFunc(w.points, func(p site.Kept) bool { return p.ID == id }) {
		return errors.New("no such restore point")
	}
	return w.point("remove "+id, func() error {
		w.points = slices.DeleteFunc(w.points, func(p site.Kept) bool { return p.ID == id })
		return nil
	})
}

// several has three earlier runs, the second with two hops, and this one, r4,
// with two; r2's clean-up was interrupted.
func several(t testing.TB) *world {
	w := &world{dir: steptest.Dir(t), point: func(_ string, effect func() error) error { return effect() }}
	w.params = plan.CleanUpParams{Trees: []string{w.at(), filepath.Join(w.dir, "absent")}, KeepOld: 1, RestoreDir: "/backup", Keep: site.Retention{Last: 2}}
	steptest.Plant(t, w.at(), map[string]string{"bin/app": "live"})
	f := folder(w.at())
	steptest.Plant(t, f, map[string]string{"r1-h1/bin/app": "1", "r2-h1/bin/app": "2", "r2-h2/bin/app": "2", "r3-h1/bin/app": "3",
		"r4-h1/bin/app": "origin", "r4-h2/bin/app": "between", "r4-h1.shipped/0": "sample", "r4-h1.defaults/0": "default", "r9-h1.json": "{}", ".upkeep-r2-h3/bin/app": "half",
		"notes-of-the-admin/x": "x", "r4-h1.aside/x": "x", "readme.json": "{}"})
	for i, name := range []string{"r1-h1", "r2-h1", "r2-h2", "r3-h1", "r4-h1", "r4-h2"} {
		path := filepath.Join(f, name+".json")
		must(t, os.WriteFile(path, []byte("{}"), 0o600))
		at := time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC)
		must(t, os.Chtimes(path, at, at))
	}
	w.params.BundleDir = filepath.Join(w.dir, "bundles")
	w.params.Bundles = []string{digest("a"), digest("b")} // of what is installed, and of this run
	w.params.Earlier = map[string][]string{"r1": {digest("c")}, "r2": {digest("d"), digest("a")}, "r3": {digest("e")}}
	for _, name := range []string{digest("a"), digest("b"), digest("c"), digest("d"), digest("e"), digest("f") + ".new", ".upkeep-" + digest("e"), "notes"} {
		steptest.Plant(t, filepath.Join(w.params.BundleDir, name), map[string]string{"upkeep.yaml": name})
	}
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	w.points = []site.Kept{{ID: "r1-origin", Run: "r1", Made: day(1)}, {ID: "by-hand", Run: "", Made: day(2)}, {ID: "r2-origin", Run: "r2", Made: day(3)}, {ID: "r4-origin", Run: "r4", Made: day(9)}, {ID: "r4-m1", Run: "r4", Made: day(10)}, {ID: "r3-origin", Run: "r3", Made: day(11)}}
	return w
}

func digest(letter string) string { return strings.Repeat(letter, 64) }

// Bundles stay as long as a run needs them that could be taken back.
func TestBundlesOfKeptRunsStay(t *testing.T) {
	for keep, want := range map[int][]string{
		1: {digest("a"), digest("b"), digest("e"), "notes"},
		4: {digest("a"), digest("b"), digest("d"), digest("e"), "notes"},
		9: {digest("a"), digest("b"), digest("c"), digest("d"), digest("e"), "notes"},
	} {
		w := several(t)
		w.params.Keep.Last = keep
		h := New(durable.OS(), w)
		m, err := h.Prepare(t.Context(), w.env(), w.step())
		must(t, err)
		must(t, h.Do(t.Context(), w.env(), w.step(), m))
		list, err := os.ReadDir(w.params.BundleDir)
		must(t, err)
		var got []string
		for _, e := range list {
			got = append(got, e.Name())
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("with %d restore points (-want +got):\n%s", keep, d)
		}
	}
}

func (w *world) step() plan.Step {
	raw, err := json.Marshal(w.params)
	if err != nil {
		panic(err)
	}
	return plan.Step{ID: "clean-up", Verb: "clean-up", Class: plan.Irreversible, Params: raw}
}

func (w *world) env() step.Env {
	return step.Env{Run: "r4", Direction: step.Forward, Log: &strings.Builder{}}
}

func (w *world) names(t testing.TB) []string {
	list, err := os.ReadDir(folder(w.at()))
	must(t, err)
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[*world]{Irreversible: true,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := several(t)
			w.point = k.Point
			return New(k.FS(), w), w.step(), w
		},
		Env: func(_ *testing.T, w *world, e *step.Env) { e.Run = "r4" },
		Mixed: map[string]func(*testing.T, *world){
			"half a tree in the bin": func(t *testing.T, w *world) {
				must(t, os.Rename(folder(w.at())+"/r1-h1", folder(w.at())+"/.upkeep-r1-h1"))
			},
			"half a bundle in the bin": func(t *testing.T, w *world) {
				must(t, os.Rename(filepath.Join(w.params.BundleDir, digest("c")), filepath.Join(w.params.BundleDir, ".upkeep-"+digest("c"))))
			},
			"a restore point less": func(t *testing.T, w *world) { w.points = w.points[1:] },
		},
	})
}

func TestNothingToRemove(t *testing.T) {
	steptest.Run(t, steptest.Subject[*world]{Irreversible: true, Before: step.New,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := &world{dir: steptest.Dir(t)}
			w.params.Trees = []string{w.at()}
			return New(k.FS(), w), w.step(), w
		}})
}

func TestRetention(t *testing.T) {
	linked := func(t *testing.T, w *world) { // the live tree lies in Upkeep's folder
		must(t, os.RemoveAll(w.at()))
		must(t, os.Symlink(".app.upkeep/r4-h2", w.at()))
	}
	always := []string{"notes-of-the-admin", "r4-h1.aside", "readme.json"}
	for name, c := range map[string]struct {
		keep   int
		harm   func(*testing.T, *world)
		trees  []string
		points []string
	}{
		"one":            {1, nil, []string{"r3-h1", "r3-h1.json", "r4-h1", "r4-h1.json"}, []string{"by-hand", "r4-origin", "r4-m1", "r3-origin"}},
		"none":           {0, nil, []string{"r4-h1", "r4-h1.json"}, nil},
		"two":            {2, nil, []string{"r2-h2", "r2-h2.json", "r3-h1", "r3-h1.json", "r4-h1", "r4-h1.json"}, nil},
		"through a link": {1, linked, []string{"r3-h1", "r3-h1.json", "r4-h2", "r4-h2.json"}, nil},
		"live is earlier": {0, func(t *testing.T, w *world) {
			must(t, os.RemoveAll(w.at()))
			must(t, os.Symlink(".app.upkeep/r1-h1", w.at()))
		}, []string{"r1-h1", "r1-h1.json"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := several(t)
			w.params.KeepOld = c.keep
			if c.harm != nil {
				c.harm(t, w)
			}
			h := New(durable.OS(), w)
			m, err := h.Prepare(t.Context(), w.env(), w.step())
			must(t, err)
			must(t, h.Do(t.Context(), w.env(), w.step(), m))
			want := slices.Sorted(slices.Values(append(slices.Clone(always), c.trees...)))
			if d := cmp.Diff(want, w.names(t)); d != "" {
				t.Errorf("what stays (-want +got):\n%s", d)
			}
			if c.points == nil {
				return
			}
			var left []string
			for _, p := range w.points {
				left = append(left, p.ID)
			}
			if d := cmp.Diff(c.points, left); d != "" {
				t.Errorf("restore points that stay (-want +got):\n%s", d)
			}
		})
	}
}

// The origin of this run stays however many restore points are newer.
func TestOriginStays(t *testing.T) {
	day := time.Now()
	got := site.Retention{Last: 1}.Surplus([]site.Kept{{ID: "r4-origin", Run: "r4", Made: day}, {ID: "r4-m1", Run: "r4", Made: day.Add(1)}, {ID: "r4-m2", Run: "r4", Made: day.Add(2)}, {ID: "r3-origin", Run: "r3", Made: day.Add(-1)}}, day, "r4-origin")
	if d := cmp.Diff([]string{"r3-origin", "r4-m1"}, got); d != "" {
		t.Error(d)
	}
}

// A tree that still holds the site's files is not removed, and keeps its name;
// all else goes.
func TestKeptFilesAreNotRemoved(t *testing.T) {
	w := several(t)
	from, into := filepath.Join(w.dir, "from"), folder(w.at())+"/r1-h1"
	steptest.Plant(t, from, map[string]string{"uploads/1": "data"})
	c, err := files.PlanCarry(durable.OS(), from, into, filepath.Join(w.dir, "aside"), []string{"uploads"})
	must(t, err)
	must(t, c.Apply(durable.OS()))
	h := New(durable.OS(), w)
	m, err := h.Prepare(t.Context(), w.env(), w.step())
	must(t, err)
	if err := h.Do(t.Context(), w.env(), w.step(), m); !errors.Is(err, files.ErrCarry) {
		t.Errorf("Do: %v, want ErrCarry", err)
	}
	if b, err := os.ReadFile(into + "/uploads/1"); err != nil || string(b) != "data" {
		t.Errorf("the site's file reads %q, %v", b, err)
	}
	if slices.Contains(w.names(t), "r2-h1") {
		t.Error("one tree that cannot be removed has kept the others")
	}
	o, err := h.Observe(t.Context(), w.env(), w.step(), m)
	if err != nil || o.State != step.Mixed {
		t.Errorf("Observe: %v, %v; want mixed", o, err)
	}
}

func TestUndoIsRefused(t *testing.T) {
	w := several(t)
	if err := New(durable.OS(), w).Undo(t.Context(), w.env(), w.step(), nil); err == nil {
		t.Error("Undo says that it has brought back what is gone")
	}
}
