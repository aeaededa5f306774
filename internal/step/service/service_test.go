package service_test

import (
	"strings"
	"testing"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/service"
	"upkeep/internal/step/service/servicetest"
	"upkeep/internal/step/steptest"
)

type world = *servicetest.World

func stopped() world {
	w := servicetest.New()
	w.Hold("web", "run r1 keeps it stopped")
	return w
}

func handler(verb string, c service.Control, r child.Records) step.Handler {
	switch verb {
	case "stop":
		return service.NewStop(c)
	case "start":
		return service.NewStart(c)
	}
	return service.NewRestart(c, r)
}

func TestContract(t *testing.T) {
	running := func() world { return servicetest.New("web", "other") }
	for _, c := range []struct {
		name    string
		verb    string
		inhibit bool
		world   func() world
		before  step.State
		mixed   map[string]func(*testing.T, world)
	}{
		{"stop", "stop", true, running, "", map[string]func(*testing.T, world){
			"inhibited and running": func(_ *testing.T, w world) { w.Hold("web", "run r1 keeps it stopped") },
			"died by itself":        func(_ *testing.T, w world) { w.Set("web", false) },
		}},
		{"stop without an inhibit", "stop", false, running, "", nil},
		{"stop what is stopped", "stop", true, func() world { return servicetest.New("other") }, "", nil},
		{"stop what is held already", "stop", true, stopped, step.New, nil},
		{"stop what runs and is held", "stop", true, func() world {
			w := servicetest.New("web")
			w.Hold("web", "somebody keeps it stopped after the next stop")
			return w
		}, "", nil},
		{"start", "start", true, stopped, "", map[string]func(*testing.T, world){
			"runs and is held": func(_ *testing.T, w world) { w.Set("web", true) },
		}},
		{"start what runs", "start", true, running, step.New, nil},
		{"restart", "restart", false, running, "", map[string]func(*testing.T, world){
			"stopped in between": func(_ *testing.T, w world) { w.Set("web", false) },
		}},
		{"restart what is stopped", "restart", false, func() world { return servicetest.New("other") }, "", nil},
		{"restart without an identity", "restart", false, func() world {
			w := servicetest.New()
			w.Nameless = true
			w.Set("web", true)
			return w
		}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			steptest.Run(t, steptest.Subject[world]{
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, world) {
					w := c.world()
					p := plan.ServiceParams{Service: plan.Service{ID: "web"}, Inhibit: c.inhibit}
					return handler(c.verb, service.Control{Managers: w.Managers(k)}, child.Records{FS: k.FS()}),
						childtest.Step(t, plan.Step{Verb: c.verb}, p), w
				},
				Mixed: c.mixed, Before: c.before,
			})
		})
	}
}

func TestRestartStartsOnce(t *testing.T) {
	w := servicetest.New("web")
	s := childtest.Step(t, plan.Step{Verb: "restart"}, plan.ServiceParams{Service: plan.Service{ID: "web"}})
	env, _ := childtest.Env(t, s, step.Forward)
	h := service.NewRestart(service.Control{Managers: w.Managers(nil)}, child.Records{FS: childtest.FS(nil)})
	m, err := h.Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // twice again, as after crashes before its Outcome
		if err := h.Do(t.Context(), env, s, m); err != nil {
			t.Fatal(err)
		}
	}
	if w.Starts() != 2 {
		t.Errorf("it was started %d times, want once before and once by the restart", w.Starts())
	}
}

func TestRestartIsNoLeaveToStart(t *testing.T) {
	w := stopped()
	s := childtest.Step(t, plan.Step{Verb: "restart"}, plan.ServiceParams{Service: plan.Service{ID: "web"}})
	env, _ := childtest.Env(t, s, step.Forward)
	h := service.NewRestart(service.Control{Managers: w.Managers(nil)}, child.Records{FS: childtest.FS(nil)})
	m, err := h.Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do(t.Context(), env, s, m); err == nil || !strings.Contains(err.Error(), "run r1 keeps it stopped") {
		t.Errorf("Do gives %v", err)
	}
	if w.Running("web") {
		t.Error("it runs")
	}
}
