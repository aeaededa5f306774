//go:build !linux

package systemd

import (
	"context"
	"errors"

	"upkeep/internal/plan"
	"upkeep/internal/service"
)

// Booted says that systemd runs this machine.
func Booted() bool { return false }

var errNone = errors.New("systemd runs only Linux machines")

// Manager implements service.Manager by saying that it cannot.
type Manager struct{}

var _ service.Manager = (*Manager)(nil)

// New makes a Manager.
func New(o Options) (*Manager, error) { return &Manager{}, o.check() }

// State implements service.Manager.
func (*Manager) State(context.Context, service.Spec) (service.State, error) {
	return service.State{}, errNone
}

// Together says which services will be inhibited one after the other.
func (*Manager) Together([]service.Spec) {}

// Fact tells what systemd knows of a service.
func (*Manager) Fact(context.Context, service.Spec) (plan.SystemdUnit, error) {
	return plan.SystemdUnit{}, errNone
}

// Start implements service.Manager.
func (*Manager) Start(context.Context, service.Spec) error { return errNone }

// Stop implements service.Manager.
func (*Manager) Stop(context.Context, service.Spec) error { return errNone }

// Inhibit implements service.Manager.
func (*Manager) Inhibit(context.Context, service.Spec, string) error { return errNone }

// Allow implements service.Manager.
func (*Manager) Allow(context.Context, service.Spec) error { return errNone }

// Inhibited implements service.Manager.
func (*Manager) Inhibited(context.Context, service.Spec) (string, bool, error) {
	return "", false, errNone
}

// Timer is not there on this system.
func (*Manager) Timer(context.Context, string) (service.Timer, bool, error) {
	return service.Timer{}, false, errNone
}
