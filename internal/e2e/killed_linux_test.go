package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// instant is when an engine is killed: so long after it has begun a step.
type instant struct {
	step  string
	dir   run.Direction
	delay time.Duration
}

func (m instant) String() string {
	return fmt.Sprintf("%s_%s+%s", m.dir, m.step, m.delay.Round(10*time.Microsecond))
}

// notesSeed gives the source of what is left to chance, and prints how to have the
// same again.
func notesSeed(t *testing.T) *rand.Rand {
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("UPKEEP_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("UPKEEP_SEED: %v", err)
		}
	}
	t.Logf("UPKEEP_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 1))
}

// kill begins an upgrade, kills the terminal as soon as there is a run, and
// the engine at the instant. It says whether there was an engine to kill.
func kill(s *sitetest.Site, m instant, args ...string) (bool, error) {
	known := len(s.Runs())
	wait := s.Began(args...)
	alone := false
	err := s.Follow(known, time.Minute, func(e manage.Event) bool {
		if !alone {
			alone = s.KillTerminal()
		}
		return e.Kind == manage.EventBegan && e.Step == m.step && e.Dir == m.dir
	})
	time.Sleep(m.delay)
	killed := s.KillEngine()
	wait()
	return killed, err
}

// leftovers are what no ended run may leave in Upkeep's folder.
func leftovers(t *testing.T, s *sitetest.Site) {
	t.Helper()
	for _, pattern := range []string{"restore-points/*.partial", "reserve", "bundles/*.new", "services/*inhibit*"} {
		if got, _ := filepath.Glob(filepath.Join(s.State, pattern)); len(got) > 0 {
			t.Errorf("left over: %v", got)
		}
	}
	if r := s.Must(0, "status"); strings.Contains(r.Out, "is on, and no run is open") || strings.Contains(r.Out, "interrupted") {
		t.Errorf("status: %v", r)
	}
}

// Engine after engine is killed, also while it recovers from the kill before, at
// any time: in a migration, in a service's start. That every operation is a safe
// moment is shown by internal/lab/crash/process.
func TestKilledAgainAndAgain(t *testing.T) {
	lab.Slow(t)
	dice := notesSeed(t)
	for _, code := range []int{0, 6} {
		t.Run(fmt.Sprintf("exit_code_%d", code), func(t *testing.T) {
			s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
			if s.Bundle("2.0"); code == 6 {
				s.Hook("hooks/POSTINSTALL_database.sh", "exit 1")
			}
			before := s.Snapshot()
			if _, err := kill(s, instant{"h1.stage.app", run.Do, 0}, "upgrade", "--yes", "--from", s.Releases); err != nil {
				t.Fatal(err)
			}
			kills := 1
			for range 30 {
				wait := s.Began("resume")
				time.Sleep(40*time.Millisecond + time.Duration(dice.Int64N(int64(60*time.Millisecond))))
				s.KillTerminal()
				if s.KillEngine() {
					kills++
				}
				wait()
			}
			r := s.Upkeep("resume")
			if strings.Contains(r.Out, "no open run") { // it ended before
				r.Code = map[bool]int{true: 0, false: 6}[strings.Contains(s.Must(0, "runs", "list").Out, "on 2.0")]
			}
			t.Logf("%d kills, exit code %d", kills, r.Code)
			if r.Code == 7 && code == 6 { // whether the hook had failed before it was killed cannot be told
				r = s.Upkeep("back", "--yes")
			}
			if r.Code != code {
				t.Fatalf("%v\n%s", r, s.Log())
			}
			if d := sitetest.Diff(before, s.Snapshot()); code == 6 && d != "" {
				t.Errorf("it is not as it was:\n%s", d)
			}
			if got := s.Query("data/notes.db", "SELECT version || ' ' || (SELECT count(*) FROM notes) FROM schema_version"); code == 0 && got[0] != "2 480" {
				t.Errorf("the data: %v", got)
			}
			leftovers(t, s)
		})
	}
}
