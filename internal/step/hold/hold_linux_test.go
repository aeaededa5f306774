package hold_test

import (
	"strings"
	"testing"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/hold"
	"upkeep/internal/step/record/setting/settingtest"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/service"
	"upkeep/internal/step/service/servicetest"
	"upkeep/internal/step/steptest"
)

// world holds a service and a setting, and has the register of holds.
type world struct {
	*servicetest.World
	settings *settingtest.World
	state    string
}

func (w *world) Fingerprint() string {
	return w.World.Fingerprint() + "\n" + w.settings.Fingerprint() + w.register()
}

func newWorld(t *testing.T, policy string, running ...string) *world {
	return &world{servicetest.New(running...), settingtest.New(t, "policy", policy), steptest.Dir(t)}
}

func handler(t *testing.T, w *world, k *steptest.Killer) *hold.Handler {
	return hold.New(childtest.Runner(t, k), service.Control{Managers: w.Managers(k), Probes: childtest.Probes(t)})
}

func (w *world) service() plan.HoldParams {
	return plan.HoldParams{Service: &plan.Service{ID: "sync"}, To: "stopped", Until: "verify"}
}

func (w *world) setting() plan.HoldParams {
	s := w.settings.Setting("policy")
	return plan.HoldParams{Setting: &s, To: "off", Until: "verify"}
}

func (w *world) start() plan.HoldParams {
	w.SetStart("sync", "enabled")
	return plan.HoldParams{StartType: &plan.Service{ID: "sync"}, To: "disabled", Until: "verify"}
}

func held(t *testing.T, w *world, p plan.HoldParams) step.Memo {
	t.Helper()
	s := childtest.Step(t, plan.Step{ID: "hold.it", Verb: "hold"}, p)
	env, _ := childtest.Env(t, s, step.Forward)
	h := handler(t, w, nil)
	m, err := h.Prepare(t.Context(), env, s)
	if err == nil {
		err = h.Do(t.Context(), env, s, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestContract(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy string
		runs   []string
		params func(*world) plan.HoldParams
		before step.State
		mixed  map[string]func(*testing.T, *world)
	}{
		{"service", "on", []string{"sync"}, (*world).service, "", map[string]func(*testing.T, *world){
			"stopped, not held": func(_ *testing.T, w *world) { w.Set("sync", false) },
		}},
		{"start type", "on", []string{"sync"}, (*world).start, "", map[string]func(*testing.T, *world){
			"masked by somebody else": func(_ *testing.T, w *world) { w.SetStart("sync", "masked") },
		}},
		{"service stopped before", "on", nil, (*world).service, step.New, nil},
		{"setting", "on", nil, (*world).setting, "", map[string]func(*testing.T, *world){
			"changed by somebody else": func(t *testing.T, w *world) { w.settings.Set(t, "policy", "half") },
		}},
		{"setting with a value of its own", "every Sunday", nil, (*world).setting, "", nil},
		{"setting that had the value", "off", nil, (*world).setting, step.New, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			steptest.Run(t, steptest.Subject[*world]{Before: c.before, Mixed: c.mixed,
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
					w := newWorld(t, c.policy, c.runs...)
					return handler(t, w, k), childtest.Step(t, plan.Step{Verb: "hold"}, c.params(w)), w
				}})
		})
		t.Run(c.name+", its end", func(t *testing.T) {
			memos := map[*world]step.Memo{}
			steptest.Run(t, steptest.Subject[*world]{Before: c.before,
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
					w := newWorld(t, c.policy, c.runs...)
					p := c.params(w)
					memos[w] = held(t, w, p)
					p.Release = "hold.it"
					return handler(t, w, k), childtest.Step(t, plan.Step{Verb: "hold"}, p), w
				},
				Env: func(_ *testing.T, w *world, e *step.Env) {
					e.Recall = func(string) (step.Memo, error) { return memos[w], nil }
				}})
		})
	}
}

// What was stopped is started again, and only that.
func TestExactlyWhatWasStoppedRunsAgain(t *testing.T) {
	w := newWorld(t, "on", "sync", "other")
	before := w.Fingerprint()
	p := w.service()
	memo := held(t, w, p)
	if w.Running("sync") || !w.Running("other") {
		t.Error("the hold did not stop the service, or stopped another")
	}
	p.Release = "hold.it"
	s := childtest.Step(t, plan.Step{ID: "release", Verb: "hold"}, p)
	env, _ := childtest.Env(t, s, step.Forward)
	env.Recall = func(string) (step.Memo, error) { return memo, nil }
	h := handler(t, w, nil)
	m, err := h.Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do(t.Context(), env, s, m); err != nil {
		t.Fatal(err)
	}
	if got := w.Fingerprint(); got != before {
		t.Errorf("afterwards it is %q, want %q", got, before)
	}
}

func TestWhatWasNeverHeldIsNotReleased(t *testing.T) {
	w := newWorld(t, "on")
	p := w.service()
	p.Release = "hold.it"
	s := childtest.Step(t, plan.Step{Verb: "hold"}, p)
	env, _ := childtest.Env(t, s, step.Forward)
	h := handler(t, w, nil)
	m, err := h.Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do(t.Context(), env, s, m); err != nil || w.Running("sync") {
		t.Errorf("Do gives %v, running %v", err, w.Running("sync"))
	}
}

func TestNoValueToPutBack(t *testing.T) {
	w := newWorld(t, "")
	s := childtest.Step(t, plan.Step{Verb: "hold"}, w.setting())
	env, _ := childtest.Env(t, s, step.Forward)
	if _, err := handler(t, w, nil).Prepare(t.Context(), env, s); err == nil || !strings.Contains(err.Error(), "no value that could be put back") {
		t.Errorf("Prepare gives %v", err)
	}
}
