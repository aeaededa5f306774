package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/run"
)

// TestWordPressKilledExactly has the engine kill itself before or after commits
// of its journal and at operations between them, on the way forward and on the
// way back from a migration that fails.
func TestWordPressKilledExactly(t *testing.T) {
	w := wordpress(t)
	seed := miniSeed(t)
	chance := rand.New(rand.NewPCG(seed, 1))
	for _, fails := range []bool{false, true} {
		code := map[bool]int{false: 0, true: 6}[fails]
		site := func(t *testing.T) *wordSite {
			s := w.site(t)
			s.bin = lab.Crashing(t)
			if fails {
				s.sql(refuseNumber)
			}
			return s
		}
		first := site(t)
		hits, between := 0, 0
		for _, at := range exactly(t, &first.upkeep, chance, 1, 1, code, first.upgrade()...) {
			t.Run(fmt.Sprintf("%d/%v", code, at), func(t *testing.T) {
				s := site(t)
				before, v := s.print(), s.visitor("/", "Post 11: Ünïcode")
				r, hit := s.crash(at, s.upgrade()...)
				time.Sleep(300 * time.Millisecond)
				visits := v.seen()
				if hit {
					hits++
				}
				s.ended(r, before, fails)
				closedOnce(t, visits)
				if t.Failed() {
					between++
					t.Logf("killed %s %s\n%v\n%s", at.when, at.Point(), r, s.runLog())
				}
			})
		}
		tally.Seeded(t, "process", "crash points", hits, int64(seed))
		tally.Seeded(t, "process", "between", between, int64(seed))
	}
}

// TestWordPressKilled kills the engine from outside in the middle of what it does
// to the data: while PHP migrates them, and while they are put back.
func TestWordPressKilled(t *testing.T) {
	w := wordpress(t)
	for _, at := range []moment{
		{step: "h1.migrate.database", dir: run.Do, kind: "began", after: 150 * time.Millisecond},
		{step: "backup", dir: run.Undo, kind: "began", after: 50 * time.Millisecond, fails: true},
	} {
		t.Run(at.String(), func(t *testing.T) {
			s := w.site(t)
			if at.fails {
				s.sql(refuseNumber)
			}
			before, v := s.print(), s.visitor("/", "Post 11: Ünïcode")
			r, hit := s.killedAt(at, s.upgrade()...)
			time.Sleep(300 * time.Millisecond)
			visits := v.seen()
			if !hit {
				t.Error("there was no engine to kill")
			}
			s.ended(r, before, at.fails)
			outageOf(t, visits)
		})
	}
}

// ended fails the test unless a recovered run is on the new version or exactly
// where it was; only there, where its migration fails.
func (s *wordSite) ended(r result, before wordPrint, fails bool) {
	s.t.Helper()
	switch {
	case r.code == 0 && !fails:
		s.is(s.w.New)
		s.nothingLeft()
		s.journalIsSound(run.ResultNew)
	case r.code == 6:
		s.back(before)
	default:
		s.t.Errorf("it ended neither new nor old: %v\n%s", r, s.runLog())
	}
}
