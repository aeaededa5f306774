package local

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"upkeep/internal/journal/journaltest"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/manage"
)

// TestPulse: the mark is another one once a run has begun and once it has ended,
// and an installation that cannot be read keeps nobody from the others.
func TestPulse(t *testing.T) {
	document := filepath.Join(t.TempDir(), "shop.yaml")
	state := filepath.Join(filepath.Dir(document), "state")
	text := "installation: {id: shop, product: shop, state: state}\n"
	for _, err := range []error{os.WriteFile(document, []byte(text), 0o600), os.Mkdir(state, 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	in, err := manage.Open(document, "upkeep")
	if err != nil {
		t.Fatal(err)
	}
	e := New(Options{Document: document, Exe: "upkeep"})
	feel := func() string {
		t.Helper()
		e.pulse.at = time.Time{} // as if time had passed
		p, err := e.Pulse(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p.Mark
	}
	before := feel()
	j, err := sqlite.Open(t.Context(), filepath.Join(in.State, "journal.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	seq := journaltest.Open(t, j, "r1").Seq
	began := feel()
	seq = journaltest.Add(t, j, "r1", seq, "done").Seq
	same := feel()
	if _, err := j.CloseRun(t.Context(), seq, "r1", journaltest.Closing()); err != nil {
		t.Fatal(err)
	}
	ended := feel()
	if before == began || began != same || same == ended || before == ended {
		t.Errorf("the marks are %s, %s, %s, %s", before, began, same, ended)
	}
	if err := os.WriteFile(filepath.Join(in.State, "journal.db"), []byte("not a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if feel() == "" {
		t.Error("a journal that cannot be read has no mark")
	}
}
