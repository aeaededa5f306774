package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
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

// instants gives two moments of every step that a run has begun, in either
// direction: right when it begins, and somewhere in the time that it took.
func instants(events []manage.Event, dice *rand.Rand) []instant {
	var out []instant
	for i, e := range events {
		if e.Kind != manage.EventBegan {
			continue
		}
		took := time.Millisecond
		for _, later := range events[i:] {
			if later.Kind == manage.EventEnded && later.Step == e.Step && later.Dir == e.Dir {
				took = later.At.Sub(e.At)
				break
			}
		}
		out = append(out, instant{e.Step, e.Dir, 0}, instant{e.Step, e.Dir, time.Duration(dice.Int64N(int64(took) + 1))})
	}
	return out
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

// ends counts how killed runs ended.
type ends struct {
	mu                      sync.Mutex
	kills, new, old, missed int
	waited                  int
}

func (e *ends) add(n *int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	*n++
}

// own takes out of a snapshot what is new in every run: names of runs, times
// of migrations.
var own = regexp.MustCompile(`(?m)[0-9]{8}-[0-9]{6}-[0-9a-f]{4}|^([^ ]*\.db|data/private-token|installation\.yaml) .*$|^\.[a-z]+\.upkeep/[^ ]*\.json .*$`)

func comparable(s *sitetest.Site) string { return own.ReplaceAllString(s.Snapshot(), "*") }

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

// target is an upgrade whose engine is killed everywhere.
type target struct {
	example, version string
	code             int // how it ends when nobody disturbs it
	prepare          func(*sitetest.Site) []string
	// settled takes out of a snapshot what nothing takes back, as the plan says.
	settled func(string) string
	// good looks at what only the new version has.
	good func(*testing.T, *sitetest.Site)
	// one in so many instants is tried, by the seed; 0: each.
	oneIn int
}

func (x target) site(t *testing.T) (*sitetest.Site, []string) {
	s := sitetest.New(t, sitetest.Options{Example: x.example, Version: x.version})
	return s, x.prepare(s)
}

// upgradeTo builds the releases and gives the command.
func upgradeTo(versions ...string) func(*sitetest.Site) []string {
	return func(s *sitetest.Site) []string {
		for _, v := range versions {
			s.Bundle(v)
		}
		return []string{"upgrade", "--yes", "--from", s.Releases}
	}
}

func asItIs(snapshot string) string { return snapshot }

// The engine is killed at two moments of every step of an upgrade over two
// hops. The next command brings every run to its end.
func TestKilledForward(t *testing.T) {
	lab.Slow(t)
	killedEverywhere(t, target{"notes", "1.0", 0, upgradeTo("2.0", "3.0"), asItIs, func(t *testing.T, s *sitetest.Site) {
		if got := s.Query("data/notes.db", "SELECT version || ' ' || (SELECT count(*) FROM notes) FROM schema_version"); len(got) != 1 || got[0] != "3 480" {
			t.Errorf("the data: %v", got)
		}
	}, 0})
}

// The engine is killed at two moments of every step of an upgrade that fails,
// on the way there and on the way back.
func TestKilledBack(t *testing.T) {
	lab.Slow(t)
	killedEverywhere(t, target{"notes", "1.0", 6, func(s *sitetest.Site) []string {
		src := s.Copy(s.Source("2.0"), "bad")
		s.Replace(filepath.Join(src, "migrations/002-body.sql"), "UPDATE schema_version", "UPDATE no_such_table")
		s.Build(src, filepath.Join(s.Releases, "bad.tar.zst"))
		return []string{"upgrade", "--yes", "--from", s.Releases}
	}, asItIs, nil, 0})
}

// Settings and services that are held, a drain, a task, a record that is
// applied again: after a kill at any moment of any step they have the values
// that they had, or those of a run that nobody disturbed.
func TestKilledHolds(t *testing.T) {
	lab.Slow(t)
	good := func(t *testing.T, s *sitetest.Site) {
		if got := settings(s, strings.Fields(heldFor+" task-server")...); got != held+"; task-server=7 tasks" {
			t.Errorf("settings: %s", got)
		}
	}
	killedEverywhere(t, target{"itms", "7.5 HF6", 0, upgradeTo("7.5 SP1"), settled, good, 2})
}

// The same on the way back of an upgrade that fails late.
func TestKilledHoldsBack(t *testing.T) {
	lab.Slow(t)
	killedEverywhere(t, target{"itms", "7.5 HF6", 6, func(s *sitetest.Site) []string {
		src := s.Copy(s.Source("7.5 SP1"), "bad")
		s.Replace(filepath.Join(src, "components/itms/VERSION"), "7.5 SP1", "7.5 SP2")
		s.Build(src, filepath.Join(s.Releases, "bad.tar.zst"))
		s.Replace(s.Document, "params:", "limits: {verify: 1s}\nparams:")
		return []string{"upgrade", "--yes", "--from", s.Releases}
	}, settled, nil, 3})
}

// Hooks, services in their order, tasks that run once, migrations.
func TestKilledHooks(t *testing.T) {
	lab.Slow(t)
	killedEverywhere(t, target{"exchange", "1.2.2", 0, upgradeTo("1.2.3"), asItIs, func(t *testing.T, s *sitetest.Site) {
		if got := strings.Join(s.Query("data/exchange.db", "SELECT name FROM queues ORDER BY id"), " "); got != "reception sales support" {
			t.Errorf("queues: %s", got)
		}
	}, 2})
}

// The way back of the next morning is a run of its own: killed, it ends with
// the old version or leaves the new one.
func TestKilledReturn(t *testing.T) {
	lab.Slow(t)
	good := func(t *testing.T, s *sitetest.Site) {
		if got := s.Query("data/notes.db", "SELECT version || ' ' || (SELECT count(*) FROM notes) FROM schema_version"); len(got) != 1 || got[0] != "1 480" {
			t.Errorf("the data: %v", got)
		}
	}
	killedEverywhere(t, target{"notes", "1.0", 0, func(s *sitetest.Site) []string {
		s.Bundle("2.0")
		s.Must(0, "upgrade", "--yes", "--from", s.Releases)
		return []string{"back", "--yes"}
	}, asItIs, good, 0})
}

// killedEverywhere kills the engine at the moments of an upgrade. A run that
// waits then for a person is taken back.
func killedEverywhere(t *testing.T, x target) {
	dice := notesSeed(t)
	s, args := x.site(t)
	var events []manage.Event
	known := len(s.Runs())
	s.Must(x.code, args...)
	if err := s.Follow(known, time.Second, func(e manage.Event) bool { events = append(events, e); return false }); len(events) == 0 {
		t.Fatal(err)
	}
	want := comparable(s)
	all := instants(events, dice)
	if x.oneIn > 1 {
		dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:len(all)/x.oneIn]
	}
	count := &ends{}
	t.Run("at", func(t *testing.T) {
		for _, m := range all {
			t.Run(m.String(), func(t *testing.T) {
				t.Parallel()
				killedOnce(t, m, x, want, count)
			})
		}
	})
	t.Logf("%d moments, %d kills: %d ended new, %d old, of which %d waited for a person; %d came too late",
		len(all), count.kills, count.new, count.old, count.waited, count.missed)
	if count.kills < len(all)*3/4 {
		t.Errorf("only %d of %d moments were met", count.kills, len(all))
	}
}

func killedOnce(t *testing.T, m instant, x target, want string, count *ends) {
	s, args := x.site(t)
	before := s.Snapshot()
	killed, err := kill(s, m, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	if !killed {
		count.add(&count.missed) // the run had ended
	} else {
		count.add(&count.kills)
	}
	r := s.Upkeep("resume")
	if strings.Contains(r.Out, "no open run") { // it had closed its run, and was about to end
		r.Code = x.code
	}
	if r.Code == 7 {
		count.add(&count.waited)
		r = s.Upkeep("back", "--yes")
	}
	switch {
	case r.Code == 6:
		count.add(&count.old)
		if d := sitetest.Diff(x.settled(before), x.settled(s.Snapshot())); d != "" {
			t.Errorf("it is not as it was:\n%s\n%s", d, s.Log())
		}
	case r.Code == 0 && x.code == 0:
		count.add(&count.new)
		if d := sitetest.Diff(x.settled(want), x.settled(comparable(s))); d != "" {
			t.Errorf("it is not as after an upgrade without a kill:\n%s\n%s", d, s.Log())
		}
		x.good(t, s)
	default:
		t.Fatalf("%v\n%s", r, s.Log())
	}
	leftovers(t, s)
}

// Engine after engine is killed, also while it recovers from the kill before.
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
			for range 60 {
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
