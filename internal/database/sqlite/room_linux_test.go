package sqlite

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// TestDiskFull has no room for a restore, and none for the copy of a dump.
func TestDiskFull(t *testing.T) {
	lab.Root(t)
	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "mode=755,size=1m"); err != nil {
		t.Skipf("cannot mount a small volume here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(small, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	source := subject(t, "wal")
	source.Exec(t, databasetest.Fill+"CREATE TABLE big AS SELECT randomblob(3000000) AS b")
	dump, _ := databasetest.Dump(t, source.DB)

	path := filepath.Join(small, "app.db")
	run(t, path, databasetest.Fill)
	db := New(Config{Path: path, FS: durable.OS(), Temp: t.TempDir(), OpID: "x"})
	before := databasetest.Fingerprint(t, db)
	if err := db.Restore(t.Context(), bytes.NewReader(dump)); !errors.Is(err, database.ErrDiskFull) {
		t.Errorf("restored onto a full disk: %v", err)
	}
	databasetest.Same(t, "a full disk", before, databasetest.Fingerprint(t, db))
	if list := folder(t, small); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}

	cramped := New(Config{Path: source.DB.(*DB).config.Path, FS: durable.OS(), Temp: small, OpID: "x"})
	if _, err := cramped.Dump(t.Context(), io.Discard); !errors.Is(err, database.ErrDiskFull) {
		t.Errorf("dumped without room: %v", err)
	}
	if list, err := os.ReadDir(small); err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}
