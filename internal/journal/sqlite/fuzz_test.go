package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/journal/sqlite"
	"upkeep/internal/run"
)

// all reads a journal in every way that there is. What it gives without an
// error is what was written.
func all(ctx context.Context, path string) ([]run.Entry, error) {
	j, err := sqlite.Open(ctx, path, time.Now)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	verr := j.Verify(ctx)
	entries, err := j.Entries(ctx, "", 0)
	_, ok, oerr := j.OpenedRun(ctx)
	_ = ok
	_, rerr := j.Runs(ctx)
	_, cerr := j.Record(ctx)
	_, nerr := j.Once(ctx)
	return entries, errors.Join(verr, err, oerr, rerr, cerr, nerr)
}

// FuzzJournal damages the file of a journal: bytes at a place, a tail cut off,
// or a write-ahead log that is not its own. Reading gives an error or what was
// written, in bounded time.
func FuzzJournal(f *testing.F) {
	var raw []byte
	var want []run.Entry
	load := func(t *testing.T) {
		if raw != nil {
			return
		}
		path := filled(t)
		var err error
		if want, err = all(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		if raw, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	f.Add(uint32(0), uint32(0), []byte("SQLite format 3\x00\xff\xff"), false)
	f.Add(uint32(18), uint32(0), []byte{1, 1}, false)                        // no write-ahead log, it says
	f.Add(uint32(24), uint32(0), []byte{0, 0, 0, 0, 0, 0, 0, 1}, false)      // another size
	f.Add(uint32(56), uint32(0), []byte{0, 0, 0, 3}, false)                  // another encoding
	f.Add(uint32(60), uint32(0), []byte{0, 0, 0, 0}, false)                  // another layout
	f.Add(uint32(100), uint32(0), []byte{5, 0, 0, 0xff, 0xff}, false)        // a schema that is none
	f.Add(uint32(4096), uint32(0), []byte{5, 0, 0, 0, 1, 0, 0, 0, 0}, false) // a page that leads to itself
	f.Add(uint32(8200), uint32(1), []byte{0x41}, false)
	f.Add(uint32(0), uint32(4096), []byte{}, false)
	f.Add(uint32(0), uint32(0), []byte("\x37\x7f\x06\x82\x00\x2d\xe2\x18\x00\x00\x10\x00"), true)
	f.Fuzz(func(t *testing.T, at, cut uint32, patch []byte, wal bool) {
		load(t)
		if len(patch) > 1<<16 {
			return
		}
		path := filepath.Join(t.TempDir(), "journal.db")
		b := append([]byte(nil), raw...)
		if wal {
			if err := os.WriteFile(path+"-wal", patch, 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			copy(b[int(at)%len(b):], patch)
		}
		if err := os.WriteFile(path, b[:len(b)-int(cut)%len(b)], 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		got, err := all(ctx, path)
		if ctx.Err() != nil {
			t.Fatalf("it does not end: %v", err)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("it is taken for sound, and says something else (-written +read):\n%s", diff)
		}
	})
}

// A journal is a file that somebody can put there: its tables need not be
// tables.
func TestHostileJournal(t *testing.T) {
	endless := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i seq,'r2' run,'2020-01-01T00:00:00Z' at,'Sealed' kind,'' step,'' dir,x'' body,'' prev,'' hash FROM n`
	for name, statement := range map[string]string{
		"entries without an end":        "DROP TABLE entries; CREATE VIEW entries AS " + endless,
		"a head without an end":         "DROP TABLE head; CREATE VIEW head AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT 1 one, i seq, '' hash FROM n",
		"runs without an end":           "DROP TABLE runs; CREATE VIEW runs AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i id,'' plan,'' by,'' trig,'' from_version,'' to_version,'2020-01-01T00:00:00Z' opened,NULL closed,'' result,'' version,0 outage,0 work FROM n",
		"a trigger on what is written":  "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM plans; END",
		"entries that make themselves":  "ALTER TABLE entries ADD COLUMN more TEXT DEFAULT 'x'",
		"a table that nobody knows":     "CREATE TABLE more(x)",
		"an index of another condition": "DROP INDEX one_open_run",
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t)
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
			db.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err = all(ctx, path)
			if ctx.Err() != nil || err == nil {
				t.Fatal(fmt.Errorf("it is not noticed: %w", err))
			}
		})
	}
}
