// Package backuptest is the contract of backup.Engine as a test suite: every
// engine runs it on a real file system. It may be imported by tests only.
package backuptest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/tap/watch"
)

// Maker makes an engine whose restore points are in dir, on a file system that
// may fail. Made again with the same dir it is what a new process would see.
type Maker func(t *testing.T, dir string, fs durable.FS) backup.Engine

// Subject is an engine, and how its restore points lie on the disk.
type Subject struct {
	Make Maker
	// Names lists what lies in the place: the names of points, and whatever was
	// begun. There may be no place.
	Names func(t *testing.T, dir string) []string
	// Pieces names what a point is made of.
	Pieces func(t *testing.T, dir, id string) []string
	// Dumps names the dumps that a point is made of, or that lie with it.
	Dumps func(t *testing.T, dir, id string) []string
	// Stored lists the files on which the point p, the only one, rests.
	Stored func(t *testing.T, dir string) []string
	// Spare, where it is not nil, says that a byte of them is there twice, and need
	// not be missed.
	Spare func(path string, content []byte, at int) bool
	// Place, where it is not nil, says which of them make the place what it is:
	// without them nothing there can be read, and any error says so.
	Place func(path string) bool
	// Every is which of the moments at which a process may die are tried: one in so
	// many, all with UPKEEP_CRASH=all; 0: all.
	Every int
	// LoseAhead takes a dump of the first pass of p away.
	LoseAhead func(t *testing.T, dir string)
}

// next is the moment to die at that is tried after another one.
func (s Subject) next(moment int) int { return moment + s.every() }

func (s Subject) every() int {
	if scale.All() {
		return 1
	}
	return max(1, s.Every)
}

// Folders is an engine that makes each point in a folder of its name, and in one
// that ends in .partial until it is done.
func Folders(make Maker, ahead string) Subject {
	pieces := func(t *testing.T, dir, id string) (names []string) {
		for _, path := range regular(t, filepath.Join(dir, id)) {
			names = append(names, filepath.Base(path))
		}
		return names
	}
	return Subject{Make: make, Pieces: pieces,
		Names: func(_ *testing.T, dir string) (names []string) {
			list, _ := os.ReadDir(dir) // it need not be there
			for _, e := range list {
				names = append(names, e.Name())
			}
			return names
		},
		Dumps: func(t *testing.T, dir, id string) (names []string) {
			for _, name := range pieces(t, dir, id) {
				if strings.Contains(name, ".dump.") {
					names = append(names, name)
				}
			}
			return names
		},
		Stored: func(t *testing.T, dir string) []string { return regular(t, filepath.Join(dir, "p")) },
		LoseAhead: func(_ *testing.T, dir string) {
			_ = os.Remove(filepath.Join(dir, "p.partial", ahead)) // there may be none
		},
	}
}

// regular lists files below a folder.
func regular(t *testing.T, dir string) (list []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			list = append(list, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

// Run runs the whole contract.
func Run(t *testing.T, on Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"Exact":         testExact,
		"TwoPasses":     testTwoPasses,
		"Ahead":         testAhead,
		"AheadKilled":   testAheadKilled,
		"Proven":        testProven,
		"NotProven":     testNotProven,
		"Excluded":      testExcluded,
		"Included":      testIncluded,
		"SingleFile":    testSingleFile,
		"Repeated":      testRepeated,
		"Damage":        testDamage,
		"FailingDump":   testFailingDump,
		"Lying":         testLying,
		"Killed":        testKilled,
		"RestoreKilled": testRestoreKilled,
		"ChangedAgain":  testChangedAgain,
		"NoExchange":    testNoExchange,
		"Closed":        testClosed,
		"Globals":       testGlobals,
		"FullDisk":      testFullDisk,
		"NoRoom":        testNoRoom,
		"Cancelled":     testCancelled,
		"Live":          testLive,
		"Amended":       testAmended,
		"AmendKilled":   testAmendKilled,
		"Removing":      testRemoving,
		"Requests":      testRequests,
	} {
		t.Run(name, func(t *testing.T) { test(t, on) })
	}
}

// stage is a product to back up.
type stage struct {
	t    *testing.T
	on   Subject
	dir  string // of restore points
	app  string // tree
	data string // database file
	disk *watch.Disk
}

func newStage(t *testing.T, on Subject) *stage {
	top := t.TempDir()
	s := &stage{t: t, on: on, dir: filepath.Join(top, "points"), app: filepath.Join(top, "srv", "app"), data: filepath.Join(top, "srv", "data.db"),
		disk: watch.New("restore-point.json")}
	if err := os.MkdirAll(s.app, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // closed directories could not be removed with the test's
		_ = filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				return os.Chmod(path, 0o755)
			}
			return nil
		})
	})
	return s
}

// small makes a tree that is quickly copied, for tests that do it often.
func (s *stage) small() {
	s.write("bin/app", "the program")
	s.write("conf", "a = 1")
	s.write("data/one", strings.Repeat("1", 9000))
	s.sql("CREATE TABLE t (x, y); INSERT INTO t VALUES (1, 'one'), (2, 'two')")
}

func (s *stage) write(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.app, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		s.t.Fatal(err)
	}
}

// db is the product's database.
func (s *stage) db() *sqlite.DB {
	return sqlite.New(sqlite.Config{Path: s.data, FS: durable.OS(), Temp: s.t.TempDir(), OpID: "op"})
}

func (s *stage) sql(text string) {
	s.t.Helper()
	if _, err := os.Stat(s.data); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(s.data, nil, 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := databasetest.Do(s.t.Context(), s.db(), text); err != nil {
		s.t.Fatal(err)
	}
}

// engine is what a new process has.
func (s *stage) engine() backup.Engine { return s.over(durable.OS()) }

// over makes an engine on a file system that may fail. When it says that something
// is done, that must be durable.
func (s *stage) over(fsys durable.FS) backup.Engine {
	return lasting{s.on.Make(s.t, s.dir, s.disk.Over(fsys)), s}
}

func (s *stage) request(id string) backup.Request {
	r := backup.Request{ID: id, About: backup.About{Product: "app", Version: "1.0", Run: "run-" + id}, Files: []backup.FilePart{{Name: "app", Path: s.app}}}
	if _, err := os.Stat(s.data); err == nil {
		r.Databases = []backup.DatabasePart{{Name: "database", DB: s.db()}}
	}
	return r
}

// scan describes the tree in full.
func (s *stage) scan(path string) files.Tree {
	s.t.Helper()
	t, err := files.Scan(s.t.Context(), durable.OS(), path, files.Options{Hash: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return t
}

func (s *stage) point(e backup.Engine, r backup.Request, prepare bool) backup.Point {
	s.t.Helper()
	if prepare {
		if err := e.Prepare(s.t.Context(), r); err != nil {
			s.t.Fatal(err)
		}
	}
	p, err := e.Finish(s.t.Context(), r)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// same fails the test where the trees differ in anything, times included.
func same(t *testing.T, when string, want, got files.Tree) {
	t.Helper()
	if list := files.Compare(want, got, files.Ignore{}); len(list) > 0 {
		t.Fatalf("%s: %d differences: %v", when, len(list), list[:min(len(list), 6)])
	}
}
