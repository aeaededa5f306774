package backuptest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

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
		func() error { return s.attributes("var", "bin") },
	} {
		if err := change(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// attributes takes one from a folder, and gives one to another, where the file
// system has kept any.
func (s *stage) attributes(from, to string) error {
	fsys := durable.OS()
	have, err := fsys.Xattrs(filepath.Join(s.app, from))
	if _, ok := have["user.empty"]; err != nil || !ok {
		return err
	}
	return errors.Join(fsys.RemoveXattr(filepath.Join(s.app, from), "user.empty"), fsys.SetXattr(filepath.Join(s.app, to), "user.added", []byte("new")))
}

// testExact keeps everything on the exactness list, through both ways of
// restoring.
func testExact(t *testing.T, on Subject) {
	for _, prepare := range []bool{false, true} {
		s := newStage(t, on)
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
		if strings.HasPrefix(e.Name(), files.StagingPrefix) || strings.Contains(e.Name(), ".replaced-") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

// testTwoPasses changes everything that can change between the passes.
func testTwoPasses(t *testing.T, on Subject) {
	for _, fresh := range []bool{false, true} { // the second pass in the same process, or in another
		s := newStage(t, on)
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
func testExcluded(t *testing.T, on Subject) {
	s := newStage(t, on)
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

func testSingleFile(t *testing.T, on Subject) {
	s := newStage(t, on)
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

// testIncluded keeps some of a tree, first pass and second, and touches
// nothing else when it restores that.
func testIncluded(t *testing.T, on Subject) {
	s := newStage(t, on)
	s.small()
	s.write("etc/a", "a1")
	s.write("etc/deep/b", "b1")
	s.write("usr/bin/tool", "tool 1")
	s.write("usr/bin/foreign", "foreign 1")
	e := s.engine()
	r := s.request("some")
	r.Files[0].Include = []string{"etc/", "usr/bin/tool", "usr/share/new/", "usr/bin/later"}
	if err := e.Prepare(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	s.write("etc/a", "a2")
	want := s.scan(s.app)
	s.point(e, r, false)
	s.write("etc/a", "a3")
	s.write("etc/c", "new")
	s.write("usr/bin/tool", "tool 2")
	s.write("usr/bin/later", "brought by the new version")
	s.write("usr/share/new/x/y", "brought too")
	s.write("usr/bin/foreign", "foreign 2")
	s.write("usr/share/other", "somebody else's")
	if err := os.RemoveAll(filepath.Join(s.app, "etc", "deep")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		done, err := e.RestoreFiles(t.Context(), "some", "app", backup.Target{Path: s.app, OpID: "x"})
		if err != nil || done.InPlace != (len(done.Changed) > 0) {
			t.Fatalf("restored %+v, %v; want in place", done, err)
		}
		var left []string
		for _, d := range files.Compare(want, s.scan(s.app), files.Fingerprint()) {
			left = append(left, d.Path)
		}
		if foreign := []string{"usr/bin/foreign", "usr/share", "usr/share/other"}; !slices.Equal(left, foreign) {
			t.Fatalf("differs in %q, want only in what is not in the restore point: %q", left, foreign)
		}
	}
	if err := e.Verify(t.Context(), "some"); err != nil {
		t.Error(err)
	}
}
