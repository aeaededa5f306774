package systemd

import (
	"testing"
	"time"
)

func TestTimerOf(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	micro := func(t time.Time) uint64 { return uint64(t.UnixMicro()) }
	const never = ^uint64(0)
	for _, tt := range []struct {
		name       string
		props      map[string]any
		last, next string
	}{
		{"by the clock", map[string]any{"LastTriggerUSec": micro(now.Add(-time.Hour)), "NextElapseUSecRealtime": micro(now.Add(time.Hour)), "NextElapseUSecMonotonic": never}, "02:00", "04:00"},
		{"since the start", map[string]any{"LastTriggerUSec": uint64(0), "NextElapseUSecRealtime": never, "NextElapseUSecMonotonic": uint64(90 * time.Minute / time.Microsecond)}, "never", "03:30"},
		{"both: the earlier", map[string]any{"NextElapseUSecRealtime": micro(now.Add(time.Hour)), "NextElapseUSecMonotonic": uint64(61 * time.Minute / time.Microsecond)}, "never", "03:01"},
		{"stopped", map[string]any{"NextElapseUSecRealtime": uint64(0), "NextElapseUSecMonotonic": never}, "never", "never"},
		{"no timer's", map[string]any{}, "never", "never"},
	} {
		got := timerOf(unit{Name: "x.timer", File: "enabled", Active: "active"}, tt.props, now, time.Hour)
		show := func(t time.Time) string {
			if t.IsZero() {
				return "never"
			}
			return t.UTC().Format("15:04")
		}
		if show(got.Last) != tt.last || show(got.Next) != tt.next || got.Enabled != "enabled" || !got.Active {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	if got := timerOf(unit{Load: "masked", File: "disabled"}, nil, now, 0); got.Enabled != "masked" || got.Active {
		t.Errorf("masked: %+v", got)
	}
}
