package e2e

import (
	"strings"
	"testing"
	"time"

	"upkeep/internal/run"
)

// TestMinifluxFailedMigration: the migration fails half way, with some of its
// steps done for good. The product ends exactly as it was, and the reason is
// said first. Once the cause is gone the same upgrade succeeds.
func TestMinifluxFailedMigration(t *testing.T) {
	m := miniflux(t)
	s := m.site(t)
	if err := s.Sabotage(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := s.fingerprint()
	v := s.visitor()
	failed := s.must(6, s.upgrade()...)
	time.Sleep(100 * time.Millisecond)
	visits := v.seen()

	// The last screen begins with the reason, before anything else.
	_, screen, ok := strings.Cut(failed.out, "\n\n✗ ")
	if !ok {
		t.Fatalf("the last screen does not begin with the reason:\n%s", failed.out)
	}
	order(t, screen, "the upgrade failed at step h1.migrate.database", "linktaco_enabled", "is back on "+m.from.Version+", exactly as it was", "outage", "next")
	same(t, before, s.fingerprint())
	closedOnce(t, visits)
	s.nothingLeft()
	s.journalIsSound(run.ResultOld)
	has(t, s.must(0, "runs", "list").out, "back on "+m.from.Version)

	// The same upgrade again, with the cause still there: the same end.
	s.must(6, s.upgrade()...)
	same(t, before, s.fingerprint())
	s.is(m.from.Version, m.oldSchema)

	if err := s.Repair(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.must(0, s.upgrade()...)
	s.isNew()
	s.nothingLeft()
	s.journalIsSound(run.ResultNew)
}
