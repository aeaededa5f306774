package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/backup/archive"
	"upkeep/internal/database"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/steptest"
)

func subject() steptest.Subject[*world] {
	return steptest.Subject[*world]{Moments: 5,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := newWorld(t, k.FS())
			return w.handler(), w.step(), w
		},
		Reborn: func(_ *testing.T, w *world, k *steptest.Killer) step.Handler {
			w.engine = archive.New(archive.Config{Dir: w.points(), FS: k.FS()})
			return w.handler()
		},
		Env:  func(_ *testing.T, w *world, e *step.Env) { e.Touched = func(id string) bool { return w.begun[id] } },
		Kept: product,
		Mixed: map[string]func(*testing.T, *world){
			"first pass": func(t *testing.T, w *world) {
				r, closeAll, err := Request(t.Context(), w.env(step.Forward), durable.OS(), w.engine, &w.params, w.open)
				must(t, err)
				defer closeAll()
				must(t, w.engine.Prepare(t.Context(), r))
			},
			"place only": func(t *testing.T, w *world) { must(t, os.Mkdir(w.points(), 0o700)) },
		},
	}
}

func TestContract(t *testing.T) { steptest.Run(t, subject()) }

// The way back from a half-migrated product, killed at every moment.
func TestContractWithDataChanged(t *testing.T) {
	s := subject()
	s.Mixed = nil
	s.Between = func(t *testing.T, w *world) { w.upgrade(t) }
	steptest.Run(t, s)
}

// The verb restore: the restore point was made before the stop.
func TestContractOfTheAnchor(t *testing.T) {
	s := subject()
	s.Mixed, s.Before = nil, step.New
	s.Between = func(t *testing.T, w *world) { w.upgrade(t) }
	s.New = func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
		w := newWorld(t, durable.OS())
		w.do(t)
		w.fs = k.FS()
		w.engine = archive.New(archive.Config{Dir: w.points(), FS: w.fs})
		return NewAnchor(w.handler()), plan.Step{ID: "restore", Verb: "restore", Params: w.step().Params}, w
	}
	s.Reborn = func(_ *testing.T, w *world, k *steptest.Killer) step.Handler {
		w.engine = archive.New(archive.Config{Dir: w.points(), FS: k.FS()})
		return NewAnchor(w.handler())
	}
	steptest.Run(t, s)
}

// The same, and a request that was under way was kept behind the restore
// point's back: it is taken into it.
func TestContractOfTheAnchorWithLateWrites(t *testing.T) {
	for name, late := range map[string]func(*testing.T, *world){
		"database": func(t *testing.T, w *world) { w.sql(t, "INSERT INTO users VALUES ('eve')") },
		"both": func(t *testing.T, w *world) {
			w.sql(t, "INSERT INTO users VALUES ('eve')")
			must(t, os.WriteFile(w.at()+"/uploads/eve.jpg", []byte("eve"), 0o644))
			must(t, os.WriteFile(w.at()+"/uploads/dog.jpg", []byte("DOG"), 0o644)) // as long as before
			must(t, os.Remove(w.at()+"/uploads/cat.jpg"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := subject()
			s.Mixed, s.Before = nil, step.Mixed
			s.Between = func(t *testing.T, w *world) {
				w.begun["h1.migrate"] = true
				w.sql(t, "ALTER TABLE users ADD COLUMN mail TEXT; INSERT INTO users VALUES ('bad', 'x')")
				must(t, os.Remove(w.at()+"/uploads/dog.jpg"))
			}
			s.New = func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
				w := newWorld(t, durable.OS())
				w.do(t)
				late(t, w)
				w.fs = k.FS()
				w.engine = archive.New(archive.Config{Dir: w.points(), FS: w.fs})
				return NewAnchor(w.handler()), plan.Step{ID: "restore", Verb: "restore", Params: w.step().Params}, w
			}
			s.Reborn = func(_ *testing.T, w *world, k *steptest.Killer) step.Handler {
				w.engine = archive.New(archive.Config{Dir: w.points(), FS: k.FS()})
				return NewAnchor(w.handler())
			}
			steptest.Run(t, s)
		})
	}
}

func (w *world) do(t testing.TB) (*Handler, step.Memo) {
	t.Helper()
	h := w.handler()
	m, err := h.Prepare(t.Context(), w.env(step.Forward), w.step())
	must(t, err)
	must(t, h.Do(t.Context(), w.env(step.Forward), w.step(), m))
	return h, m
}

func (w *world) undo(t testing.TB, h *Handler, m step.Memo) error {
	return h.Undo(t.Context(), w.env(step.Back), w.step(), m)
}

func (w *world) observe(t testing.TB, h *Handler, m step.Memo, d step.Direction, want step.State) {
	t.Helper()
	o, err := h.Observe(t.Context(), w.env(d), w.step(), m)
	must(t, err)
	if o.State != want {
		t.Fatalf("Observe says %s (%s), want %s", o.State, o.Evidence, want)
	}
}

// What nobody may have changed is not touched, nor read.
func TestNothingBegunNothingRestored(t *testing.T) {
	w := newWorld(t, durable.OS())
	h, m := w.do(t)
	w.upgrade(t)
	w.begun = map[string]bool{"h1.install": true} // not one that the restore point covers
	before := w.Fingerprint()
	must(t, w.undo(t, h, m))
	if w.Fingerprint() != before {
		t.Error("Undo restored though nothing that changes data was begun")
	}
	// What else was begun may well have changed data: another step restores it.
	o, err := h.Observe(t.Context(), w.env(step.Back), w.step(), m)
	must(t, err)
	if want := "nothing is put back here; restore point " + PointID("r1", w.params.Key) + " stays"; o.State != step.Old || o.Evidence != want {
		t.Errorf("Observe says %s (%s), want %q", o.State, o.Evidence, want)
	}
	w.params.Prove = true // asked for: whatever differs is found, and put right
	w.observe(t, h, m, step.Back, step.Mixed)
	must(t, w.undo(t, h, m))
	w.observe(t, h, m, step.Back, step.Old)
}

// countingRestores is the engine, and counts.
type countingRestores struct {
	backup.Engine
	databases int
}

func (c *countingRestores) RestoreDatabase(ctx context.Context, id, part string, db database.Database) error {
	c.databases++
	return c.Engine.RestoreDatabase(ctx, id, part, db)
}

func TestDatabaseIsLeftAloneWhenItIsAsItWas(t *testing.T) {
	w := newWorld(t, durable.OS())
	h, m := w.do(t)
	c := &countingRestores{Engine: w.engine}
	w.engine = c
	w.begun["h1.start.app"] = true
	h = w.handler()
	must(t, w.undo(t, h, m))
	if c.databases != 0 {
		t.Error("the database was restored though its content is that of the dump")
	}
	w.upgrade(t)
	must(t, w.undo(t, h, m))
	if c.databases != 1 {
		t.Errorf("the database was restored %d times, want once", c.databases)
	}
	w.observe(t, h, m, step.Back, step.Old)
}

// A second try of the run finds the good restore point, and keeps it.
func TestRetryKeepsAGoodRestorePoint(t *testing.T) {
	w := newWorld(t, durable.OS())
	h, m := w.do(t)
	before, err := w.engine.Find(t.Context(), "r1-origin")
	must(t, err)
	w.upgrade(t)
	must(t, h.Do(t.Context(), w.env(step.Forward), w.step(), m))
	after, err := w.engine.Find(t.Context(), "r1-origin")
	if err != nil || after.Seal != before.Seal {
		t.Errorf("the restore point was made anew after data had changed: %v", err)
	}
}

func TestForeignRestorePoint(t *testing.T) {
	w := newWorld(t, durable.OS())
	h, m := w.do(t)
	other := w.env(step.Forward)
	other.Run = "r2"
	if o, err := h.Observe(t.Context(), other, w.step(), m); err != nil || o.State != step.Foreign {
		t.Errorf("a restore point of another run: %v, %v; want foreign", o, err)
	}
	must(t, os.WriteFile(filepath.Join(w.points(), "r1-origin", "restore-point.json"), []byte("{}"), 0o600))
	w.observe(t, h, m, step.Forward, step.Foreign)
	w.begun["h1.migrate"] = true
	w.observe(t, h, m, step.Back, step.Unknown)
}

func TestLostRestorePointIsSaid(t *testing.T) {
	w := newWorld(t, durable.OS())
	h, m := w.do(t)
	w.upgrade(t)
	must(t, os.Rename(w.points()+"/r1-origin", w.dir+"/away"))
	before := w.Fingerprint()
	var u *step.UserError
	if err := w.undo(t, h, m); !errors.As(err, &u) || !strings.Contains(err.Error(), "r1-origin") {
		t.Errorf("Undo without the restore point: %v", err)
	}
	if w.Fingerprint() != before {
		t.Error("Undo changed the data though it had nothing to go by")
	}
	w.observe(t, h, m, step.Back, step.Unknown)
	must(t, os.Rename(w.dir+"/away", w.points()+"/r1-origin"))
	must(t, w.undo(t, h, m))
	w.observe(t, h, m, step.Back, step.Old)
}

func TestSideFilesOfSQLite(t *testing.T) {
	dbs := []plan.Database{{Kind: "sqlite", Path: "/srv/app/data/a*b.db"}, {Kind: "sqlite", Path: "/var/lib/other.db"}, {Kind: "postgres", Path: "/srv/app/x"}}
	want := []string{`/data/a\*b.db`, `/data/a\*b.db-wal`, `/data/a\*b.db-shm`, `/data/a\*b.db-journal`}
	if got := sideFiles("/srv/app", dbs); !slices.Equal(got, want) {
		t.Errorf("sideFiles gives %q, want %q", got, want)
	}
}

func TestErrorsAPersonCanMend(t *testing.T) {
	var u *step.UserError
	for _, err := range []error{&backup.SpaceError{Need: backup.Need{Path: "/srv", Bytes: 10, Free: 1}}, backup.ErrExists} {
		if got := Explain(err); !errors.As(got, &u) || !errors.Is(got, err) || u.Now == "" {
			t.Errorf("%v is explained as %v", err, got)
		}
	}
	w := newWorld(t, durable.OS())
	w.params.Databases[0].Kind = "oracle"
	h := w.handler()
	m, err := h.Prepare(t.Context(), w.env(step.Forward), w.step())
	must(t, err)
	if err := h.Do(t.Context(), w.env(step.Forward), w.step(), m); err == nil || !strings.Contains(err.Error(), "database of db") {
		t.Errorf("a database that cannot be opened: %v", err)
	}
	w.params.Key = "no/name"
	if _, err := h.Prepare(t.Context(), w.env(step.Forward), w.step()); err == nil {
		t.Error("a restore point with a slash in its name is prepared")
	}
}
