package backuptest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// second is a point of two passes, with something of every kind changed between
// them.
func (s *stage) second(e backup.Engine) backup.Point {
	s.t.Helper()
	s.small()
	s.write("old/file", "goes between the passes")
	s.write("turns", "into a folder")
	if err := e.Prepare(s.t.Context(), s.request("p")); err != nil {
		s.t.Fatal(err)
	}
	s.write("conf", "changed between the passes")
	s.write("new/one", "made between the passes")
	s.must(errors.Join(os.RemoveAll(filepath.Join(s.app, "old")), os.Remove(filepath.Join(s.app, "turns"))))
	s.write("turns/into", "a folder")
	return s.point(e, s.request("p"), false)
}

// late is what is written after the point was made.
func (s *stage) late() {
	s.t.Helper()
	s.sql("INSERT INTO t VALUES (3, 'late')")
	s.write("conf", "CHANGED between the passes") // as long as before
	s.write("data/late", "late")
	s.must(errors.Join(os.RemoveAll(filepath.Join(s.app, "new")), os.Remove(filepath.Join(s.app, "bin/app")), os.RemoveAll(filepath.Join(s.app, "turns"))))
	s.write("turns", "into a file again")
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// holds proves that the point gives that state back.
func (s *stage) holds(e backup.Engine, tree files.Tree, content database.Fingerprint) {
	s.t.Helper()
	s.must(e.Verify(s.t.Context(), "p"))
	s.must(os.RemoveAll(s.app))
	_, err := e.RestoreFiles(s.t.Context(), "p", "app", backup.Target{Path: s.app, OpID: "x"})
	s.must(err)
	s.must(e.RestoreDatabase(s.t.Context(), "p", "database", s.db()))
	same(s.t, "restored", tree, s.scan(s.app))
	databasetest.Same(s.t, "restored", content, databasetest.Fingerprint(s.t, s.db()))
}

// testAmended makes parts of a point anew, again and again: it always holds
// what was there at that moment, and nothing is left over.
func testAmended(t *testing.T, on Subject) {
	s := newStage(t, on)
	e := s.engine()
	p := s.second(e)
	count := func() int { return len(on.Pieces(t, s.dir, "p")) }
	if q, err := e.Amend(t.Context(), s.request("p")); err != nil || q.Seal != p.Seal {
		t.Errorf("nothing to amend, and it is another point: %v", err)
	}
	s.late()
	files := count()
	for i := range 3 {
		if i > 0 {
			s.sql("INSERT INTO t VALUES (4, 'later')")
			s.write("data/later", "later")
			s.must(os.RemoveAll(filepath.Join(s.app, "data/late")))
		}
		tree, content := s.scan(s.app), databasetest.Fingerprint(t, s.db())
		q, err := e.Amend(t.Context(), s.request("p"), "app", "database")
		s.must(err)
		if found, err := s.engine().Find(t.Context(), "p"); err != nil || found.Seal != q.Seal || len(q.Replaced) > 0 || !q.Began.Equal(p.Began) {
			t.Errorf("amended it is %v, found %v, %v", q, found, err)
		}
		if n := count(); n != files {
			t.Errorf("amended it has %d files, want %d", n, files)
		}
		s.holds(s.engine(), tree, content)
	}
	other := s.request("p")
	other.About.Run = "another"
	if _, err := e.Amend(t.Context(), other, "database"); !errors.Is(err, backup.ErrExists) {
		t.Errorf("another run amends it: %v", err)
	}
	if _, err := e.Amend(t.Context(), s.request("q"), "database"); !errors.Is(err, backup.ErrNotFound) {
		t.Errorf("a point that is not there is amended: %v", err)
	}
}

// testAmendKilled dies before every writing call: the point holds what it held
// or what is to be, and amended again it is whole.
func testAmendKilled(t *testing.T, on Subject) {
	s := newStage(t, on)
	e := s.engine()
	s.second(e)
	tree, content := s.scan(s.app), databasetest.Fingerprint(t, s.db())
	whole := filepath.Join(t.TempDir(), "whole")
	s.must(os.CopyFS(whole, os.DirFS(s.dir)))
	s.late()
	lateTree, lateContent := s.scan(s.app), databasetest.Fingerprint(t, s.db())
	kept, made := 0, 0
	for calls := 0; ; calls = on.next(calls) {
		s.must(errors.Join(os.RemoveAll(s.dir), os.CopyFS(s.dir, os.DirFS(whole))))
		dying := DieAfter(durable.OS(), calls)
		_, err := s.over(dying).Amend(t.Context(), s.request("p"), "app", "database")
		if err == nil && !dying.Dead() {
			break
		}
		p, err := e.Find(t.Context(), "p")
		s.must(err)
		s.must(e.Verify(t.Context(), "p"))
		part, err := p.Part("database")
		s.must(err)
		got, err := e.Tree(t.Context(), "p", "app")
		s.must(err)
		if len(database.Compare(part.Dump.Fingerprint, lateContent)) == 0 {
			made++
			same(t, "made", lateTree, got)
		} else {
			kept++
			same(t, "kept", tree, got)
			databasetest.Same(t, "kept", content, part.Dump.Fingerprint)
		}
		_, err = s.engine().Amend(t.Context(), s.request("p"), "app", "database")
		s.must(err)
		s.must(e.Verify(t.Context(), "p"))
		if calls%8 == 0 {
			s.holds(s.engine(), lateTree, lateContent)
		}
	}
	if every := on.every(); kept*every < 5 || made*every < 3 {
		t.Errorf("of the crashes %d were before the new record and %d after it", kept, made)
	}
}
