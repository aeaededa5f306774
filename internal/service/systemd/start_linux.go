package systemd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"upkeep/internal/service"
)

// Start implements service.Manager. It returns when systemd holds the unit for
// started: with Type=notify that is when the service itself says so.
func (m *Manager) Start(ctx context.Context, s service.Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	defer m.locks.Lock(s.ID)()
	if reason, no, err := m.Inhibited(ctx, s); err != nil {
		return err
	} else if no {
		return &service.InhibitedError{Service: s.ID, Reason: reason}
	}
	u, err := m.find(ctx, s)
	if err == nil && !u.known() { // it may have been installed without systemd being told
		if err = m.bus.reload(ctx); err == nil {
			u, err = m.find(ctx, s)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", s.ID, err)
	}
	switch {
	case !u.known():
		return fmt.Errorf("cannot start %s: %s", s.ID, m.why(ctx, s, u))
	case u.Load == "masked":
		return &MaskedError{Service: s.ID, Unit: u.Name}
	}
	if u.Active != "active" && u.Active != "reloading" && u.Active != "refreshing" || u.Job {
		if err := m.start(ctx, s, u); err != nil {
			return err
		}
	}
	return m.startWith(ctx, s)
}

func (m *Manager) start(ctx context.Context, s service.Spec, u unit) error {
	if u.Reload { // what starts must be what is installed now
		if err := m.bus.reload(ctx); err != nil {
			return err
		}
	}
	if u.idle() { // its own earlier failures, and starts, do not count against it
		m.forgive(ctx, u.Name)
	}
	result, err := m.bus.job(ctx, "start", u.Name)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("cannot start %s: %w", s.ID, context.Cause(ctx))
		}
		return fmt.Errorf("cannot start %s: systemd refuses: %w", s.ID, err)
	}
	now, err := m.bus.unit(ctx, u.Name)
	if err != nil {
		return err
	}
	switch result {
	case "", "done", "skipped":
	case "assert":
		return fmt.Errorf("cannot start %s: an assertion of %s does not hold: systemctl status %s names it", s.ID, u.Name, u.Name)
	case "dependency":
		return fmt.Errorf("cannot start %s: something that %s needs did not start: systemctl list-dependencies %s shows it", s.ID, u.Name, u.Name)
	case "canceled":
		return fmt.Errorf("cannot start %s: somebody stopped %s meanwhile", s.ID, u.Name)
	default:
		return m.died(ctx, s, now)
	}
	switch {
	case now.Active == "inactive" && !now.Condition:
		return fmt.Errorf("cannot start %s: a condition of %s does not hold, so that systemd passes it over: systemctl status %s names it", s.ID, u.Name, u.Name)
	case !now.running() && now.Type == "oneshot" && now.Result == "success":
		return fmt.Errorf("cannot start %s: %s ends by itself (Type=oneshot without RemainAfterExit), so that it never counts as running", s.ID, u.Name)
	case !now.running():
		return m.died(ctx, s, now)
	}
	return m.settled(ctx, s, now)
}

// settled waits for a moment, and looks once more at a unit whose start says nothing: with
// Type=simple it counts as started before its program even runs.
func (m *Manager) settled(ctx context.Context, s service.Spec, was unit) error {
	if was.Type != "simple" && was.Type != "exec" && was.Type != "idle" {
		return nil
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("cannot start %s: %w", s.ID, context.Cause(ctx))
	case <-time.After(m.o.Settle):
	}
	now, err := m.bus.unit(ctx, was.Name)
	if err != nil {
		return err
	}
	if !now.running() || now.Invocation != was.Invocation {
		return m.died(ctx, s, now)
	}
	return nil
}

func (m *Manager) died(ctx context.Context, s service.Spec, u unit) error {
	return &service.DiedError{Service: s.ID, How: ended(u), Log: "the journal of " + u.Name, Last: m.lastWords(ctx, s, u)}
}

// forgive has systemd forget a unit's failures and count its starts anew. It
// cannot for a unit that is not loaded, which has none.
func (m *Manager) forgive(ctx context.Context, name string) {
	_ = m.bus.do(ctx, func(c *dbus.Conn) error { return c.ResetFailedUnitContext(ctx, name) })
}

// startWith starts again what stopped together with the service.
func (m *Manager) startWith(ctx context.Context, s service.Spec) error {
	rec, err := m.load(s)
	if err != nil || len(rec.With) == 0 {
		return err
	}
	var errs []error
	for _, n := range rec.With {
		u, err := m.bus.unit(ctx, n)
		if err != nil {
			return err
		}
		if !u.known() || u.Load == "masked" || u.running() && !u.Job {
			continue
		}
		if u.Reload {
			if err := m.bus.reload(ctx); err != nil {
				return err
			}
		}
		result, err := m.bus.job(ctx, "start", n)
		if err == nil && result != "" && result != "done" && result != "skipped" {
			err = errors.New(result)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot start %s, which had stopped together with %s: %w", n, s.ID, err))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	rec.With = nil
	return m.save(s, rec)
}
