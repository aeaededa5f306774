package manage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/selfupgrade"
)

// openedRun makes a state folder whose journal has a run open, which an Upkeep of
// the generation began.
func openedRun(t *testing.T, state string, generation int) string {
	t.Helper()
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	j, err := sqlite.Open(t.Context(), filepath.Join(state, "journal.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	p := &plan.Plan{Product: "notes", From: "1.0", To: "2.0"}
	p.Digest = p.Sum()
	const id = "20260101-000000-abcd"
	if _, err := j.OpenRun(t.Context(), id, p, run.Opened{Plan: p.Digest, By: "anna", Engine: "9.0.0", Generation: generation}); err != nil {
		t.Fatal(err)
	}
	return id
}

// A run is finished by the Upkeep that began it, or by one that says it can.
func TestBegunByOther(t *testing.T) {
	for _, tt := range []struct {
		name       string
		generation int
		kept       bool
		want       []string // empty: it is carried on
	}{
		{"before generations were noted", 0, false, nil},
		{"this one", run.Generation, false, nil},
		{"a newer one, which is not here", run.Generation + 1, false, []string{"begun by Upkeep 9.0.0", "nothing was touched", "install Upkeep 9.0.0 again"}},
		{"a newer one, which was kept", run.Generation + 1, true, []string{"begun by Upkeep 9.0.0", "/bin/upkeep.old resume"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			in := &Installation{State: filepath.Join(dir, "state"), FS: durable.OS(), Exe: filepath.Join(dir, "bin/upkeep")}
			id := openedRun(t, in.State, tt.generation)
			if err := os.MkdirAll(filepath.Dir(in.Exe), 0o755); err != nil {
				t.Fatal(err)
			}
			if tt.kept {
				if err := os.WriteFile(selfupgrade.Kept(in.Exe), nil, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			r, err := in.OpenRun(t.Context())
			var other *BegunByOtherError
			if len(tt.want) == 0 {
				if err != nil || r == nil || r.ID != id {
					t.Errorf("%+v, %v", r, err)
				}
				return
			}
			if !errors.As(err, &other) {
				t.Fatalf("it is gone on with: %+v, %v", r, err)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v does not say %q", err, w)
				}
			}
			if _, _, err := in.carryOn(t.Context(), id); !errors.As(err, &other) {
				t.Errorf("the engine carries it on: %v", err)
			}
			if _, err := in.Decide(t.Context(), run.Decided{Choice: run.ChooseBack}); !errors.As(err, &other) {
				t.Errorf("a decision is taken: %v", err)
			}
			list, err := os.ReadDir(in.State)
			for _, e := range list {
				if !strings.HasPrefix(e.Name(), "journal.db") {
					t.Errorf("%s was written, %v", e.Name(), err)
				}
			}
		})
	}
}

// hostOf is a computer in a folder, without installations.
func hostOf(t *testing.T) *Machine {
	t.Helper()
	m := NewMachine(filepath.Join(t.TempDir(), "upkeep"))
	m.Root, m.Folders = t.TempDir(), []string{filepath.Join(t.TempDir(), "etc")}
	return m
}

// The program is exchanged only while no run is open and none can begin, whether
// or not a document leads to its state.
func TestQuiet(t *testing.T) {
	m := hostOf(t)
	shop := filepath.Join(m.Root, sharedState, "shop")
	if err := os.MkdirAll(m.Folders[0], 0o755); err != nil {
		t.Fatal(err)
	}
	notes := filepath.Join(t.TempDir(), "notes")
	document := "installation: {id: notes, product: notes, state: " + notes + "}\n"
	for name, text := range map[string]string{"notes.yaml": document, "upkeep.yaml": "self: {from: /mnt}\n", "broken.yaml": "installation: {id: x, product: y, wrong: z}\n"} {
		if err := os.WriteFile(filepath.Join(m.Folders[0], name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	q, err := m.quiet(t.Context())
	if err != nil || len(q.states) != 0 || len(q.notes) != 1 || !strings.Contains(q.notes[0], "broken.yaml") {
		t.Errorf("nothing was ever run: %+v, %v", q, err)
	}
	q.release()
	openedRun(t, shop, run.Generation)
	var refused *RefusedError
	if _, err := m.quiet(t.Context()); !errors.As(err, &refused) || !strings.Contains(err.Error(), "run 20260101-000000-abcd is open") {
		t.Errorf("a run is open: %v", err)
	}
	if err := os.RemoveAll(shop); err != nil {
		t.Fatal(err)
	}
	openedRun(t, notes, run.Generation+1) // another version's is a run, too
	if _, err := m.quiet(t.Context()); !errors.As(err, &refused) || !strings.Contains(err.Error(), notes) {
		t.Errorf("a run is open in a folder of its own: %v", err)
	}
	closeRun(t, notes)
	if q, err = m.quiet(t.Context()); err != nil || len(q.states) != 1 {
		t.Fatalf("%+v, %v", q, err)
	}
	in := &Installation{State: notes, FS: durable.OS()}
	if l, held, err := takeLock(in.lockPath()); err != nil || held == 0 {
		t.Errorf("a run can begin meanwhile: %v, %v", l, err)
	}
	q.release()
	l, held, err := takeLock(in.lockPath())
	if err != nil || held != 0 {
		t.Fatalf("the lock is still held: %v", err)
	}
	l.release()
}

// closeRun leaves a journal without a run.
func closeRun(t *testing.T, state string) {
	t.Helper()
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	j, err := sqlite.Open(t.Context(), filepath.Join(state, "journal.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
}

// What the next Upkeep says of itself: it opens copies, and says which journals
// it cannot go on with.
func TestSelfCheck(t *testing.T) {
	m := hostOf(t)
	good, newer, damaged, none := filepath.Join(m.Root, "good"), filepath.Join(m.Root, "newer"), filepath.Join(m.Root, "damaged"), filepath.Join(m.Root, "none")
	openedRun(t, good, run.Generation)
	openedRun(t, newer, run.Generation+1)
	openedRun(t, damaged, run.Generation)
	if err := os.WriteFile(filepath.Join(damaged, "journal.db"), []byte("this is no journal"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(none, 0o700); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(good, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.SelfCheck(t.Context(), []string{good, newer, damaged, none})
	if err != nil || c.Journals != 1 || len(c.Problems) != 2 || c.Version != Version() {
		t.Fatalf("%+v, %v", c, err)
	}
	for i, want := range []string{newer + ": run 20260101-000000-abcd was begun by Upkeep 9.0.0", damaged + ": "} {
		if !strings.HasPrefix(c.Problems[i], want) {
			t.Errorf("%s, want %s", c.Problems[i], want)
		}
	}
	if after, err := os.ReadFile(filepath.Join(good, "journal.db")); err != nil || string(after) != string(before) {
		t.Errorf("the journal itself was written: %v", err)
	}
}

// Programs that are scripts: what Upkeep asks of the next one, and what it makes
// of odd answers.
func TestAskedPrograms(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("scripts")
	}
	for _, tt := range []struct{ name, script, want string }{
		{"good", `[ "$1" = version ] && echo '{"version":"2.0"}' || echo '{"version":"2.0","journals":0,"problems":[],"more":1}'`, ""},
		{"a page", `echo '<html>'`, "does not answer as an Upkeep does"},
		{"it ends", `echo no >&2; exit 3`, "failed: exit status 3: no"},
		{"no version", `echo '{}'`, "does not say its version"},
		{"two versions", `[ "$1" = version ] && echo '{"version":"2.0"}' || echo '{"version":"2.1","problems":[]}'`, `it says 2.0, and then "2.1"`},
		{"no self-check", `[ "$1" = version ] && echo '{"version":"2.0"}' || echo '{"version":"2.0"}'`, "does not say whether it can go on"},
		{"problems", `[ "$1" = version ] && echo '{"version":"2.0"}' || echo '{"version":"2.0","problems":["no"]}'`, ""},
	} {
		at := filepath.Join(t.TempDir(), "upkeep")
		if err := os.WriteFile(at, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		a, err := selfupgrade.Run([]string{"/var/lib/upkeep/x"})(context.Background(), at)
		if tt.want == "" && (err != nil || a.Version != "2.0" || len(a.Problems) != strings.Count(tt.name, "problems")) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %+v, %v, want %q", tt.name, a, err, tt.want)
		}
	}
}
