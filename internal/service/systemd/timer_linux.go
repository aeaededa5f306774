package systemd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"

	"upkeep/internal/service"
)

// Timer reads a timer; a name without the suffix will do. False: there is none.
func (m *Manager) Timer(ctx context.Context, name string) (service.Timer, bool, error) {
	unit := name
	if !strings.HasSuffix(unit, ".timer") {
		unit += ".timer"
	}
	if unit = valid(unit); unit == "" {
		return service.Timer{}, false, fmt.Errorf("%q cannot be the name of a timer", name)
	}
	var props map[string]any
	err := m.bus.do(ctx, func(c *dbus.Conn) (err error) {
		props, err = c.GetAllPropertiesContext(ctx, unit)
		return err
	})
	if err != nil {
		return service.Timer{}, false, fmt.Errorf("cannot ask systemd for %s: %w", unit, err)
	}
	u := parse(props)
	if !u.known() {
		return service.Timer{}, false, nil
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return service.Timer{}, false, fmt.Errorf("cannot read the clock of this boot: %w", err)
	}
	t := timerOf(u, props, time.Now(), time.Duration(now.Nano()))
	if t.Starts == "" || t.Last.IsZero() {
		return t, true, nil
	}
	started, err := m.bus.unit(ctx, t.Starts)
	if err != nil {
		return t, false, err
	}
	switch {
	case started.running():
		t.Result = "running"
	case started.known() && started.Moved: // otherwise the last time was before this boot, and systemd has forgotten how it ended
		t.Result = started.Result
	}
	return t, true, nil
}

// timerOf reads the properties of a timer. up is the age of this boot, by which
// systemd counts what is relative to it; the earlier of the two times is the next.
func timerOf(u unit, props map[string]any, now time.Time, up time.Duration) service.Timer {
	micro := func(key string) (time.Duration, bool) {
		n, ok := props[key].(uint64)
		return time.Duration(n) * time.Microsecond, ok && n > 0 && n < 1<<53 // the greatest number is never
	}
	t := service.Timer{Name: u.Name, Enabled: u.File, Active: u.Active == "active"}
	if u.Load == "masked" {
		t.Enabled = "masked"
	}
	t.Starts, _ = props["Unit"].(string)
	if d, ok := micro("LastTriggerUSec"); ok {
		t.Last = time.Unix(0, int64(d))
	}
	if d, ok := micro("NextElapseUSecRealtime"); ok {
		t.Next = time.Unix(0, int64(d))
	}
	if d, ok := micro("NextElapseUSecMonotonic"); ok {
		if at := now.Add(d - up); t.Next.IsZero() || at.Before(t.Next) {
			t.Next = at
		}
	}
	return t
}
