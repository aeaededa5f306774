package precopy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/backup/archive"
	"upkeep/internal/database"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	stepbackup "upkeep/internal/step/backup"
	"upkeep/internal/step/steptest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type world struct {
	dir    string
	engine backup.Engine
	fs     durable.FS
	params plan.BackupParams
}

func newWorld(t testing.TB, fsys durable.FS) *world {
	w := &world{dir: steptest.Dir(t), fs: fsys}
	at := filepath.Join(w.dir, "app")
	steptest.Plant(t, at, map[string]string{"bin/app": "1.0", "uploads/cat.jpg": "cat"})
	w.params = plan.BackupParams{Key: "origin", Version: "1.0", Dir: w.points(), Files: []plan.FileSource{{Component: "app", Path: at}}}
	w.engine = archive.New(archive.Config{Dir: w.points(), FS: fsys})
	return w
}

func (w *world) points() string { return filepath.Join(w.dir, "points") }

func none(_ context.Context, d plan.Database, _ string) (database.Database, error) {
	return nil, fmt.Errorf("no database %s here", d.Component)
}

func (w *world) handler() *Handler {
	return New(w.fs, func(string, *plan.Repository) backup.Engine { return w.engine }, none)
}

func (w *world) step() plan.Step {
	raw, err := json.Marshal(w.params)
	if err != nil {
		panic(err)
	}
	return plan.Step{ID: "precopy", Verb: "precopy", Params: raw}
}

// Fingerprint has the names of what lies in the place of restore points: what
// is in the archives holds times.
func (w *world) Fingerprint() string {
	var b strings.Builder
	err := filepath.WalkDir(w.points(), func(p string, d os.DirEntry, err error) error {
		if err == nil {
			rel, _ := filepath.Rel(w.dir, p)
			fmt.Fprintln(&b, rel, d.Type())
		}
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		b.WriteString("no restore points\n")
	}
	return steptest.Describe(filepath.Join(w.dir, "app")) + b.String()
}

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[*world]{Moments: 8,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := newWorld(t, k.FS())
			return w.handler(), w.step(), w
		},
		Reborn: func(_ *testing.T, w *world, k *steptest.Killer) step.Handler {
			w.engine = archive.New(archive.Config{Dir: w.points(), FS: k.FS()})
			return w.handler()
		},
	})
}

// What came of the first pass stays when the first pass is undone.
func TestRestorePointStays(t *testing.T) {
	w := newWorld(t, durable.OS())
	h := w.handler()
	env := step.Env{Run: "r1", OpID: "r1/precopy/do", Direction: step.Forward, Dir: t.TempDir(), Log: &strings.Builder{}}
	m, err := h.Prepare(t.Context(), env, w.step())
	must(t, err)
	must(t, h.Do(t.Context(), env, w.step(), m))
	r, closeAll, err := stepbackup.Request(t.Context(), env, durable.OS(), w.engine, &w.params, none)
	must(t, err)
	defer closeAll()
	_, err = w.engine.Finish(t.Context(), r)
	must(t, err)
	env.Direction = step.Back
	must(t, h.Undo(t.Context(), env, w.step(), m))
	if _, err := w.engine.Find(t.Context(), "r1-origin"); err != nil {
		t.Errorf("the restore point is gone: %v", err)
	}
	if o, err := h.Observe(t.Context(), env, w.step(), m); err != nil || o.State != step.Old {
		t.Errorf("Observe: %v, %v; want old", o, err)
	}
}
