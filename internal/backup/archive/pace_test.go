package archive

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// TestBandwidth: the first pass, a live point and verifying keep to the limit;
// what lies in an outage and a restore do not wait.
func TestBandwidth(t *testing.T) {
	lab.Slow(t)
	top := t.TempDir()
	app := filepath.Join(top, "app")
	if err := errors.Join(os.Mkdir(app, 0o755), os.WriteFile(filepath.Join(app, "f"), random(1<<20), 0o644)); err != nil {
		t.Fatal(err)
	}
	const limit = 1 << 20 // the content takes a second, less what passes at once
	e := New(Config{Dir: filepath.Join(top, "points"), FS: durable.OS(), Bandwidth: limit})
	request := func(id string, live bool) backup.Request {
		return backup.Request{ID: id, Live: live, Files: []backup.FilePart{{Name: "app", Path: app}}}
	}
	finish := func(id string, live bool) func() error {
		return func() error { _, err := e.Finish(t.Context(), request(id, live)); return err }
	}
	for _, c := range []struct {
		what  string
		do    func() error
		waits bool
	}{
		{"a first pass", func() error { return e.Prepare(t.Context(), request("p", false)) }, true},
		{"the second pass", finish("p", false), false},
		{"a point in one pass", finish("q", false), false},
		{"a live point", finish("r", true), true},
		{"verifying", func() error { return e.Verify(t.Context(), "p") }, true},
		{"restoring", func() error {
			_, err := e.RestoreFiles(t.Context(), "p", "app", backup.Target{Path: filepath.Join(top, "to"), OpID: "x"})
			return err
		}, false},
	} {
		begin := time.Now()
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if took := time.Since(begin); (took > 700*time.Millisecond) != c.waits {
			t.Errorf("%s took %v", c.what, took)
		}
	}
}
