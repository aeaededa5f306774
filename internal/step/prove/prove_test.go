package prove_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/prove"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

type folder = childtest.Folder

type services map[string]bool

func (s services) Running(_ context.Context, p plan.Service) (bool, string, error) {
	return s[p.ID], "as the test says", nil
}

func subject(t *testing.T, running services) (*prove.Handler, plan.Step, folder) {
	w := folder(t.TempDir())
	w.Write(t, "app", "1.0")
	p := plan.VerifyParams{Consecutive: 3, Every: 2 * time.Millisecond,
		Versions: []plan.VersionCheck{
			{Component: "app", Probe: plan.Probe{Source: "file", Args: []string{w.Path("app")}}, Want: "1.0"},
			{Component: "closed", // it does not answer
				Probe: plan.Probe{Source: "http", Args: []string{"http://127.0.0.1:1/"}}, Want: "1.0"},
		},
		Services: []plan.Service{{ID: "web"}, {ID: "idle"}}}
	return prove.New(probe.New(probe.Deps{Services: running})), childtest.Step(t, plan.Step{Verb: "prove"}, p), w
}

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[folder]{Before: step.New,
		New: func(t *testing.T, _ *steptest.Killer) (step.Handler, plan.Step, folder) {
			return subject(t, services{"web": true})
		}})
}

func TestReturn(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, w folder, s services)
		want string
	}{
		{"as before", func(*testing.T, folder, services) {}, ""},
		{"other version", func(t *testing.T, w folder, _ services) { w.Write(t, "app", "2.0") }, "version of app read 1.0 before and reads 2.0 now"},
		{"no version", func(t *testing.T, w folder, _ services) {
			if err := os.Remove(w.Path("app")); err != nil {
				t.Fatal(err)
			}
		}, "version of app read 1.0 before and reads none now"},
		{"a service stays down", func(_ *testing.T, _ folder, s services) { s["web"] = false }, "service web read running before and reads stopped now"},
		{"a service was started", func(_ *testing.T, _ folder, s services) { s["idle"] = true }, "service idle read stopped before and reads running now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			running := services{"web": true}
			h, s, w := subject(t, running)
			env, _ := childtest.Env(t, s, step.Forward)
			m, err := h.Prepare(t.Context(), env, s)
			if err != nil {
				t.Fatal(err)
			}
			c.make(t, w, running)
			env.Direction = step.Back
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			err = h.Undo(ctx, env, s, m)
			obs, oerr := h.Observe(t.Context(), env, s, m)
			if oerr != nil {
				t.Fatal(oerr)
			}
			if c.want == "" {
				if err != nil || obs.State != step.Old {
					t.Errorf("Undo gives %v, Observe %+v", err, obs)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || obs.State != step.Mixed || !strings.Contains(obs.Evidence, c.want) {
				t.Errorf("Undo gives %v, Observe %+v, want %q", err, obs, c.want)
			}
		})
	}
}

func TestWaitsForTheReturn(t *testing.T) {
	h, s, w := subject(t, services{"web": true})
	env, _ := childtest.Env(t, s, step.Forward)
	m, err := h.Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(t, "app", "2.0")
	env.Direction = step.Back
	time.AfterFunc(40*time.Millisecond, func() { _ = os.WriteFile(w.Path("app"), []byte("1.0"), 0o644) })
	if err := h.Undo(t.Context(), env, s, m); err != nil {
		t.Error(err)
	}
}

// TestThePlanKnows: the version of files was read for the plan; users, who are
// kept out by now, do not wait for it to be read again.
func TestThePlanKnows(t *testing.T) {
	h, s, w := subject(t, services{"web": true})
	w.Write(t, "app", "0.9")
	env, _ := childtest.Env(t, s, step.Forward)
	m, err := h.Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	env.Direction = step.Back
	if obs, err := h.Observe(t.Context(), env, s, m); err != nil || !strings.Contains(obs.Evidence, "version of app read 1.0 before and reads 0.9 now") {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
}
