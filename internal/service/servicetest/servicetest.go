// Package servicetest holds what every kind of service must do, as tests that
// each kind runs on itself. It may import the standard library,
// internal/scope/proc and internal/service.
package servicetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/scope/proc"
	"upkeep/internal/service"
)

// Factory makes what the suite needs of one kind.
type Factory struct {
	// New makes a manager, as a new engine would: all managers of one test
	// share the places where state is kept.
	New func(t *testing.T) service.Manager
	// Spec makes a service that runs the shell script in the foreground with
	// standard output and error in Spec.Log, and the time given to stop.
	Spec func(t *testing.T, id, script string, stop time.Duration) service.Spec
}

// Run runs the suite.
func Run(t *testing.T, make func(t *testing.T) Factory) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, f Factory)
	}{
		{"StartsOnceAndStops", startsOnceAndStops},
		{"EachStartIsAnotherInvocation", eachStart},
		{"StartsAtOnceMakeOneService", startsAtOnce},
		{"StopEndsTheWholeService", stopsAll},
		{"StopKillsWhatIgnoresTERM", kills},
		{"KilledFromOutsideIsNotRunning", killedOutside},
		{"DeathAtOnceIsReported", diesAtOnce},
		{"LaterDeathIsReported", diesLater},
		{"InhibitedDoesNotStart", inhibited},
		{"InhibitSparesARunningService", inhibitRunning},
		{"ServicesDoNotMix", doNotMix},
		{"OddSpecsAreRefused", oddSpecs},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, make(t)) })
	}
}

var marks atomic.Int64

// mark is a number of seconds that nothing else on the machine sleeps.
func mark() string {
	return fmt.Sprintf("%d.%09d", 1000+marks.Add(1), time.Now().UnixNano()%1e9)
}

// Sleepers returns the processes `sleep MARK` that live.
func Sleepers(t *testing.T, mark string) (out []proc.Proc) {
	t.Helper()
	all, err := proc.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if a, err := proc.Args(p.PID); err == nil && len(a) == 2 && strings.HasSuffix(a[0], "sleep") && a[1] == mark && !p.Dead() {
			out = append(out, p)
		}
	}
	return out
}

func steady(m string) string { return "exec sleep " + m }

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

func start(t *testing.T, m service.Manager, s service.Spec) service.State {
	t.Helper()
	t.Cleanup(func() {
		if err := m.Stop(context.Background(), s); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	if err := m.Start(t.Context(), s); err != nil {
		t.Fatalf("start: %v", err)
	}
	st := state(t, m, s)
	if !st.Running || st.Started == "" {
		t.Fatalf("after the start: %+v", st)
	}
	return st
}

func state(t *testing.T, m service.Manager, s service.Spec) service.State {
	t.Helper()
	st, err := m.State(t.Context(), s)
	if err != nil {
		t.Fatalf("state: %v", err)
	}
	return st
}

func stop(t *testing.T, m service.Manager, s service.Spec) {
	t.Helper()
	if err := m.Stop(t.Context(), s); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if st := state(t, m, s); st.Running {
		t.Fatalf("after the stop: %+v", st)
	}
}

func startsOnceAndStops(t *testing.T, f Factory) {
	m, k := f.New(t), mark()
	s := f.Spec(t, "web", steady(k), time.Second)
	if st := state(t, m, s); st.Running || st.Started != "" {
		t.Errorf("before any start: %+v", st)
	}
	stop(t, m, s) // nothing to stop
	first := start(t, m, s)
	until(t, "it runs", func() bool { return len(Sleepers(t, k)) == 1 })
	if err := m.Start(t.Context(), s); err != nil {
		t.Errorf("start of a running service: %v", err)
	}
	if again := state(t, f.New(t), s); again.Started != first.Started || again.PID != first.PID {
		t.Errorf("another engine sees %+v, this one saw %+v", again, first)
	}
	if err := f.New(t).Start(t.Context(), s); err != nil {
		t.Errorf("start by another engine: %v", err)
	}
	if n := len(Sleepers(t, k)); n != 1 {
		t.Errorf("%d copies run", n)
	}
	stop(t, f.New(t), s)
	if left := Sleepers(t, k); len(left) > 0 {
		t.Errorf("left after the stop: %v", left)
	}
	stop(t, m, s)
}

func eachStart(t *testing.T, f Factory) {
	m, k := f.New(t), mark()
	s := f.Spec(t, "web", steady(k), time.Second)
	a := start(t, m, s)
	stop(t, m, s)
	b := start(t, m, s)
	if a.Started == b.Started {
		t.Errorf("two invocations have one identity %s", a.Started)
	}
}

func startsAtOnce(t *testing.T, f Factory) {
	m, k := f.New(t), mark()
	s := f.Spec(t, "web", steady(k), time.Second)
	t.Cleanup(func() { _ = m.Stop(context.Background(), s) })
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if err := m.Start(context.Background(), s); err != nil {
				t.Errorf("start: %v", err)
			}
		})
	}
	wg.Wait()
	until(t, "it runs", func() bool { return len(Sleepers(t, k)) > 0 })
	if n := len(Sleepers(t, k)); n != 1 {
		t.Errorf("%d copies run", n)
	}
}

func stopsAll(t *testing.T, f Factory) {
	m, k := f.New(t), mark()
	s := f.Spec(t, "web", fmt.Sprintf("sleep %[1]s & setsid sleep %[1]s & (setsid sh -c 'sleep %[1]s & wait' &); wait", k), time.Second)
	start(t, m, s)
	until(t, "all workers run", func() bool { return len(Sleepers(t, k)) == 3 })
	stop(t, f.New(t), s)
	if left := Sleepers(t, k); len(left) > 0 {
		t.Errorf("workers left after the stop: %v", left)
	}
}

func kills(t *testing.T, f Factory) {
	m, k := f.New(t), mark()
	s := f.Spec(t, "web", "trap '' TERM; while :; do sleep "+k+"; done", 200*time.Millisecond)
	start(t, m, s)
	until(t, "it runs", func() bool { return len(Sleepers(t, k)) == 1 })
	begin := time.Now()
	stop(t, m, s)
	if d := time.Since(begin); d < 200*time.Millisecond || d > 3*time.Second {
		t.Errorf("the stop took %v, time to stop was 200ms", d)
	}
	if left := Sleepers(t, k); len(left) > 0 {
		t.Errorf("left after the stop: %v", left)
	}
}

func killedOutside(t *testing.T, f Factory) {
	m, k := f.New(t), mark()
	s := f.Spec(t, "web", steady(k), time.Second)
	first := start(t, m, s)
	until(t, "it runs", func() bool { return len(Sleepers(t, k)) == 1 })
	if err := proc.Signal(Sleepers(t, k)[0].ID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "its death is seen", func() bool { return !state(t, m, s).Running })
	second := start(t, m, s)
	if second.Started == first.Started {
		t.Error("the new invocation has the identity of the dead one")
	}
}

const lastWords = "fatal: relation \"users\" does not exist"

func diesAtOnce(t *testing.T, f Factory) {
	m := f.New(t)
	s := f.Spec(t, "web", "echo '"+lastWords+"' >&2; exit 7", time.Second)
	t.Cleanup(func() { _ = m.Stop(context.Background(), s) })
	err := m.Start(t.Context(), s)
	until(t, "its death is seen", func() bool { return !state(t, m, s).Running }) // a busy computer may take long to begin it
	st := state(t, m, s)
	if said := fmt.Sprint(err) + st.Detail; !strings.Contains(said, lastWords) || !strings.Contains(said, "7") {
		t.Errorf("start: %v; state: %+v; want its exit code and last words", err, st)
	}
}

func diesLater(t *testing.T, f Factory) {
	m := f.New(t)
	s := f.Spec(t, "web", "sleep 0.2; echo '"+lastWords+"'; exit 7", time.Second)
	start(t, m, s)
	until(t, "its death is seen", func() bool { return !state(t, m, s).Running })
	if st := state(t, m, s); !strings.Contains(st.Detail, lastWords) {
		t.Errorf("state: %+v; want its last words", st)
	}
}

func inhibited(t *testing.T, f Factory) {
	m, k := f.New(t), mark()
	s := f.Spec(t, "web", steady(k), time.Second)
	if reason, no, err := m.Inhibited(t.Context(), s); no || reason != "" || err != nil {
		t.Errorf("inhibited at first: %q, %v, %v", reason, no, err)
	}
	if err := m.Allow(t.Context(), s); err != nil {
		t.Errorf("allow what is allowed: %v", err)
	}
	if err := m.Inhibit(t.Context(), s, " "); err == nil {
		t.Error("an inhibit without a reason was accepted")
	}
	for _, reason := range []string{"first", "run 7 is open"} {
		if err := m.Inhibit(t.Context(), s, reason); err != nil {
			t.Fatal(err)
		}
	}
	other := f.New(t)
	if reason, no, err := other.Inhibited(t.Context(), s); !no || reason != "run 7 is open" || err != nil {
		t.Errorf("another engine: %q, %v, %v", reason, no, err)
	}
	var refused *service.InhibitedError
	if err := other.Start(t.Context(), s); !errors.As(err, &refused) || refused.Reason != "run 7 is open" {
		t.Errorf("start: %v", err)
	}
	if len(Sleepers(t, k)) > 0 || state(t, m, s).Running {
		t.Error("an inhibited service runs")
	}
	if err := other.Allow(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	start(t, m, s)
}

func inhibitRunning(t *testing.T, f Factory) {
	m, k := f.New(t), mark()
	s := f.Spec(t, "web", steady(k), time.Second)
	first := start(t, m, s)
	if err := m.Inhibit(t.Context(), s, "run 7 is open"); err != nil {
		t.Fatal(err)
	}
	if st := state(t, m, s); st.Started != first.Started {
		t.Errorf("inhibiting changed the running service: %+v", st)
	}
	stop(t, m, s)
	if err := m.Start(t.Context(), s); err == nil {
		t.Error("it started although inhibited")
	}
}

func doNotMix(t *testing.T, f Factory) {
	m, k, l := f.New(t), mark(), mark()
	a, b := f.Spec(t, "web", steady(k), time.Second), f.Spec(t, "web-worker", steady(l), time.Second)
	start(t, m, a)
	until(t, "a runs", func() bool { return len(Sleepers(t, k)) == 1 })
	if state(t, m, b).Running {
		t.Error("b is taken for running because a runs")
	}
	was := start(t, m, b)
	if err := m.Inhibit(t.Context(), a, "only a"); err != nil {
		t.Fatal(err)
	}
	if _, no, _ := m.Inhibited(t.Context(), b); no {
		t.Error("b is inhibited because a is")
	}
	stop(t, m, a)
	if st := state(t, m, b); st.Started != was.Started {
		t.Errorf("stopping a changed b: %+v", st)
	}
}

func oddSpecs(t *testing.T, f Factory) {
	m := f.New(t)
	good := f.Spec(t, "web", "true", time.Second)
	for name, edit := range map[string]func(*service.Spec){
		"no id":         func(s *service.Spec) { s.ID = "" },
		"id with slash": func(s *service.Spec) { s.ID = "../../etc/cron.d/x" },
		"hidden id":     func(s *service.Spec) { s.ID = ".." },
		"relative dir":  func(s *service.Spec) { s.Dir = "app" },
	} {
		s := good
		edit(&s)
		if err := m.Start(t.Context(), s); !errors.Is(err, service.ErrSpec) {
			t.Errorf("%s: start says %v", name, err)
		}
		if err := m.Inhibit(t.Context(), s, "x"); !errors.Is(err, service.ErrSpec) {
			t.Errorf("%s: inhibit says %v", name, err)
		}
		if err := m.Stop(t.Context(), s); !errors.Is(err, service.ErrSpec) {
			t.Errorf("%s: stop says %v", name, err)
		}
	}
	if _, err := os.Stat("/etc/cron.d/x.inhibit"); err == nil {
		t.Error("an id left the state directory")
	}
}
