package systemd_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"upkeep/internal/service"
)

// What a real systemd says of a timer before it ran, after it ran well, badly,
// and when it is stopped.
func TestInsideTimer(t *testing.T) {
	inside(t)
	makeUnit(t, "refresh.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 0'\n")
	makeUnit(t, "refresh.timer", "[Timer]\nOnCalendar=2099-01-01 00:00:00 UTC\n[Install]\nWantedBy=timers.target\n")
	m := manager(t, t.TempDir())
	look := func(name string) service.Timer {
		t.Helper()
		timer, found, err := m.Timer(t.Context(), name)
		if err != nil || !found {
			t.Fatalf("%s: %+v, %v, %v", name, timer, found, err)
		}
		return timer
	}
	if got := look("refresh"); got.Active || got.Enabled != "disabled" || !got.Last.IsZero() || got.Result != "" {
		t.Errorf("before its first start: %+v", got)
	}
	ctl(t, "enable", "--now", "refresh.timer")
	next := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := look("refresh.timer"); !got.Active || got.Enabled != "enabled" || !got.Next.Equal(next) || got.Starts != "refresh.service" {
		t.Errorf("started: %+v", got)
	}
	for code, want := range map[string]string{"0": "success", "3": "exit-code"} {
		t.Run(want, func(t *testing.T) {
			makeUnit(t, "soon-"+want+".service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit "+code+"'\n")
			makeUnit(t, "soon-"+want+".timer", "[Timer]\nOnActiveSec=1s\nAccuracySec=1ms\n")
			ctl(t, "start", "soon-"+want+".timer")
			if got := look("soon-" + want); got.Next.IsZero() || time.Until(got.Next) > 2*time.Second {
				t.Errorf("waiting: %+v", got)
			}
			for end := time.Now().Add(20 * time.Second); look("soon-"+want).Last.IsZero() || look("soon-"+want).Result == "running"; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("it has not run: %+v", look("soon-"+want))
				}
			}
			if got := look("soon-" + want); got.Result != want || time.Since(got.Last) > time.Minute {
				t.Errorf("after it ran: %+v", got)
			}
		})
	}
	// Of a time before this boot systemd knows when it was, and not how it ended.
	if err := os.MkdirAll("/var/lib/systemd/timers", 0o755); err != nil {
		t.Fatal(err)
	}
	stamp, before := "/var/lib/systemd/timers/stamp-kept.timer", time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := errors.Join(os.WriteFile(stamp, nil, 0o644), os.Chtimes(stamp, before, before)); err != nil {
		t.Fatal(err)
	}
	makeUnit(t, "kept.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
	makeUnit(t, "kept.timer", "[Timer]\nOnCalendar=2099-01-01 00:00:00 UTC\nPersistent=yes\n")
	ctl(t, "start", "kept.timer")
	if got := look("kept"); !got.Last.Equal(before) || got.Result != "" {
		t.Errorf("a time before this boot: %+v, want %v", got, before)
	}
	ctl(t, "disable", "--now", "refresh.timer")
	if got := look("refresh"); got.Active || got.Enabled != "disabled" {
		t.Errorf("stopped: %+v", got)
	}
	if _, found, err := m.Timer(t.Context(), "no-such"); err != nil || found {
		t.Errorf("no timer: %v, %v", found, err)
	}
	if _, _, err := m.Timer(t.Context(), "../x"); err == nil {
		t.Error("a path is taken for a timer")
	}
}
