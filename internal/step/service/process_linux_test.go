package service_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	svc "upkeep/internal/service"
	"upkeep/internal/service/process"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/service"
)

// real is a service that really runs; it is ready when the file `ready` says yes.
type real struct {
	dir     string
	control service.Control
	spec    plan.Service
}

func newReal(t *testing.T, script string) *real {
	t.Helper()
	dir := t.TempDir()
	m, err := process.New(process.Options{FS: durable.OS(), Dir: filepath.Join(dir, "state"), Installation: "test"})
	if err != nil {
		t.Fatal(err)
	}
	r := &real{dir: dir, control: service.Control{Probes: childtest.Probes(t),
		Managers: func(string, plan.Service) (svc.Manager, error) { return m, nil }}}
	ready := childtest.FileReads(filepath.Join(dir, "ready"), "yes")
	r.spec = plan.Service{ID: "web", Run: []string{"/bin/sh", "-c", strings.ReplaceAll(script, "DIR", dir)}, Env: []string{"PATH=/usr/bin:/bin"},
		Dir: dir, Ready: &ready, StopTimeout: 2 * time.Second, StartTimeout: 5 * time.Second}
	t.Cleanup(func() { // the test's own context is over by now
		if err := m.Stop(context.Background(), svc.Spec{ID: "web", Run: r.spec.Run}); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *real) step(t *testing.T, verb string) (plan.Step, step.Env, step.Env) {
	s := childtest.Step(t, plan.Step{Verb: verb}, plan.ServiceParams{Service: r.spec, Inhibit: verb != "restart"})
	fwd, _ := childtest.Env(t, s, step.Forward)
	back := fwd
	back.Direction = step.Back
	return s, fwd, back
}

func TestStopAndItsWayBack(t *testing.T) {
	r := newReal(t, "sleep 0.1; echo yes > DIR/ready; exec sleep 600")
	s, fwd, back := r.step(t, "start")
	start, stop := service.NewStart(r.control), service.NewStop(r.control)
	m, err := start.Prepare(t.Context(), fwd, s)
	must(t, err)
	must(t, start.Do(t.Context(), fwd, s, m))
	observe(t, start, fwd, s, m, step.New)

	s, fwd, back = r.step(t, "stop")
	m, err = stop.Prepare(t.Context(), fwd, s)
	must(t, err)
	must(t, stop.Do(t.Context(), fwd, s, m))
	observe(t, stop, fwd, s, m, step.New)
	st, err := r.control.State(t.Context(), fwd, r.spec)
	must(t, err)
	if st.Running || !st.Inhibited || st.Reason != "run r1 keeps it stopped" {
		t.Errorf("after the stop it is %+v", st)
	}
	must(t, os.Remove(filepath.Join(r.dir, "ready")))
	must(t, stop.Undo(t.Context(), back, s, m))
	if _, err := os.Stat(filepath.Join(r.dir, "ready")); err != nil {
		t.Error("Undo did not wait until it was ready")
	}
	observe(t, stop, back, s, m, step.Old)
	must(t, stop.Do(t.Context(), fwd, s, m))
}

func TestRestartIsAnotherInvocation(t *testing.T) {
	r := newReal(t, "echo yes > DIR/ready; exec sleep 600")
	s, fwd, _ := r.step(t, "restart")
	must(t, r.control.Start(t.Context(), fwd, r.spec))
	h := service.NewRestart(r.control, child.Records{FS: durable.OS()})
	m, err := h.Prepare(t.Context(), fwd, s)
	must(t, err)
	observe(t, h, fwd, s, m, step.Old)
	must(t, h.Do(t.Context(), fwd, s, m))
	observe(t, h, fwd, s, m, step.New)
	before, err := r.control.State(t.Context(), fwd, r.spec)
	must(t, err)
	must(t, h.Do(t.Context(), fwd, s, m))
	after, err := r.control.State(t.Context(), fwd, r.spec)
	must(t, err)
	if before.Started != after.Started {
		t.Error("done again, it was restarted again")
	}
	must(t, r.control.Stop(t.Context(), fwd, r.spec, ""))
}

func TestFailedStarts(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"dies at once", "echo cannot bind to port 80; exit 1", "cannot bind to port 80"},
		{"dies before it is ready", "sleep 0.2; echo out of memory; exit 3", "out of memory"},
		{"never ready", "exec sleep 600", "not ready after 300ms: it reads none, wanted is yes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReal(t, c.script)
			r.spec.StartTimeout = 300 * time.Millisecond
			s, fwd, back := r.step(t, "start")
			h := service.NewStart(r.control)
			m, err := h.Prepare(t.Context(), fwd, s)
			must(t, err)
			err = h.Do(t.Context(), fwd, s, m)
			var user *step.UserError
			if !errors.As(err, &user) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Do gives %v, want a user error with %q", err, c.want)
			}
			must(t, h.Undo(t.Context(), back, s, m))
			observe(t, h, back, s, m, step.Old)
		})
	}
}

func observe(t *testing.T, h step.Handler, env step.Env, s plan.Step, m step.Memo, want step.State) {
	t.Helper()
	obs, err := h.Observe(t.Context(), env, s, m)
	if err != nil || obs.State != want {
		t.Errorf("Observe gives %+v, %v, want %s", obs, err, want)
	}
	if obs.Evidence == "" {
		t.Error(fmt.Errorf("no evidence for %s", obs.State))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
