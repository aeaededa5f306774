package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/journal/journaltest"
	"upkeep/internal/journal/sqlite"
)

// filled makes a journal of two runs, the second open, and gives its path.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := sqlite.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, id := range []string{"r1", "r2"} {
		seq := journaltest.Open(t, j, id).Seq
		for i := range 20 {
			seq = journaltest.Add(t, j, id, seq, fmt.Sprintf("%s/%d %s", id, i, strings.Repeat("x", 400))).Seq
		}
		if id == "r1" {
			if _, err := j.CloseRun(t.Context(), seq, id, journaltest.Closing()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path
}

// use does with a journal what a command does: open it, find the open run,
// read its plan and entries.
func use(t *testing.T, path string) error {
	j, err := sqlite.Open(t.Context(), path, time.Now)
	if err != nil {
		return err
	}
	defer j.Close()
	row, ok, err := j.OpenedRun(t.Context())
	if err != nil || !ok {
		return err
	}
	if _, err := j.Plan(t.Context(), row.Plan); err != nil {
		return err
	}
	_, err = j.Entries(t.Context(), row.ID, 0)
	return err
}

func verify(t *testing.T, path string) error {
	j, err := sqlite.Open(t.Context(), path, time.Now)
	if err != nil {
		return err
	}
	defer j.Close()
	return j.Verify(t.Context())
}

func TestDamage(t *testing.T) {
	statement := func(s string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			res, err := db.Exec(s)
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := res.RowsAffected(); n == 0 && !strings.HasPrefix(s, "DROP") {
				t.Fatalf("%s changed nothing", s)
			}
		}
	}
	bytes := func(f func(b []byte) []byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			raw, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, f(raw), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, path string)
		use    bool // seen already when the open run is read
		want   string
	}{
		{"another kind of file", bytes(func([]byte) []byte { return []byte(strings.Repeat("not a database\n", 400)) }), true, "not a database"},
		{"a header that is overwritten", bytes(func(b []byte) []byte { copy(b, make([]byte, 100)); return b }), true, "not a database"},
		{"cut in half", bytes(func(b []byte) []byte { return b[:len(b)/2] }), true, "malformed"},
		{"the last page missing", bytes(func(b []byte) []byte { return b[:len(b)-4096] }), false, ""},
		{"a page of zeros", bytes(func(b []byte) []byte { copy(b[len(b)-4096:], make([]byte, 4096)); return b }), false, ""},
		{"an entry changed", statement("UPDATE entries SET body = '{}' WHERE seq = 30"), true, "entry 30 (Outcome of run r2) is not what was written"},
		{"its time changed", statement("UPDATE entries SET at = '2001-01-01T00:00:00Z' WHERE seq = 30"), true, "entry 30"},
		{"its time unreadable", statement("UPDATE entries SET at = 'yesterday' WHERE seq = 30"), true, "no readable time"},
		{"an entry of an earlier run changed", statement("UPDATE entries SET step = 'b' WHERE seq = 3"), false, "entry 3"},
		{"an entry taken out", statement("DELETE FROM entries WHERE seq = 30"), true, "entry 31 does not follow entry 29"},
		{"an entry of an earlier run taken out", statement("DELETE FROM entries WHERE seq = 3"), false, "entry 4 does not follow entry 2"},
		{"the first entry taken out", statement("DELETE FROM entries WHERE seq = 1"), false, "entry 2 does not follow entry 0"},
		{"the last entry taken out", statement("DELETE FROM entries WHERE seq = 43"), true, "its last entry should be 43 and is 42"},
		{"the head taken out", statement("DELETE FROM head"), true, "does not say which entry is its last"},
		{"the head and the last entry changed", statement("UPDATE head SET hash = 'x'"), false, "entry 43 is not the one that was written last"},
		{"an entry moved", statement("UPDATE entries SET run = 'r1' WHERE seq = 30"), true, ""},
		{"the plan changed", statement(`UPDATE plans SET body = replace(body, '"to":"2.0"', '"to":"3.0"')`), true, "is not what was written"},
		{"the plan unreadable", statement("UPDATE plans SET body = '{'"), true, ""},
		{"a closed run opened again", statement("UPDATE runs SET closed = NULL, result = '' WHERE id = 'r1' AND (SELECT 1 FROM runs)"), false, ""},
		{"an open run closed by hand", statement("UPDATE runs SET closed = opened WHERE id = 'r2'"), false, "does not say of run r2"},
		{"a run taken out of the list", statement("DELETE FROM runs WHERE id = 'r1'"), false, "missing from the list"},
		{"a table missing", statement("DROP TABLE entries"), true, "something is missing: CREATE "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filled(t)
			if strings.Contains(tt.name, "opened again") {
				// only one run can be open: the other must be closed by hand too
				statement("UPDATE runs SET closed = opened WHERE id = 'r2'")(t, path)
			}
			tt.damage(t, path)
			got := []error{verify(t, path)}
			if tt.use {
				got = append(got, use(t, path))
			}
			for _, err := range got {
				if !errors.Is(err, journal.ErrDamaged) {
					t.Fatalf("it is not noticed: %v", err)
				}
				for _, want := range []string{tt.want, path, "nothing was changed", "backup"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("the message %q does not say %q", err, want)
					}
				}
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		path := filled(t)
		if err := errors.Join(verify(t, path), use(t, path)); err != nil {
			t.Errorf("an undamaged journal: %v", err)
		}
	})
}

func TestNewerLayout(t *testing.T) {
	path := filled(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(fmt.Sprintf("PRAGMA user_version = %d", sqlite.Version+1)); err != nil {
		t.Fatal(err)
	}
	db.Close()
	_, err = sqlite.Open(t.Context(), path, time.Now)
	if !errors.Is(err, journal.ErrNewer) || !strings.Contains(err.Error(), "use the Upkeep that wrote it") {
		t.Errorf("a journal of a newer layout: %v", err)
	}
}

func TestAnotherDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE users(name TEXT)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	_, err = sqlite.Open(t.Context(), path, time.Now)
	if !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), "no journal") {
		t.Errorf("the database of something else: %v", err)
	}
}
