package backuptest

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// testChangedAgain: a restore dies when it has exchanged the trees, and somebody
// works on with what it has put there. The next one keeps the tree that was
// replaced: nobody else has it.
func testChangedAgain(t *testing.T, on Subject) {
	s := newStage(t, on)
	s.small()
	want := s.scan(s.app)
	s.point(s.engine(), s.request("p"), false)
	s.write("conf", "new")
	s.write("added/file", "new")
	old := s.scan(s.app)
	to := backup.Target{Path: s.app, OpID: "x"}
	for calls := 0; len(files.Compare(want, s.scan(s.app), files.Ignore{})) > 0; calls++ {
		mortal := DieAfter(durable.OS(), calls)
		if _, err := s.over(mortal).RestoreFiles(t.Context(), "p", "app", to); err == nil || !mortal.Dead() {
			t.Fatalf("never died between the exchange and the end: %v", err)
		}
	}
	s.write("conf", "changed again")
	_, err := s.engine().RestoreFiles(t.Context(), "p", "app", to)
	s.must(err)
	same(t, "restored", want, s.scan(s.app))
	same(t, "the replaced tree", old, s.scan(s.app+".replaced-1"))
}

// closed is what an ordinary account has: it cannot empty a directory that it may
// not write to.
type closed struct{ durable.FS }

func (c closed) RemoveAll(path string) error {
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // what is not there needs no removing
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o200 == 0 {
			return &fs.PathError{Op: "unlinkat", Path: p, Err: fs.ErrPermission}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.FS.RemoveAll(path)
}

// testClosed removes replaced trees all the same.
func testClosed(t *testing.T, on Subject) {
	s := newStage(t, on)
	Exact(t, s.app)
	s.must(os.Chmod(filepath.Join(s.app, "closed/inner"), 0o555))
	want := s.scan(s.app)
	s.point(s.engine(), s.request("p"), false)
	for _, inPlace := range []bool{false, true} {
		s.ruin()
		_, err := s.over(closed{durable.OS()}).RestoreFiles(t.Context(), "p", "app", backup.Target{Path: s.app, OpID: "x", InPlace: inPlace})
		s.must(err)
		same(t, "restored", want, s.scan(s.app))
		clean(t, filepath.Dir(s.app))
	}
}

// private is a database of which the account may not read what belongs to the
// server.
type private struct{ database.Database }

func (private) Globals(_ context.Context, w io.Writer) error {
	if _, err := io.WriteString(w, "CREATE ROLE app;\n"); err != nil {
		return err
	}
	return database.ErrPermission
}

// testGlobals: what could not be dumped is said, and no half of it is kept.
func testGlobals(t *testing.T, on Subject) {
	for _, prepare := range []bool{false, true} {
		s := newStage(t, on)
		s.small()
		e, r := s.engine(), s.request("p")
		r.Databases[0].DB = private{r.Databases[0].DB}
		p := s.point(e, r, prepare)
		part, err := p.Part("database")
		s.must(err)
		if len(part.LeftOut) == 0 {
			t.Errorf("with a first pass: %v: it is not said that something was left out", prepare)
		}
		known := []string{"restore-point.json", "SHA256SUMS"}
		for _, part := range p.Parts {
			for _, stored := range part.Stored {
				known = append(known, stored.Name)
			}
		}
		for _, name := range on.Pieces(t, s.dir, "p") {
			if !slices.Contains(known, name) {
				t.Errorf("%s is in the restore point, and not in its record", name)
			}
		}
	}
}
