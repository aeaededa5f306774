package backuptest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/durable"
)

// testRepeated: a good restore point is never made anew.
func testRepeated(t *testing.T, on Subject) {
	s := newStage(t, on)
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
func testFailingDump(t *testing.T, on Subject) {
	s := newStage(t, on)
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
func testLying(t *testing.T, on Subject) {
	s := newStage(t, on)
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

func testRemoving(t *testing.T, on Subject) {
	s := newStage(t, on)
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
	if left := on.Names(t, s.dir); len(left) != 2 {
		t.Errorf("after a was removed there are %v", left)
	}
	for calls := 0; ; calls = on.next(calls) { // killed before each of its calls, a removal is done or undone
		s.point(e, s.request("a"), false)
		err := s.over(DieAfter(durable.OS(), calls)).Remove(t.Context(), "a")
		switch got := ids(); {
		case err == nil && slices.Contains(got, "a"):
			t.Fatal("removed, and still there")
		case slices.Contains(got, "a"):
			if err := e.Verify(t.Context(), "a"); err != nil {
				t.Fatalf("killed at %d, half a restore point is left: %v", calls, err)
			}
			if err := e.Remove(t.Context(), "a"); err != nil {
				t.Fatalf("killed at %d, it cannot be removed again: %v", calls, err)
			}
		}
		if calls%2 == 0 { // else the next point of that name finds what this one has left
			if _, err := e.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
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

func testRequests(t *testing.T, on Subject) {
	s := newStage(t, on)
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
