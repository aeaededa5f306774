package verify_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
	"upkeep/internal/step/verify"
)

type folder = childtest.Folder

// services say of each service whether it runs.
type services map[string]bool

func (s services) Running(_ context.Context, p plan.Service) (bool, string, error) {
	return s[p.ID], "as the test says", nil
}

func handler(t *testing.T, s services) *verify.Handler {
	return verify.New(probe.New(probe.Deps{Services: s, Commands: childtest.New(t, nil)}), nil)
}

func version(w folder, component, want string) plan.VersionCheck {
	return plan.VersionCheck{Component: component, Probe: plan.Probe{Source: "file", Args: []string{w.Path(component)}}, Want: want}
}

func params(w folder) plan.VerifyParams {
	return plan.VerifyParams{Versions: []plan.VersionCheck{version(w, "app", "2.0"), version(w, "worker", "2.0")},
		Services: []plan.Service{{ID: "web"}}, Probes: []plan.Probe{{Source: "exists", Args: []string{w.Path("app")}}}, Consecutive: 3, Every: 5 * time.Millisecond}
}

func world(t *testing.T, app, worker string) folder {
	w := folder(t.TempDir())
	w.Write(t, "app", app)
	w.Write(t, "worker", worker)
	return w
}

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[folder]{Check: true,
		New: func(t *testing.T, _ *steptest.Killer) (step.Handler, plan.Step, folder) {
			w := world(t, "2.0", "2.0")
			return handler(t, services{"web": true}), childtest.Step(t, plan.Step{Verb: "verify"}, params(w)), w
		}})
}

// What reads as wanted may be in memory only: the step has not ended well before
// that is synced, and a sync that fails is no success.
func TestVerifiedIsOnTheDisk(t *testing.T) {
	for _, c := range []struct {
		app     string
		sync    error
		succeed bool
	}{
		{"2.0", nil, true},
		{"2.0", errors.New("the disk is gone"), false},
		{"1.0", nil, false},
	} {
		w := world(t, c.app, "2.0")
		var synced atomic.Int32
		h := verify.New(probe.New(probe.Deps{Services: services{"web": true}, Commands: childtest.New(t, nil)}), func() error {
			time.Sleep(100 * time.Millisecond) // longer than the reading takes
			synced.Add(1)
			return c.sync
		})
		s := childtest.Step(t, plan.Step{Verb: "verify"}, params(w))
		env, _ := childtest.Env(t, s, step.Forward)
		ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := h.Do(ctx, env, s, nil)
		stop()
		if (err == nil) != c.succeed || synced.Load() != 1 {
			t.Errorf("%+v: %d syncs, %v", c, synced.Load(), err)
		}
	}
}

func TestFailuresSayWhatWasReadAndWanted(t *testing.T) {
	for _, c := range []struct {
		name        string
		app, worker string
		web         bool
		want        []string
	}{
		{"the installer left the old version", "1.0", "2.0", true, []string{"version of app reads 1.0, wanted is 2.0"}},
		{"two at once", "1.0", "1.5", true, []string{"version of app reads 1.0, wanted is 2.0", "version of worker reads 1.5, wanted is 2.0"}},
		{"a service is down", "2.0", "2.0", false, []string{"service web reads stopped, wanted is running"}},
		{"a longer version", "2.0.1", "2.0", true, []string{"version of app reads 2.0.1, wanted is 2.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world(t, c.app, c.worker)
			s := childtest.Step(t, plan.Step{Verb: "verify", Title: "verify 2.0"}, params(w))
			env, _ := childtest.Env(t, s, step.Forward)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			err := handler(t, services{"web": c.web}).Do(ctx, env, s, nil)
			var user *step.UserError
			if !errors.As(err, &user) {
				t.Fatalf("Do gives %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

func TestOneBlipIsNoVerdict(t *testing.T) {
	w := world(t, "2.0", "2.0")
	p := params(w)
	// good twice, bad once, then good for ever
	p.Probes = []plan.Probe{{Source: "command", Expect: []string{"good"}, Env: []string{"PATH=/usr/bin:/bin"},
		Args: []string{"/bin/sh", "-c", "echo x >> " + w.Path("asked") + "; test $(wc -l < " + w.Path("asked") + ") = 3 && echo bad || echo good"}}}
	s := childtest.Step(t, plan.Step{Verb: "verify"}, p)
	env, _ := childtest.Env(t, s, step.Forward)
	if err := handler(t, services{"web": true}).Do(t.Context(), env, s, nil); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(w.Path("asked")); err != nil || len(b) != len("x\n")*6 {
		t.Errorf("it was read %d times (%v), want twice, once bad, and three times in a row", len(b)/2, err)
	}
}

func TestWaitsForASlowStart(t *testing.T) {
	w := world(t, "1.0", "2.0")
	s := childtest.Step(t, plan.Step{Verb: "verify"}, params(w))
	env, _ := childtest.Env(t, s, step.Forward)
	time.AfterFunc(50*time.Millisecond, func() { _ = os.WriteFile(w.Path("app"), []byte("2.0"), 0o644) })
	if err := handler(t, services{"web": true}).Do(t.Context(), env, s, nil); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeReadEver(t *testing.T) {
	s := childtest.Step(t, plan.Step{Verb: "verify"}, plan.VerifyParams{Probes: []plan.Probe{{Source: "feeds", Args: []string{"x"}}}})
	env, _ := childtest.Env(t, s, step.Forward)
	began := time.Now()
	if err := handler(t, nil).Do(t.Context(), env, s, nil); !errors.Is(err, probe.ErrMalformed) {
		t.Errorf("Do gives %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s to see that trying again cannot help", took)
	}
}

func TestCancelledIsNoFailure(t *testing.T) {
	w := world(t, "1.0", "2.0")
	s := childtest.Step(t, plan.Step{Verb: "verify"}, params(w))
	env, _ := childtest.Env(t, s, step.Forward)
	decided := errors.New("decided")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(decided) })
	if err := handler(t, services{"web": true}).Do(ctx, env, s, nil); !errors.Is(err, decided) {
		t.Errorf("Do gives %v", err)
	}
}

// TestWhatLiesStillIsReadOnceInARow: and anew when a row was broken.
func TestWhatLiesStillIsReadOnceInARow(t *testing.T) {
	for _, c := range []struct {
		name, probe string
		want        int
	}{
		{"all good", "echo good", 1},
		{"a blip", "echo x >> ROUNDS; test $(wc -l < ROUNDS) = 3 && echo bad || echo good", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world(t, "2.0", "2.0")
			sh := func(text string) plan.Probe {
				return plan.Probe{Source: "command", Env: []string{"PATH=/usr/bin:/bin"}, Args: []string{"/bin/sh", "-c", strings.ReplaceAll(text, "ROUNDS", w.Path("rounds"))}}
			}
			p := plan.VerifyParams{Consecutive: 3, Every: 5 * time.Millisecond, Probes: []plan.Probe{sh(c.probe)},
				Versions: []plan.VersionCheck{{Component: "app", Want: "2.0", Probe: sh("echo x >> " + w.Path("asked") + "; echo 2.0")}}}
			p.Probes[0].Expect = []string{"good"}
			s := childtest.Step(t, plan.Step{Verb: "verify"}, p)
			env, _ := childtest.Env(t, s, step.Forward)
			if err := handler(t, nil).Do(t.Context(), env, s, nil); err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(w.Path("asked")); err != nil || len(b)/2 != c.want {
				t.Errorf("the version was read %d times (%v), want %d", len(b)/2, err, c.want)
			}
		})
	}
}
