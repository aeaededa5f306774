package manage

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/journal"
)

// An installation on which runs were made does not begin anew when its
// journal is gone or emptied: what the runs did would be forgotten.
func TestJournalThatWasLost(t *testing.T) {
	in := &Installation{State: t.TempDir()}
	if _, err := in.journal(t.Context()); !errors.Is(err, ErrNoJournal) {
		t.Fatalf("nothing was run, and the error is %v", err)
	}
	dir := in.RunDir("20260101-000000-abcd")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := in.journal(t.Context()); !errors.Is(err, ErrNoJournal) {
		t.Errorf("no engine ever ran, and the error is %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "log"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, lost := range []string{"gone", "empty"} {
		if lost == "empty" {
			if err := os.WriteFile(in.journalPath(), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := in.journal(t.Context()); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("the journal is %s, and the error is %v", lost, err)
		}
	}
}
