package e2e

import (
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/run"
)

// TestUnleashClash: a table that a migration wants to create is there already,
// so that the start behind the gate dies in the middle of its migration. The
// data come back, and so does the version: the origin, or with --on-failure
// stay the version between. The start is not tried again.
func TestUnleashClash(t *testing.T) {
	u := unleash(t)
	for _, c := range []struct {
		name, table, failed string
		reads               string // of how many migrations were done
		more                []string
		code                int
		result              run.Result
		ends                *lab.UnleashRelease
	}{
		{"hop 1", lab.UnleashClash1, "h1.start.web", "read 149 before, reads 164, wanted is 276", []string{"--on-failure", "stay"}, 6, run.ResultOld, u.Old},
		{"hop 2", lab.UnleashClash2, "h2.start.web", "read 276 before, reads 282, wanted is 332", nil, 6, run.ResultOld, u.Old},
		{"hop 2, stay", lab.UnleashClash2, "h2.start.web", "read 276 before, reads 282, wanted is 332", []string{"--on-failure", "stay"}, 9, run.ResultMilestone, u.Stop},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := u.quick(t)
			if err := s.Sabotage(t.Context(), c.table); err != nil {
				t.Fatal(err)
			}
			before := s.print()
			v := s.visitor()
			failed := s.must(c.code, s.upgrade(c.more...)...)
			time.Sleep(100 * time.Millisecond)
			closedOnce(t, v.seen())
			has(t, failed.out, c.failed, c.table, c.reads)
			starts := 0
			for _, e := range s.events() {
				if e.Step == c.failed && e.Dir == run.Do && e.Kind == "began" {
					starts++
				}
			}
			if starts != 1 {
				t.Errorf("%s was begun %d times", c.failed, starts)
			}
			s.nothingLeft()
			s.journalIsSound(c.result)
			if c.result == run.ResultOld {
				samePrint(t, before, s.print())
			}
			s.is(c.ends)
		})
	}
}

// TestUnleashNewerSchema: 5.12.8 says GOOD on the schema of 6.10.1. It is not
// taken for well: the version of the data is read, and the upgrade goes back.
func TestUnleashNewerSchema(t *testing.T) {
	u := unleash(t)
	s := u.siteOf(t, u.New, u.middle, lab.Memory(unleashRoom)) // it migrates by itself
	// an administrator puts old files back, and forgets the data
	for _, r := range []*lab.UnleashRelease{u.Stop, u.Old} {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		s.swap(r)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		health, err := s.Healthy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		done, err := s.Migrations(t.Context())
		if err != nil || health != "GOOD" || done != u.New.Schema {
			t.Errorf("%s says that it is %s on %s migrations, %v", r.Version, health, done, err)
		}
	}
	r := s.must(6, s.upgrade("--to", u.Stop.Version)...)
	has(t, r.out, "version of database reads 332, wanted is 276")
	s.nothingLeft()
	s.journalIsSound(run.ResultOld)
}
