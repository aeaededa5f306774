//go:build !linux

package systemd

import "context"

// Machine says that it cannot.
type Machine struct{}

// NewMachine makes one.
func NewMachine() *Machine { return &Machine{} }

// Close ends the connection to systemd.
func (*Machine) Close() {}

// Scope moves this process into a scope of its own.
func (*Machine) Scope(context.Context, string, string, []string) error { return errNone }

// GoingDown says that the machine is being shut down or rebooted.
func (*Machine) GoingDown(context.Context) bool { return false }

// Begin has systemd start a unit.
func (*Machine) Begin(context.Context, string) error { return errNone }

// End stops a unit.
func (*Machine) End(context.Context, string) error { return errNone }

// Reload has systemd read all unit files again.
func (*Machine) Reload(context.Context) error { return errNone }

// Reboot has systemd reboot the machine.
func (*Machine) Reboot(context.Context) error { return errNone }

// Start has systemd start a unit.
func (*Machine) Start(context.Context, string) error { return errNone }

// Down says why a unit does not run.
func (*Machine) Down(context.Context, string) string { return errNone.Error() }
