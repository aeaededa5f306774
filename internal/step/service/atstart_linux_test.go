package service_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/service"
	"upkeep/internal/step/steptest"
)

// migrates is a start step of a service that takes the file `version` from 1
// to 9, or only some of the way.
func migrates(t *testing.T, script string) (*real, plan.Step, step.Env, step.Env, *bytes.Buffer) {
	r := newReal(t, script)
	r.set(t, "1")
	p := plan.ServiceParams{Service: r.spec, Inhibit: true, Migrates: []plan.VersionCheck{
		{Component: "data", Probe: plan.Probe{Source: "file", Args: []string{filepath.Join(r.dir, "version")}}, Want: "9"}}}
	p.Service.StartTimeout = 200 * time.Millisecond
	s := childtest.Step(t, plan.Step{Verb: "start"}, p)
	fwd, _ := childtest.Env(t, s, step.Forward)
	log := &bytes.Buffer{}
	fwd.Log = log
	back := fwd
	back.Direction = step.Back
	return r, s, fwd, back, log
}

func (r *real) set(t *testing.T, version string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "version"), []byte(version), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r *real) starts(t *testing.T) int {
	t.Helper()
	text, _ := os.ReadFile(filepath.Join(r.dir, "starts")) // missing: none
	return strings.Count(string(text), "start")
}

// A migration at the start may take longer than a service to answer.
func TestStartMigratesAsLongAsItTakes(t *testing.T) {
	r, s, fwd, back, log := migrates(t, "echo start >>DIR/starts; sleep 0.7; echo 9 >DIR/version; echo yes >DIR/ready; exec sleep 600")
	h := service.NewStart(r.control)
	m, err := h.Prepare(t.Context(), fwd, s)
	must(t, err)
	must(t, h.Do(t.Context(), fwd, s, m))
	observe(t, h, fwd, s, m, step.New)
	if !strings.Contains(log.String(), "data read 1 before, reads 9, wanted is 9") {
		t.Errorf("the log says %q", log)
	}
	must(t, h.Do(t.Context(), fwd, s, m)) // as after a crash before its Outcome
	must(t, h.Undo(t.Context(), back, s, m))
	observe(t, h, back, s, m, step.Old)
	if n := r.starts(t); n != 1 {
		t.Errorf("it was started %d times", n)
	}
}

// Once it has migrated it must answer in its time.
func TestStartThatMigratesAndNeverAnswers(t *testing.T) {
	r, s, fwd, back, _ := migrates(t, "sleep 0.1; echo 9 >DIR/version; exec sleep 600")
	h := service.NewStart(r.control)
	m, err := h.Prepare(t.Context(), fwd, s)
	must(t, err)
	err = h.Do(t.Context(), fwd, s, m)
	if err == nil || !strings.Contains(err.Error(), "not ready after 200ms") || !strings.Contains(err.Error(), "reads 9, wanted is 9") {
		t.Errorf("Do gives %v", err)
	}
	must(t, h.Undo(t.Context(), back, s, m))
}

// What has ended in the middle of its migration is not started again, neither
// after a failure nor after a crash. Nor is anything started while nobody knows
// how far it is.
func TestStartThatDiesWhileItMigrates(t *testing.T) {
	r, s, fwd, back, _ := migrates(t, "echo start >>DIR/starts; echo 5 >DIR/version; sleep 0.1; echo relation login_history already exists; exit 1")
	h := service.NewStart(r.control)
	m, err := h.Prepare(t.Context(), fwd, s)
	must(t, err)
	err = h.Do(t.Context(), fwd, s, m)
	var user *step.UserError
	if !errors.As(err, &user) || !strings.Contains(err.Error(), "login_history already exists") || !strings.Contains(err.Error(), "data read 1 before, reads 5, wanted is 9") {
		t.Errorf("Do gives %v", err)
	}
	err = h.Do(t.Context(), fwd, s, m)
	if !errors.As(err, &user) || !strings.Contains(err.Error(), "ended in the middle of its migration") {
		t.Errorf("done again, it gives %v", err)
	}
	must(t, os.Remove(filepath.Join(r.dir, "version")))
	if err := h.Do(t.Context(), fwd, s, m); err == nil || !strings.Contains(err.Error(), "reads nothing") {
		t.Errorf("with a version that cannot be told it gives %v", err)
	}
	if n := r.starts(t); n != 1 {
		t.Errorf("it was started %d times", n)
	}
	// a crash before anything was changed, or after all was: it is started
	for n, version := range []string{"1", "9"} {
		r.set(t, version)
		_ = h.Do(t.Context(), fwd, s, m) // it dies again
		if got := r.starts(t); got != n+2 {
			t.Errorf("with %s it was started %d times, want %d", version, got, n+2)
		}
	}
	must(t, h.Undo(t.Context(), back, s, m))
	observe(t, h, back, s, m, step.Old)
}

func TestContractOfAStartThatMigrates(t *testing.T) {
	steptest.Run(t, steptest.Subject[world]{
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, world) {
			w := stopped()
			file := filepath.Join(t.TempDir(), "version")
			must(t, os.WriteFile(file, []byte("1"), 0o644))
			p := plan.ServiceParams{Service: plan.Service{ID: "web"}, Inhibit: true, Migrates: []plan.VersionCheck{
				{Component: "data", Probe: plan.Probe{Source: "file", Args: []string{file}}, Want: "1"}}}
			return service.NewStart(service.Control{Managers: w.Managers(k), Probes: childtest.Probes(t)}), childtest.Step(t, plan.Step{Verb: "start"}, p), w
		},
		Mixed: map[string]func(*testing.T, world){"runs and is held": func(_ *testing.T, w world) { w.Set("web", true) }},
	})
}

// A supervisor that starts it again does just what must not be done blindly.
func TestStartThatIsRepeatedBySomebodyElse(t *testing.T) {
	w := stopped()
	dir := t.TempDir()
	file := filepath.Join(dir, "version")
	must(t, os.WriteFile(file, []byte("1"), 0o644))
	ready := childtest.FileReads(filepath.Join(dir, "ready"), "yes")
	p := plan.ServiceParams{Service: plan.Service{ID: "web", Ready: &ready}, Inhibit: true, Migrates: []plan.VersionCheck{
		{Component: "data", Probe: plan.Probe{Source: "file", Args: []string{file}}, Want: "2"}}}
	s := childtest.Step(t, plan.Step{Verb: "start"}, p)
	env, _ := childtest.Env(t, s, step.Forward)
	h := service.NewStart(service.Control{Managers: w.Managers(nil), Probes: childtest.Probes(t)})
	m, err := h.Prepare(t.Context(), env, s)
	must(t, err)
	env.Progress = func(p step.Progress) { // after it was asked once
		if strings.HasPrefix(p.Line, "waiting until") {
			w.Set("web", true)
		}
	}
	var user *step.UserError
	if err := h.Do(t.Context(), env, s, m); !errors.As(err, &user) || !strings.Contains(err.Error(), "something else started it again") {
		t.Errorf("Do gives %v", err)
	}
}
