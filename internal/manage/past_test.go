package manage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/journal"
	"upkeep/internal/site"
)

// Of a long history only those runs count that somebody can go back by; where
// that cannot be told, all do.
func TestReturnable(t *testing.T) {
	rows := make([]journal.Run, manyRuns)
	for i := range rows {
		rows[i] = journal.Run{ID: fmt.Sprint("r", i), Closed: time.Unix(1, 0)}
	}
	rows[0].Closed = time.Time{} // it is open
	in := &Installation{FS: durable.OS(), Backup: t.TempDir(), Doc: &site.Installation{}}
	returnable := func(rows []journal.Run) []journal.Run {
		got, err := in.returnable(t.Context(), runsOf(rows))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	count := func(rows []journal.Run) int { return len(returnable(rows)) }
	if n := count(rows); n != manyRuns {
		t.Errorf("without any restore point %d count", n)
	}
	p := backup.Point{Format: backup.Format, ID: "20260314-1", Made: time.Unix(2, 0), About: backup.About{Run: "r7"}}
	text, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(in.Backup, p.ID, "restore-point.json")
	for _, err := range []error{os.MkdirAll(filepath.Dir(record), 0o700), os.WriteFile(record, text, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	list, err := in.archive().List(t.Context())
	if err != nil || len(list) != 1 || list[0].Broken != "" {
		t.Fatalf("the restore point is read as %+v, %v", list, err)
	}
	if got := returnable(rows); len(got) != 2 || got[0].ID != "r0" || got[1].ID != "r7" {
		t.Errorf("these count: %+v", got)
	}
	if n := count(rows[1:]); n != manyRuns-1 {
		t.Errorf("of a short history %d count", n)
	}
	if err := os.WriteFile(record, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := count(rows); n != manyRuns {
		t.Errorf("beside a restore point that cannot be read %d count", n)
	}
}

// runsOf is a list of runs, latest first.
type runsOf []journal.Run

func (r runsOf) Runs(context.Context) ([]journal.Run, error) { return r, nil }

func (r runsOf) Recent(_ context.Context, skip, n int) ([]journal.Run, error) {
	return r[skip:min(len(r), skip+n)], nil
}

func (r runsOf) Find(_ context.Context, id string) (journal.Run, bool, error) {
	if i := slices.IndexFunc(r, func(x journal.Run) bool { return x.ID == id }); i >= 0 {
		return r[i], true, nil
	}
	return journal.Run{}, false, nil
}
