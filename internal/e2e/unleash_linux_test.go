package e2e

import (
	"strings"
	"testing"
	"time"

	"upkeep/internal/run"
)

// TestUnleash upgrades a real product that migrates whenever it starts, over
// two hops in one closed run: what was set before through its API is read
// after, and users see the outage page all the while.
func TestUnleash(t *testing.T) {
	u := unleash(t)
	s := u.site(t)
	s.is(u.Old)

	plan := s.must(0, "plan", "--from", u.Bundles)
	has(t, plan.out, u.Old.Version, u.Stop.Version, u.New.Version, "149 → 332")
	order(t, plan.out, "close the gate", "stop web", "exchange app for "+u.Stop.Version, "start web behind the gate; it migrates database for "+u.Stop.Version,
		"verify "+u.Stop.Version, "make a restore point of "+u.Stop.Version, "start web behind the gate; it migrates database for "+u.New.Version, "verify "+u.New.Version, "point of no return")

	v := s.visitor()
	began := time.Now()
	done := s.must(0, s.upgrade()...)
	t.Logf("the upgrade took %v", time.Since(began).Round(time.Millisecond))
	has(t, done.out, "unleash is on "+u.New.Version+", verified")
	time.Sleep(100 * time.Millisecond)
	out, page := closedOnce(t, v.seen()), 0
	for _, o := range out {
		if o.status == 503 && o.retry != "" && strings.Contains(o.body, "unleash") {
			page++
		}
	}
	if page == 0 || page < len(out)*9/10 { // some questions are open while the gate closes
		t.Errorf("users saw the outage page %d times in %d questions: %v", page, len(out), firstWithout(out))
	}
	s.is(u.New)
	s.nothingLeft()
	s.journalIsSound(run.ResultNew)

	// the next morning: all of it back, by the restore point of the origin
	s.must(0, "back", "--yes")
	s.is(u.Old)
	s.nothingLeft()
}
