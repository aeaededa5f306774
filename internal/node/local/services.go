package local

import (
	"context"
	"fmt"

	"upkeep/internal/plan"
	"upkeep/internal/service"
	"upkeep/internal/service/systemd"
)

// Services manages the services of plans, each by the manager of its kind.
type Services struct {
	Process service.Manager                    // services with run:
	Command func(plan.Service) service.Manager // services with start: and stop:
	Systemd *systemd.Manager                   // services with neither: units of the machine
}

// Spec turns a service of the plan into what managers take.
func Spec(s plan.Service) service.Spec {
	return service.Spec{ID: s.ID, Names: s.Names, Run: s.Run, Start: s.Start, Stop: s.Stop, As: s.As, Env: s.Env, Dir: s.Dir,
		PIDFile: s.PIDFile, Log: s.Log, StopTimeout: s.StopTimeout, StartTimeout: s.StartTimeout}
}

// Manager gives the manager of the kind of a service.
func (m Services) Manager(s plan.Service) service.Manager {
	switch {
	case s.Systemd():
		return m.Systemd
	case len(s.Run) > 0:
		return m.Process
	}
	return m.Command(s)
}

// SystemdUnit tells what systemd knows of a service; nothing for one that is no unit.
func (m Services) SystemdUnit(ctx context.Context, s plan.Service) (plan.SystemdUnit, error) {
	if !s.Systemd() {
		return plan.SystemdUnit{}, nil
	}
	return m.Systemd.Fact(ctx, Spec(s))
}

// State reads only.
func (m Services) State(ctx context.Context, s plan.Service) (service.State, error) {
	return m.Manager(s).State(ctx, Spec(s))
}

// Running reports the state with a line of evidence.
func (m Services) Running(ctx context.Context, s plan.Service) (bool, string, error) {
	st, err := m.State(ctx, s)
	if err != nil {
		return false, "", err
	}
	if !st.Running {
		return false, fmt.Sprintf("%s is not running", s.ID), nil
	}
	if s.Systemd() {
		return true, fmt.Sprintf("pid %d, invocation %.8s", st.PID, st.Started), nil
	}
	return true, fmt.Sprintf("%s runs as pid %d", s.ID, st.PID), nil
}

// StartType says whether the service starts with the computer: only those of the
// computer's own service manager have one.
func (m Services) StartType(ctx context.Context, s plan.Service) (string, error) {
	typer, ok := m.Manager(s).(service.StartTyper)
	if !ok {
		return "", fmt.Errorf("service %s is none of the computer's own service manager: it has no start type", s.ID)
	}
	t, err := typer.StartType(ctx, Spec(s))
	return t.Mode, err
}

// Start starts the service unless it runs.
func (m Services) Start(ctx context.Context, s plan.Service) error {
	return m.Manager(s).Start(ctx, Spec(s))
}

// Stop ends the service with all its processes.
func (m Services) Stop(ctx context.Context, s plan.Service) error {
	return m.Manager(s).Stop(ctx, Spec(s))
}

// Inhibit keeps the service from starting, over a reboot too.
func (m Services) Inhibit(ctx context.Context, s plan.Service, reason string) error {
	return m.Manager(s).Inhibit(ctx, Spec(s), reason)
}

// Allow ends Inhibit.
func (m Services) Allow(ctx context.Context, s plan.Service) error {
	return m.Manager(s).Allow(ctx, Spec(s))
}

// Inhibited returns why the service must not start.
func (m Services) Inhibited(ctx context.Context, s plan.Service) (string, bool, error) {
	return m.Manager(s).Inhibited(ctx, Spec(s))
}
