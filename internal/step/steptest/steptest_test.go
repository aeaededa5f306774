package steptest

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/lab/tap"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// sign is a small verb: two files are given the text "new". fault is what is
// wrong with it.
type sign struct {
	fs    durable.FS
	dir   string
	fault string
}

type world struct{ dir string }

func (w *world) Fingerprint() string { return Describe(w.dir) }

func names() []string { return []string{"a", "b"} }

func (h *sign) read(name string) (string, error) {
	b, err := h.fs.ReadFile(filepath.Join(h.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

func (h *sign) Prepare(context.Context, step.Env, plan.Step) (step.Memo, error) {
	if h.fault == "prepare writes" {
		_ = h.fs.WriteFile(filepath.Join(h.dir, "c"), nil, 0o600)
	}
	was := map[string]string{}
	for _, n := range names() {
		var err error
		if was[n], err = h.read(n); err != nil {
			return nil, err
		}
	}
	return json.Marshal(was)
}

func (h *sign) Do(_ context.Context, _ step.Env, _ plan.Step, _ step.Memo) error {
	for _, n := range names() {
		if text, err := h.read(n); err == nil && text == "new" && h.fault == "do refuses what is there" {
			return errors.New("it is there already")
		}
		out := h.fs
		if h.fault == "not synced" {
			out = out.Unsynced()
		}
		err := out.WriteFile(filepath.Join(h.dir, n), []byte("new"), 0o600)
		if err != nil && h.fault != "swallows errors" {
			return err
		}
	}
	return nil
}

func (h *sign) Undo(_ context.Context, _ step.Env, _ plan.Step, m step.Memo) error {
	was := map[string]string{}
	if err := json.Unmarshal(m, &was); err != nil {
		return err
	}
	for _, n := range names() {
		if h.fault == "undo forgets" && n == "b" {
			continue
		}
		path := filepath.Join(h.dir, n)
		if was[n] != "" {
			if err := h.fs.WriteFile(path, []byte(was[n]), 0o600); err != nil {
				return err
			}
			continue
		}
		err := h.fs.Remove(path)
		if err != nil && (!errors.Is(err, fs.ErrNotExist) || h.fault == "undo once") {
			return err
		}
	}
	return nil
}

func (h *sign) Observe(_ context.Context, _ step.Env, _ plan.Step, m step.Memo) (step.Observation, error) {
	if h.fault == "observe writes" {
		_ = h.fs.WriteFile(filepath.Join(h.dir, "seen"), nil, 0o600)
	}
	was := map[string]string{}
	if err := json.Unmarshal(m, &was); err != nil {
		return step.Observation{}, err
	}
	old, done := 0, 0
	for _, n := range names() {
		switch text, err := h.read(n); {
		case err != nil:
			return step.Observation{}, err
		case text == "new":
			done++
		case text == was[n]:
			old++
		}
		if h.fault == "looks at one only" {
			old, done = old*2, done*2
			break
		}
	}
	switch {
	case done == 2:
		return step.Observation{State: step.New, Evidence: "both are new"}, nil
	case old == 2:
		return step.Observation{State: step.Old, Evidence: "both are old"}, nil
	}
	if h.fault == "no way on" {
		return step.Observation{State: step.Foreign, Evidence: "what is this?"}, nil
	}
	return step.Observation{State: step.Mixed, Evidence: "one is new"}, nil
}

func subject(fault string) Subject[*world] {
	return Subject[*world]{
		New: func(t *testing.T, k *Killer) (step.Handler, plan.Step, *world) {
			w := &world{Dir(t)}
			Plant(t, w.dir, map[string]string{"a": "old"})
			if err := os.Chmod(filepath.Join(w.dir, "a"), 0o600); err != nil {
				t.Fatal(err)
			}
			return &sign{k.FS(), w.dir, fault}, plan.Step{ID: "sign", Verb: "sign"}, w
		},
		Mixed: map[string]func(*testing.T, *world){"second only": func(t *testing.T, w *world) {
			Plant(t, w.dir, map[string]string{"b": "new"})
		}},
	}
}

const faultVar = "STEPTEST_FAULT"

func TestSuitePassesAGoodVerb(t *testing.T) { Run(t, subject("")) }

// TestFaulty is run by TestSuiteCatches in a process of its own.
func TestFaulty(t *testing.T) {
	fault := os.Getenv(faultVar)
	if fault == "" {
		t.Skip("only within TestSuiteCatches: it must fail")
	}
	Run(t, subject(fault))
}

func TestSuiteCatches(t *testing.T) {
	for fault, want := range map[string]string{
		"prepare writes":           "Prepare changed the world",
		"observe writes":           "Observe changed the world",
		"not synced":               "before these were durable",
		"undo forgets":             "want \"old\"",
		"undo once":                "Undo: ",
		"do refuses what is there": "it is there already",
		"looks at one only":        "the world is not as",
		"no way on":                "of a state that a crash leaves",
		"swallows errors":          "says that all went well",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestFaulty$")
			cmd.Env = append(os.Environ(), faultVar+"="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("the suite says %v of a verb whose fault is %q, want %q in:\n%.2000s", err, fault, want, out)
			}
		})
	}
}

func TestLedger(t *testing.T) {
	k := newKiller()
	f, dir := k.FS(), Dir(t)
	check := func(what string, want int) {
		t.Helper()
		if got := k.dirty(); len(got) != want {
			t.Errorf("after %s these are not durable: %q, want %d", what, got, want)
		}
	}
	p := func(n string) string { return filepath.Join(dir, n) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.WriteFile(p("a"), nil, 0o600))
	check("a write", 0)
	w, err := f.Create(p("b"), 0o600)
	must(err)
	check("a create", 2)
	must(w.Sync())
	check("a sync", 1)
	must(w.Close())
	must(f.SyncDir(dir))
	check("a sync of the folder", 0)
	must(f.Unsynced().Mkdir(p("t"), 0o700))
	must(f.Unsynced().WriteFile(p("t/x"), nil, 0o600))
	check("a tree that is not synced", 3)
	must(f.Rename(p("t"), p("u")))
	check("a rename of it", 2)
	must(f.SyncTree(p("u")))
	check("a sync of the tree", 0)
	must(f.Unsynced().Remove(p("a")))
	check("a removal that is not synced", 1)
	if err := f.SyncFile(p("none")); err == nil {
		t.Error("what does not exist was synced")
	}
}

// What a power cut could lose, though all is synced in the end.
func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(synced, lazy durable.FS, at func(string) string) error
		lost int
	}{
		{"a tree renamed without a sync, and taken apart", func(synced, lazy durable.FS, at func(string) string) error {
			return errors.Join(lazy.Rename(at("tree"), at("gone")), synced.RemoveAll(at("gone")))
		}, 1},
		{"a tree renamed, and taken apart", func(synced, _ durable.FS, at func(string) string) error {
			return errors.Join(synced.Rename(at("tree"), at("gone")), synced.RemoveAll(at("gone")))
		}, 0},
		{"a file kept by a link without a sync, and replaced", func(synced, lazy durable.FS, at func(string) string) error {
			return errors.Join(lazy.Link(at("file"), at("kept")), synced.WriteFile(at("file"), nil, 0o600))
		}, 1},
		{"a fresh tree that failed", func(synced, lazy durable.FS, at func(string) string) error {
			return errors.Join(lazy.Mkdir(at("new"), 0o700), lazy.Rename(at("new"), at("gone")), synced.RemoveAll(at("gone")))
		}, 0},
	} {
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		if err := errors.Join(os.Mkdir(at("tree"), 0o700), os.WriteFile(at("file"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		w := Watch()
		if err := tt.do(w.FS(), w.FS().Unsynced(), at); err != nil {
			t.Fatal(err)
		}
		if err := w.FS().SyncDir(dir); err != nil {
			t.Fatal(err)
		}
		if got := w.Dirty(); len(got) != tt.lost {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

// A mutant is made where the call is.
func TestMutant(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x")
	reached := filepath.Join(t.TempDir(), "reached")
	write := func(mutant string) Watched {
		t.Setenv(tap.MutantEnv, mutant)
		w := Watch()
		if err := w.FS().WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return w
	}
	write("reach " + reached)
	raw, err := os.ReadFile(reached)
	site, ok := strings.CutSuffix(string(raw), " unsynced\n")
	if err != nil || !ok {
		t.Fatalf("reached: %q, %v", raw, err)
	}
	if w := write("unsynced " + site); len(w.Dirty()) != 2 {
		t.Errorf("unsynced: %q", w.Dirty())
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	write("omit " + site)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left out, and there: %v", err)
	}
}
