package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/durable"
)

func subject(t *testing.T, mode string) databasetest.Subject {
	dir := t.TempDir()
	path := filepath.Join(dir, "odd name?#%20.db")
	db := New(Config{Path: path, FS: durable.OS(), Temp: t.TempDir(), OpID: "run-1/restore/do"})
	do := func(ctx context.Context, sql string) error {
		h, err := open(ctx, path, 5*time.Second, "_pragma=foreign_keys(0)")
		if err != nil {
			return err
		}
		_, err = h.ExecContext(ctx, sql)
		return errors.Join(err, h.close())
	}
	if err := do(t.Context(), "PRAGMA journal_mode = "+mode); err != nil {
		t.Fatal(err)
	}
	if mode == "delete" {
		if err := os.WriteFile(path, nil, 0o640); err != nil { // an empty file is an empty database
			t.Fatal(err)
		}
	}
	return databasetest.Subject{
		OpID:    "run-1/restore/do",
		DB:      db,
		Missing: New(Config{Path: filepath.Join(dir, "missing.db"), FS: durable.OS()}),
		Dialect: database.SQLite,
		Do:      do,
	}
}

func TestContract(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		t.Run(mode, func(t *testing.T) {
			databasetest.Run(t, func(t *testing.T) databasetest.Subject { return subject(t, mode) })
		})
	}
}
