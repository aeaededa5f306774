package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// A first pass over files that are not in their place yet counts: once they
// are, only what has changed since is read, and what comes back is what was
// there at the second pass.
func TestFirstPassBeforeItIsInPlace(t *testing.T) {
	dir := t.TempDir()
	staged, at := filepath.Join(dir, "staged"), filepath.Join(dir, "app")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		write(filepath.Join(staged, fmt.Sprintf("lib/%02d", i)), fmt.Sprint("content ", i))
	}
	write(filepath.Join(at, "lib/00"), "the version before")
	e := New(Config{Dir: filepath.Join(dir, "points"), FS: durable.OS()})
	r := backup.Request{ID: "run-m1", About: backup.About{Run: "run"}, Files: []backup.FilePart{{Name: "app", Path: at, First: staged}}}
	if err := e.Prepare(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, step := range [][2]string{{at, filepath.Join(dir, "old")}, {staged, at}} {
		if err := os.Rename(step[0], step[1]); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(at, "lib/07"), "edited since")
	want, err := files.Scan(t.Context(), durable.OS(), at, files.Options{Hash: true})
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Finish(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	part, err := p.Part("app")
	if err != nil {
		t.Fatal(err)
	}
	roles := map[backup.Role]bool{}
	for _, s := range part.Stored {
		roles[s.Role] = true
	}
	if !roles[backup.Base] || !roles[backup.Delta] || part.Path != at {
		t.Errorf("the first pass was not used: %+v", part)
	}
	packed, err := e.Tree(t.Context(), "run-m1", "app")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files.Digest(want), files.Digest(packed)); diff != "" {
		t.Errorf("not what is there: %v", files.Compare(want, packed, files.Fingerprint()))
	}
	if err := os.RemoveAll(at); err != nil {
		t.Fatal(err)
	}
	if _, err := e.RestoreFiles(t.Context(), "run-m1", "app", backup.Target{Path: at, OpID: "op"}); err != nil {
		t.Fatal(err)
	}
	got, err := files.Scan(t.Context(), durable.OS(), at, files.Options{Hash: true})
	if err != nil {
		t.Fatal(err)
	}
	if ds := files.Compare(want, got, files.Fingerprint()); len(ds) > 0 {
		t.Errorf("restored, it differs: %v", ds)
	}
}
