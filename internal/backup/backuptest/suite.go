// Package backuptest is the contract of backup.Engine as a test suite: every
// engine runs it on a real file system. It may be imported by tests only.
package backuptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// Maker makes an engine whose restore points are in dir, on a file system that
// may fail. Made again with the same dir it is what a new process would see.
type Maker func(t *testing.T, dir string, fs durable.FS) backup.Engine

// Run runs the whole contract.
func Run(t *testing.T, make Maker) {
	for name, test := range map[string]func(*testing.T, Maker){
		"Exact":         testExact,
		"TwoPasses":     testTwoPasses,
		"Excluded":      testExcluded,
		"SingleFile":    testSingleFile,
		"Repeated":      testRepeated,
		"Damage":        testDamage,
		"FailingDump":   testFailingDump,
		"Lying":         testLying,
		"Killed":        testKilled,
		"RestoreKilled": testRestoreKilled,
		"NoExchange":    testNoExchange,
		"FullDisk":      testFullDisk,
		"NoRoom":        testNoRoom,
		"Cancelled":     testCancelled,
		"Live":          testLive,
		"Removing":      testRemoving,
		"Requests":      testRequests,
	} {
		t.Run(name, func(t *testing.T) { test(t, make) })
	}
}

// stage is a product to back up.
type stage struct {
	t    *testing.T
	make Maker
	dir  string // of restore points
	app  string // tree
	data string // database file
}

func newStage(t *testing.T, make Maker) *stage {
	top := t.TempDir()
	s := &stage{t: t, make: make, dir: filepath.Join(top, "points"), app: filepath.Join(top, "srv", "app"), data: filepath.Join(top, "srv", "data.db")}
	if err := os.MkdirAll(s.app, 0o755); err != nil {
		t.Fatal(err)
	}
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
	if err := s.db().Apply(s.t.Context(), database.Script{Name: "test", SQL: text}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) engine() backup.Engine { return s.make(s.t, s.dir, durable.OS()) }

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

// ruin changes a tree as a failed upgrade may.
func (s *stage) ruin() {
	s.t.Helper()
	for _, change := range []func() error{
		func() error { return os.Remove(filepath.Join(s.app, "bin/app")) },
		func() error { return os.WriteFile(filepath.Join(s.app, "bin/app"), []byte("new program"), 0o700) },
		func() error { return os.MkdirAll(filepath.Join(s.app, "added/dir"), 0o755) },
		func() error {
			return os.WriteFile(filepath.Join(s.app, "added/dir/file"), []byte("new"), 0o600)
		},
		func() error { return os.RemoveAll(filepath.Join(s.app, "etc")) },
		func() error { return os.WriteFile(filepath.Join(s.app, "etc"), []byte("a file now"), 0o600) },
		func() error { return os.Chmod(filepath.Join(s.app, "bin"), 0o700) },
	} {
		if err := change(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// testExact keeps everything on the exactness list, through both ways of
// restoring.
func testExact(t *testing.T, make Maker) {
	for _, prepare := range []bool{false, true} {
		s := newStage(t, make)
		Exact(t, s.app)
		s.sql("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
		want := s.scan(s.app)
		if os.Geteuid() == 0 && len(want.Entries) < 25 {
			t.Fatalf("the tree has only %d entries", len(want.Entries))
		}
		e := s.engine()
		p := s.point(e, s.request("exact"), prepare)
		same(t, "backing up only reads", want, s.scan(s.app))
		if err := e.Verify(t.Context(), "exact"); err != nil {
			t.Fatal(err)
		}
		described, err := e.Tree(t.Context(), "exact", "app")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "description", want, described)
		if p.Consistency != backup.AtRest || p.Size() <= 0 || p.Made.Before(p.Began) || len(p.Parts) != 2 {
			t.Errorf("record %+v", p)
		}
		for _, inPlace := range []bool{false, true} {
			s.ruin()
			old := s.scan(s.app)
			keep := filepath.Join(filepath.Dir(s.app), fmt.Sprint("old-", prepare, inPlace))
			for again := range 2 {
				done, err := e.RestoreFiles(t.Context(), "exact", "app", backup.Target{Path: s.app, OpID: "op/1", InPlace: inPlace, KeepOld: keep})
				if err != nil {
					t.Fatal(err)
				}
				if (len(done.Changed) > 0) != (again == 0) || again == 0 && done.InPlace != inPlace {
					t.Errorf("in place %v, time %d: %d changed, in place %v", inPlace, again, len(done.Changed), done.InPlace)
				}
				same(t, "restored", want, s.scan(s.app))
			}
			if !inPlace {
				same(t, "the replaced tree", old, s.scan(keep))
			}
		}
		if err := os.Rename(s.app, s.app+".away"); err != nil {
			t.Fatal(err)
		}
		if _, err := e.RestoreFiles(t.Context(), "exact", "app", backup.Target{Path: s.app, OpID: "op/1"}); err != nil {
			t.Fatal(err)
		}
		same(t, "restored where nothing was", want, s.scan(s.app))
		clean(t, filepath.Dir(s.app))
	}
}

// clean finds what a restore left beside its target.
func clean(t *testing.T, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), files.StagingPrefix) {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

// testTwoPasses changes everything that can change between the passes.
func testTwoPasses(t *testing.T, make Maker) {
	for _, fresh := range []bool{false, true} { // the second pass in the same process, or in another
		s := newStage(t, make)
		Exact(t, s.app)
		s.small()
		for i := range 20 {
			s.write(fmt.Sprintf("many/%d", i), strings.Repeat(fmt.Sprint(i), 5000))
		}
		p := func(name string) string { return filepath.Join(s.app, name) }
		e := s.engine()
		r := s.request("two")
		if err := e.Prepare(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if list, err := e.List(t.Context()); err != nil || len(list) > 0 {
			t.Fatalf("a first pass is listed as a restore point: %v, %v", list, err)
		}
		for i, change := range []func() error{
			func() error { return os.WriteFile(p("many/1"), []byte("changed"), 0o644) },
			func() error { return os.WriteFile(p("many/2"), []byte(strings.Repeat("2", 5000)), 0o644) }, // same content
			func() error { return os.Remove(p("many/3")) },
			func() error { return os.Rename(p("many/4"), p("many/renamed")) },
			func() error { return os.Chmod(p("many/5"), 0o600) },
			func() error { return os.Remove(p("a first name elsewhere")) }, // of a file with three
			func() error { return os.Link(p("many/6"), p("many/zz another name")) },
			func() error { return os.RemoveAll(p("odd")) },
			func() error { return os.WriteFile(p("odd"), []byte("a file now"), 0o600) },
			func() error { return os.Remove(p("conf")) },
			func() error { return os.MkdirAll(p("conf/d"), 0o750) },
			func() error { return os.Remove(p("current")) },
			func() error { return os.Symlink("elsewhere", p("current")) },
			func() error { return os.MkdirAll(p("new/dir"), 0o755) },
			func() error { return os.WriteFile(p("new/file"), nil, 0o600) },
		} {
			if err := change(); err != nil {
				t.Fatal(i, err)
			}
		}
		s.sql("INSERT INTO t VALUES (3, 'late')")
		want := s.scan(s.app)
		if fresh {
			e = s.engine()
		}
		point := s.point(e, r, false)
		if err := e.Verify(t.Context(), "two"); err != nil {
			t.Fatal(err)
		}
		part, err := point.Part("app")
		if err != nil || part.Entries != len(want.Entries) || part.Bytes != want.Bytes() || part.Digest != files.Digest(want) {
			t.Errorf("the record says %d entries, %d bytes; want %d, %d (%v)", part.Entries, part.Bytes, len(want.Entries), want.Bytes(), err)
		}
		s.ruin2()
		for _, inPlace := range []bool{true, false} {
			if _, err := e.RestoreFiles(t.Context(), "two", "app", backup.Target{Path: s.app, OpID: "x", InPlace: inPlace}); err != nil {
				t.Fatal(err)
			}
			same(t, "restored", want, s.scan(s.app))
			s.ruin2()
		}
		s.sql("DELETE FROM t; CREATE TABLE newer (x)")
		if err := e.RestoreDatabase(t.Context(), "two", "database", s.db()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.db().Query(t.Context(), "SELECT count(*) FROM t"); got != "3" {
			t.Errorf("the database has %s rows, %v", got, err)
		}
	}
}

func (s *stage) ruin2() {
	s.t.Helper()
	if err := errors.Join(os.RemoveAll(filepath.Join(s.app, "many")), os.WriteFile(filepath.Join(s.app, "many"), nil, 0o600), os.Remove(filepath.Join(s.app, "odd"))); err != nil {
		s.t.Fatal(err)
	}
}

// testExcluded leaves out what was asked for, and leaves it alone.
func testExcluded(t *testing.T, make Maker) {
	s := newStage(t, make)
	s.small()
	s.write("cache/entry", "cached")
	s.write("data/app.pid", "7")
	want := s.scan(s.app)
	e := s.engine()
	r := s.request("part")
	r.Files[0].Exclude = []string{"cache/", "*.pid"}
	s.point(e, r, true)
	s.write("cache/entry", "cached later")
	s.write("data/app.pid", "8")
	s.write("data/one", "new")
	s.write("more/app.pid", "9")
	done, err := e.RestoreFiles(t.Context(), "part", "app", backup.Target{Path: s.app, OpID: "x"})
	if err != nil || !done.InPlace {
		t.Fatalf("restored %+v, %v; want in place", done, err)
	}
	for name, content := range map[string]string{"cache/entry": "cached later", "data/app.pid": "8", "more/app.pid": "9", "data/one": strings.Repeat("1", 9000)} {
		if got, err := os.ReadFile(filepath.Join(s.app, name)); err != nil || string(got) != content {
			t.Errorf("%s is %.20q, %v; want %.20q", name, got, err, content)
		}
	}
	if err := os.RemoveAll(filepath.Join(s.app, "more")); err != nil {
		t.Fatal(err)
	}
	got := s.scan(s.app)
	if list := files.Compare(want, got, files.Ignore{Paths: []string{"cache/", "*.pid"}}); len(list) > 1 { // the root's own time moved just now
		t.Errorf("differs: %v", list)
	}
}

func testSingleFile(t *testing.T, make Maker) {
	s := newStage(t, make)
	s.small()
	r := s.request("file")
	r.Files = append(r.Files, backup.FilePart{Name: "conf", Path: filepath.Join(s.app, "conf")})
	want := s.scan(r.Files[1].Path)
	e := s.engine()
	for i, between := range []string{"", "changed in between"} {
		r.ID = fmt.Sprint("file", i)
		if err := e.Prepare(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if between != "" {
			s.write("conf", between)
			want = s.scan(r.Files[1].Path)
		}
		s.point(e, r, false)
		for _, inPlace := range []bool{false, true} {
			s.write("conf", "b = 2")
			if _, err := e.RestoreFiles(t.Context(), r.ID, "conf", backup.Target{Path: r.Files[1].Path, OpID: "x", InPlace: inPlace}); err != nil {
				t.Fatal(err)
			}
			same(t, "restored", want, s.scan(r.Files[1].Path))
		}
	}
}

// testRepeated: a good restore point is never made anew.
func testRepeated(t *testing.T, make Maker) {
	s := newStage(t, make)
	s.small()
	e := s.engine()
	first := s.point(e, s.request("p"), true)
	before := s.scan(s.dir)
	s.write("conf", "changed since")
	for _, e := range []backup.Engine{e, s.engine()} {
		if err := e.Prepare(t.Context(), s.request("p")); err != nil {
			t.Fatal(err)
		}
		if again := s.point(e, s.request("p"), false); again.Seal != first.Seal {
			t.Errorf("made again: %+v", again)
		}
		other := s.request("p")
		other.About.Run = "another"
		if err := e.Prepare(t.Context(), other); !errors.Is(err, backup.ErrExists) {
			t.Errorf("Prepare over another run's point: %v", err)
		}
		if _, err := e.Finish(t.Context(), other); !errors.Is(err, backup.ErrExists) {
			t.Errorf("Finish over another run's point: %v", err)
		}
	}
	same(t, "the first point", before, s.scan(s.dir))
	// The first pass of another request is of no use.
	r := s.request("q")
	if err := e.Prepare(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r.Files[0].Exclude = []string{"conf"}
	s.point(e, r, false)
	tree, err := e.Tree(t.Context(), "q", "app")
	if _, there := tree.Find("conf"); err != nil || there {
		t.Errorf("a first pass with other exclusions was used: %v", err)
	}
}

// testFailingDump: an error at any byte, or only at the end, and there is no
// restore point.
func testFailingDump(t *testing.T, make Maker) {
	s := newStage(t, make)
	s.small()
	want := errors.New("the dump program failed")
	for _, at := range []int{0, 100, 1 << 30} {
		e := s.engine()
		r := s.request("p")
		r.Databases[0].DB = failing{r.Databases[0].DB, at, want}
		if err := e.Prepare(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Finish(t.Context(), r); !errors.Is(err, want) {
			t.Fatalf("at %d: %v", at, err)
		}
		nothing(t, s.engine(), "p")
		// Mended, the same point can be made.
		s.point(e, s.request("p"), false)
		if err := e.Verify(t.Context(), "p"); err != nil {
			t.Fatal(err)
		}
		if err := e.Remove(t.Context(), "p"); err != nil {
			t.Fatal(err)
		}
	}
}

// testLying: a database whose words and deeds differ is found out.
func testLying(t *testing.T, make Maker) {
	s := newStage(t, make)
	s.small()
	e := s.engine()
	r := s.request("p")
	r.Databases[0].DB = miscounting{r.Databases[0].DB}
	if _, err := e.Finish(t.Context(), r); err == nil {
		t.Error("a dump whose report does not fit was taken")
	}
	nothing(t, e, "p")
	s.point(e, s.request("p"), false)
	s.sql("DELETE FROM t")
	if err := e.RestoreDatabase(t.Context(), "p", "database", forgetful{s.db()}); !errors.Is(err, backup.ErrNotProven) || !strings.Contains(err.Error(), "rows of t") {
		t.Errorf("a restore that did nothing: %v", err)
	}
	if err := e.RestoreDatabase(t.Context(), "p", "database", s.db()); err != nil {
		t.Error(err)
	}
}

// miscounting reports another number of bytes than it wrote.
type miscounting struct{ database.Database }

func (m miscounting) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	r, err := m.Database.Dump(ctx, w)
	r.Bytes--
	return r, err
}

// forgetful reads a dump and does nothing with it.
type forgetful struct{ database.Database }

func (forgetful) Restore(_ context.Context, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// nothing makes sure that there is no restore point, and nothing after a sweep.
func nothing(t *testing.T, e backup.Engine, id string) {
	t.Helper()
	if list, err := e.List(t.Context()); err != nil || len(list) != 0 {
		t.Fatalf("listed: %+v, %v", list, err)
	}
	if _, err := e.Find(t.Context(), id); !errors.Is(err, backup.ErrNotFound) {
		t.Fatalf("found: %v", err)
	}
}

// failing is a database whose dump breaks off with an error.
type failing struct {
	database.Database
	at  int
	err error
}

func (f failing) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	r, err := f.Database.Dump(ctx, &breaking{w, f.at, f.err})
	if err == nil {
		return r, f.err
	}
	return database.Report{}, err
}

type breaking struct {
	w    io.Writer
	left int
	err  error
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) > b.left {
		n, _ := b.w.Write(p[:b.left]) // the error to come is what counts
		b.left = 0
		return n, b.err
	}
	b.left -= len(p)
	return b.w.Write(p)
}

func testRemoving(t *testing.T, make Maker) {
	s := newStage(t, make)
	s.small()
	e := s.engine()
	if err := e.Remove(t.Context(), "none"); !errors.Is(err, backup.ErrNotFound) {
		t.Errorf("removed nothing: %v", err)
	}
	for _, id := range []string{"b", "a", "c"} {
		s.point(e, s.request(id), false)
	}
	ids := func() []string {
		list, err := e.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, p := range list {
			out = append(out, p.ID)
		}
		return out
	}
	if got := ids(); len(got) != 3 || !slices.Contains(got, "a") {
		t.Errorf("listed %v", got)
	}
	if err := e.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if got := ids(); len(got) != 2 || slices.Contains(got, "a") {
		t.Errorf("listed %v after a was removed", got)
	}
	for calls := 0; ; calls++ { // killed before each of its calls, a removal is done or undone
		s.point(e, s.request("a"), false)
		err := s.make(t, s.dir, DieAfter(durable.OS(), calls)).Remove(t.Context(), "a")
		switch got := ids(); {
		case err == nil && slices.Contains(got, "a"):
			t.Fatal("removed, and still there")
		case slices.Contains(got, "a"):
			if err := e.Verify(t.Context(), "a"); err != nil {
				t.Fatalf("killed at %d, half a restore point is left: %v", calls, err)
			}
			err = errors.Join(err, e.Remove(t.Context(), "a"))
		}
		if _, err := e.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			break
		}
		if calls > 100 {
			t.Fatal("never done")
		}
	}
	if err := e.Prepare(t.Context(), s.request("d")); err != nil {
		t.Fatal(err)
	}
	if swept, err := e.Sweep(t.Context(), "d"); err != nil || len(swept) != 0 {
		t.Errorf("swept %v, %v although d is being made", swept, err)
	}
	if swept, err := s.engine().Sweep(t.Context()); err != nil || len(swept) != 1 {
		t.Errorf("swept %v, %v; want the first pass of d", swept, err)
	}
	if got := ids(); len(got) != 2 {
		t.Errorf("sweeping removed restore points: %v", got)
	}
}

func testRequests(t *testing.T, make Maker) {
	s := newStage(t, make)
	s.small()
	e := s.engine()
	for name, edit := range map[string]func(*backup.Request){
		"no id":         func(r *backup.Request) { r.ID = "" },
		"climbing id":   func(r *backup.Request) { r.ID = "../x" },
		"unfinished id": func(r *backup.Request) { r.ID = "x.partial" },
		"hidden id":     func(r *backup.Request) { r.ID = ".x" },
		"nothing":       func(r *backup.Request) { r.Files, r.Databases = nil, nil },
		"same names":    func(r *backup.Request) { r.Databases[0].Name = "app" },
		"odd part":      func(r *backup.Request) { r.Files[0].Name = "a/b" },
		"no path":       func(r *backup.Request) { r.Files[0].Path = "" },
		"missing tree":  func(r *backup.Request) { r.Files[0].Path += "/nothing here" },
		"bad pattern":   func(r *backup.Request) { r.Files[0].Exclude = []string{"[a"} },
	} {
		r := s.request("p")
		edit(&r)
		if err := e.Prepare(t.Context(), r); err == nil {
			t.Errorf("%s: prepared", name)
		}
		if _, err := e.Finish(t.Context(), r); err == nil {
			t.Errorf("%s: made", name)
		}
	}
	nothing(t, e, "p")
	s.point(e, s.request("p"), false)
	if _, err := e.RestoreFiles(t.Context(), "p", "database", backup.Target{Path: s.app}); !errors.Is(err, backup.ErrNotFound) {
		t.Errorf("files of a database: %v", err)
	}
	if _, err := e.RestoreFiles(t.Context(), "p", "none", backup.Target{Path: s.app}); !errors.Is(err, backup.ErrNotFound) {
		t.Errorf("files of nothing: %v", err)
	}
	if err := e.RestoreDatabase(t.Context(), "p", "app", s.db()); err == nil {
		t.Error("a database of files")
	}
}
