package backup

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"upkeep/internal/backup"
	"upkeep/internal/backup/archive"
	"upkeep/internal/database"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/steptest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a product: a tree with a SQLite database in it, and the place of
// its restore points.
type world struct {
	dir    string
	engine backup.Engine
	fs     durable.FS
	params plan.BackupParams
	begun  map[string]bool // steps of the run
}

func (w *world) at() string     { return filepath.Join(w.dir, "app") }
func (w *world) db() string     { return filepath.Join(w.at(), "data", "app[1].db") }
func (w *world) points() string { return filepath.Join(w.dir, "points") }

func newWorld(t testing.TB, fsys durable.FS) *world {
	w := &world{dir: steptest.Dir(t), fs: fsys, begun: map[string]bool{}}
	steptest.Plant(t, w.at(), map[string]string{"bin/app": "1.0", "uploads/cat.jpg": "cat", "uploads/dog.jpg": "dog", "data/": "", "latest": "-> bin/app"})
	w.sql(t, "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('ann'), ('bob')")
	must(t, os.Chmod(w.db(), 0o640))
	w.params = plan.BackupParams{Key: "origin", Version: "1.0", Dir: w.points(), Covers: []string{"h1.migrate", "h1.start.app"},
		Files:     []plan.FileSource{{Component: "app", Path: w.at()}},
		Databases: []plan.Database{{Component: "db", Kind: "sqlite", Path: w.db()}}}
	w.engine = archive.New(archive.Config{Dir: w.points(), FS: fsys})
	return w
}

func (w *world) sql(t testing.TB, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("[", "%5B", "]", "%5D").Replace(w.db()))
	must(t, err)
	_, err = db.ExecContext(context.Background(), text)
	must(t, errors.Join(err, db.Close()))
}

func (w *world) handler() *Handler {
	return New(w.fs, func(string, *plan.Repository) backup.Engine { return w.engine }, w.open)
}

func (w *world) open(_ context.Context, d plan.Database, opID string) (database.Database, error) {
	if d.Kind != "sqlite" {
		return nil, fmt.Errorf("no kind %q here", d.Kind)
	}
	return sqlite.New(sqlite.Config{Path: d.Path, FS: w.fs, Temp: filepath.Dir(w.dir), OpID: opID}), nil
}

func (w *world) step() plan.Step {
	raw, err := json.Marshal(w.params)
	if err != nil {
		panic(err)
	}
	return plan.Step{ID: "backup", Verb: "backup", Params: raw}
}

func (w *world) env(d step.Direction) step.Env {
	return step.Env{Run: "r1", OpID: "r1/backup/" + string(d), Direction: d, Log: &strings.Builder{}, Touched: func(id string) bool { return w.begun[id] }}
}

// Fingerprint is the product with the content of its database, and which
// restore points there are with which files.
func (w *world) Fingerprint() string {
	tree := steptest.Describe(w.at())
	tree = regexp.MustCompile(`[0-9a-f]{64}  data/`).ReplaceAllString(tree, "… data/")                     // of the database's file
	tree = regexp.MustCompile(`(#: file [0-7]+ \d+ \d+) \d+ 0 data/`).ReplaceAllString(tree, "$1 … data/") // its size
	db := sqlite.New(sqlite.Config{Path: w.db(), FS: durable.OS(), Temp: filepath.Dir(w.dir)})
	f, err := db.Fingerprint(context.Background())
	tree += fmt.Sprintf("%v %v %v\n", f.Objects, f.Tables, err)
	return tree + pointsBegin + w.files()
}

const pointsBegin = "restore points:\n"

// product cuts the restore points off: they stay after Undo.
func product(fingerprint string) string {
	p, _, _ := strings.Cut(fingerprint, pointsBegin)
	return p
}

func (w *world) files() string {
	var b strings.Builder
	err := filepath.WalkDir(w.points(), func(p string, d os.DirEntry, err error) error {
		if err == nil {
			rel, _ := filepath.Rel(w.dir, p)
			fmt.Fprintln(&b, rel, d.Type())
		}
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		return "none\n"
	}
	return b.String()
}

// upgrade is what a run does after the backup: the new version changes files
// and data, and ends half way.
func (w *world) upgrade(t *testing.T) {
	w.begun["h1.migrate"] = true
	w.sql(t, "ALTER TABLE users ADD COLUMN mail TEXT; INSERT INTO users VALUES ('eve', 'eve@example.org'); CREATE TABLE half (x)")
	must(t, os.Remove(w.at()+"/uploads/cat.jpg"))
	must(t, os.WriteFile(w.at()+"/uploads/dog.jpg", []byte("wolf"), 0o600))
	must(t, os.WriteFile(w.at()+"/uploads/new.jpg", []byte("new"), 0o644))
	must(t, os.Remove(w.at()+"/latest"))
	must(t, os.Mkdir(w.at()+"/latest", 0o700))
	must(t, os.Chmod(w.at()+"/bin", 0o700))
}
