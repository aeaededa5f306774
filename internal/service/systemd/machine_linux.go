package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// Machine asks systemd for what concerns the machine, not a product.
type Machine struct{ bus *bus }

// NewMachine makes one. It talks to systemd only when it is asked something.
func NewMachine() *Machine { return &Machine{bus: &bus{}} }

// Close ends the connection to systemd. What is asked later makes another.
func (m *Machine) Close() {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	if m.bus.conn != nil {
		m.bus.conn.Close()
		m.bus.conn = nil
	}
}

// Scope moves this process into a scope of its own (systemd.scope(5)): it no
// longer ends with the session or the unit that it was started from. When the
// machine goes down it is told to end before the units named in before are.
func (m *Machine) Scope(ctx context.Context, name, description string, before []string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	property := func(name string, v any) dbus.Property {
		return dbus.Property{Name: name, Value: godbus.MakeVariant(v)}
	}
	list := []dbus.Property{dbus.PropPids(uint32(os.Getpid())), dbus.PropDescription(description), property("CollectMode", "inactive-or-failed")}
	if len(before) > 0 {
		list = append(list, property("After", before)) // what starts before it ends after it
	}
	done := make(chan string, 1)
	err := m.bus.do(ctx, func(c *dbus.Conn) error {
		_, err := c.StartTransientUnitContext(ctx, name, "fail", list, done)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot make the scope %s: %w", name, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("cannot make the scope %s: %s", name, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot make the scope %s: %w", name, context.Cause(ctx))
	}
}

// GoingDown says that the machine is being shut down or rebooted.
func (m *Machine) GoingDown(ctx context.Context) bool {
	down := false
	_ = m.bus.do(ctx, func(c *dbus.Conn) error {
		state, err := c.SystemStateContext(ctx)
		if err == nil {
			text, _ := state.Value.Value().(string)
			down = text == "stopping"
		}
		return err
	})
	return down
}

// Begin has systemd start a unit, and does not wait for it.
func (m *Machine) Begin(ctx context.Context, name string) error {
	return m.bus.do(ctx, func(c *dbus.Conn) error {
		_, err := c.StartUnitContext(ctx, name, "replace", nil)
		return err
	})
}

// End stops a unit; one that there is none of is stopped.
func (m *Machine) End(ctx context.Context, name string) error {
	u, err := m.bus.unit(ctx, name)
	if err != nil || !u.known() || u.idle() {
		return err
	}
	_, err = m.bus.job(ctx, "stop", name)
	return err
}

// Reload has systemd read all unit files again.
func (m *Machine) Reload(ctx context.Context) error { return m.bus.reload(ctx) }

// Reboot has systemd reboot the machine, in order. It returns at once.
func (m *Machine) Reboot(ctx context.Context) error {
	err := m.bus.do(ctx, func(c *dbus.Conn) error {
		_, err := c.StartUnitContext(ctx, "reboot.target", "replace-irreversibly", nil)
		return err
	})
	var refused godbus.Error
	if errors.As(err, &refused) && refused.Name == "org.freedesktop.systemd1.TransactionIsDestructive" {
		return nil // it is going down already
	}
	return err
}

// Start starts a unit and waits until it has started; the error says why it has
// not.
func (m *Machine) Start(ctx context.Context, name string) error {
	_ = m.bus.do(ctx, func(c *dbus.Conn) error { return c.ResetFailedUnitContext(ctx, name) }) // there may be nothing to forget
	result, err := m.bus.job(ctx, "start", name)
	if err != nil {
		return err
	}
	if why := m.Down(ctx, name); why != "" {
		return errors.New(why)
	}
	if result != "done" && result != "" {
		return fmt.Errorf("systemd says: %s", result)
	}
	return nil
}

// Down says why a unit does not run, with what it told systemd of it
// (sd_notify(3), STATUS); nothing when it runs.
func (m *Machine) Down(ctx context.Context, name string) string {
	u, err := m.bus.unit(ctx, name)
	switch {
	case err != nil:
		return err.Error()
	case u.running() && u.Active != "deactivating":
		return ""
	case !u.known():
		return "systemd does not know it yet: systemctl daemon-reload"
	case u.Active == "inactive" && (u.Result == "success" || u.Result == ""):
		return "it was stopped, or not started"
	}
	why := ended(u)
	if u.Status != "" {
		why = u.Status
	}
	if u.Active == "activating" {
		why += " (systemd tries it again)"
	}
	return why
}
