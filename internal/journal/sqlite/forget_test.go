package sqlite_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/journal/journaltest"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/run"
)

// What an upgrade did once is to be done again after it was taken back.
func TestForget(t *testing.T) {
	j, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, r := range []struct {
		id           string
		once, forget []string
		want         string
	}{
		{"r1", []string{"a"}, nil, "a"},
		{"r2", []string{"a", "b"}, nil, "a b"},
		{"r3", []string{"c"}, []string{"r2"}, "a c"},
		{"r4", nil, []string{"r1", "r9"}, "c"},
	} {
		e := journaltest.Open(t, j, r.id)
		c := journal.Closing{Body: run.Closed{Result: run.ResultNew, Version: "2.0"}, Once: r.once, Forget: r.forget}
		if _, err := j.CloseRun(t.Context(), e.Seq, r.id, c); err != nil {
			t.Fatal(err)
		}
		got, err := j.Once(t.Context())
		if err != nil || strings.Join(got, " ") != r.want {
			t.Errorf("after %s: %q, %v, want %q", r.id, got, err, r.want)
		}
	}
}
