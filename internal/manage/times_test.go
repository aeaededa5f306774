package manage

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/journal"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// timed is an installation with windows, in UTC, and no product.
func timed(t *testing.T, doc site.Installation) *Installation {
	t.Helper()
	doc.ID, doc.Product, doc.TimeZone = "shop", "shop", "UTC"
	return &Installation{Doc: &doc, Path: "/etc/upkeep/shop.yaml", State: t.TempDir(), FS: durable.OS(), Exe: "upkeep"}
}

func prepared(total time.Duration) *Prepared {
	p := &Prepared{Plan: &plan.Plan{Product: "shop", From: "1", To: "2", Digest: strings.Repeat("ab", 32)}}
	p.Forecast.Total = total
	return p
}

// An upgrade begins in a window only, and only where it would end in it.
func TestMayBegin(t *testing.T) {
	in := timed(t, site.Installation{Windows: []site.Window{{Days: "mon-fri", From: "22:00", To: "02:00"}}, Freezes: []site.Freeze{{From: "2026-12-24", To: "2026-12-26", Why: "holidays"}}})
	for _, c := range []struct {
		at    string
		total time.Duration
		want  []string // empty: it begins
	}{
		{"2026-11-30T22:00", time.Hour, nil},
		{"2026-12-01T01:00", time.Hour, nil},
		{"2026-12-01T01:01", time.Hour, []string{"it takes about 60 minutes, and would not end before the window closes on Tue 1 Dec 2026 02:00 UTC", "opens on Tue 1 Dec 2026 22:00 UTC", "--at next", "--outside-window WHY", "/etc/upkeep/shop.yaml"}},
		{"2026-12-01T12:00", time.Minute, []string{"upgrades begin mon-fri 22:00-02:00 (UTC) only"}},
		{"2026-12-01T22:30", 5 * time.Hour, []string{"no window of the next year is open for long enough (5 h)"}},
		{"2026-12-24T22:30", time.Minute, []string{"nothing is upgraded in this time: holidays", "opens on Mon 28 Dec 2026 22:00 UTC"}},
		{"2026-12-23T23:30", time.Hour, []string{"would not end before the window closes on Thu 24 Dec 2026 00:00 UTC"}},
	} {
		at, err := time.Parse("2006-01-02T15:04", c.at)
		if err != nil {
			t.Fatal(err)
		}
		err = in.MayBegin(prepared(c.total), at)
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.at, err)
		}
		for _, w := range c.want {
			if err != nil && !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v\nwant %q", c.at, err, w)
			}
		}
		p := prepared(c.total)
		if notes := p.whenever(Request{By: "anna", Outside: "the shop is closed"}); len(notes) != 1 || in.MayBegin(p, at) != nil {
			t.Errorf("%s: a reason does not count: %v", c.at, notes)
		}
		p = prepared(c.total)
		p.Plan.Trigger = plan.TriggerBack
		if err := in.MayBegin(p, at); err != nil {
			t.Errorf("%s: it is not taken back: %v", c.at, err)
		}
	}
}

// What comes of a scheduled upgrade is told once, and nothing begins that should
// not.
func TestStartScheduled(t *testing.T) {
	now := time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)
	keep := func(t *testing.T, s Scheduled) *Installation {
		t.Helper()
		in := timed(t, site.Installation{})
		s.Plan, s.By, s.To, s.NoTimer = strings.Repeat("ab", 32), "anna", "2", true
		if err := in.keepScheduled(&s); err != nil {
			t.Fatal(err)
		}
		return in
	}
	t.Run("none", func(t *testing.T) {
		if id, say, err := timed(t, site.Installation{}).StartScheduled(t.Context(), now); id != "" || say != "no upgrade is scheduled" || err != nil {
			t.Errorf("%q, %q, %v", id, say, err)
		}
	})
	t.Run("too early", func(t *testing.T) {
		in := keep(t, Scheduled{At: now.Add(31 * time.Second), Told: map[string]time.Time{}})
		if id, say, err := in.StartScheduled(t.Context(), now); id != "" || !strings.HasPrefix(say, "the upgrade begins on Tue 1 Dec 2026 02:00") || err != nil {
			t.Errorf("%q, %q, %v", id, say, err)
		}
	})
	for name, c := range map[string]struct {
		s    Scheduled
		want string
	}{
		"too late":                {Scheduled{At: now.Add(-11 * time.Minute)}, "that is 11 minutes ago: the computer was off"},
		"interrupted":             {Scheduled{At: now, Started: now.Add(-time.Minute)}, "its start was interrupted before anything was changed"},
		"nothing can be prepared": {Scheduled{At: now}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := keep(t, c.s)
			_, _, err := in.StartScheduled(t.Context(), now)
			var no *NotStartedError
			if !errors.As(err, &no) || !strings.Contains(no.Why, c.want) || !strings.Contains(err.Error(), "nothing was changed") {
				t.Fatalf("it says %v", err)
			}
			s, err := in.Scheduled()
			if err != nil || s.Pending() || s.Why != no.Why {
				t.Errorf("kept is %+v, %v", s, err)
			}
			if id, say, err := in.StartScheduled(t.Context(), now); id != "" || !strings.Contains(say, "was not started") || err != nil {
				t.Errorf("again: %q, %q, %v", id, say, err)
			}
			if s, err := in.CancelScheduled(t.Context(), "anna"); s == nil || err != nil {
				t.Errorf("forgetting it: %+v, %v", s, err)
			}
		})
	}
	t.Run("what is kept cannot be read", func(t *testing.T) {
		in := keep(t, Scheduled{At: now})
		if err := os.WriteFile(in.scheduledPath(), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := in.StartScheduled(t.Context(), now); err == nil {
			t.Error("it is passed over")
		}
	})
}

// A run that a start has begun is known by its plan, also where the start could not
// note it any more.
func TestStartedBefore(t *testing.T) {
	now := time.Now().UTC().Round(time.Second)
	for name, c := range map[string]struct {
		plan   string
		opened time.Time
		begun  bool
	}{
		"that run":        {strings.Repeat("ab", 32), now.Add(time.Second), true},
		"an earlier one":  {strings.Repeat("ab", 32), now.Add(-time.Hour), false},
		"of another plan": {strings.Repeat("cd", 32), now.Add(time.Second), false},
	} {
		s := &Scheduled{Plan: strings.Repeat("ab", 32), Started: now}
		if got := s.begunAmong([]journal.Run{{ID: "r", Plan: c.plan, Opened: c.opened}}) != ""; got != c.begun {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Nothing can be scheduled that needs a person, that is over, or that is far away.
func TestMayBeScheduled(t *testing.T) {
	in, now := timed(t, site.Installation{}), time.Now()
	p := prepared(time.Minute)
	if err := in.MayBeScheduled(p, now.Add(time.Hour), now); err != nil {
		t.Error(err)
	}
	for want, at := range map[string]time.Time{"is over": now.Add(-time.Minute), "more than a year ahead": now.Add(400 * 24 * time.Hour)} {
		if err := in.MayBeScheduled(p, at, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	p.Plan.Steps = []plan.Step{{ID: "tell", Verb: "tell", Title: "a person: turn the key"}}
	if err := in.MayBeScheduled(p, now.Add(time.Hour), now); err == nil || !strings.Contains(err.Error(), "it needs a person: turn the key") {
		t.Error(err)
	}
	if err := timed(t, site.Installation{}).Timer(); err == nil || !strings.Contains(err.Error(), "--no-timer") {
		t.Errorf("no timer is missed: %v", err)
	}
}

// Those who are told before it begins are told once each, and the timer looks at
// their times.
func TestAnnounced(t *testing.T) {
	at := time.Date(2026, 12, 10, 2, 0, 0, 0, time.UTC)
	in := timed(t, site.Installation{Notifications: []site.Notification{
		{ID: "users", For: site.Users, Before: []time.Duration{time.Hour, 48 * time.Hour}, Webhook: &site.Webhook{URL: "http://127.0.0.1:1", Secret: &site.SecretRef{File: "/none"}}},
		{ID: "anna", For: site.Administrators, Events: []site.Event{site.Waits}, Webhook: &site.Webhook{URL: "http://127.0.0.1:1", Secret: &site.SecretRef{File: "/none"}}},
	}})
	s := &Scheduled{At: at, Told: map[string]time.Time{}, To: "2"}
	if got := in.moments(s, at.Add(-24*time.Hour)); len(got) != 2 || !got[0].Equal(at.Add(-time.Hour)) || !got[1].Equal(at) {
		t.Errorf("the timer looks at %v", got)
	}
	count := func() int {
		list, err := in.Deliveries()
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for _, c := range []struct {
		before time.Duration
		want   int
	}{{49 * time.Hour, 0}, {47 * time.Hour, 1}, {46 * time.Hour, 1}, {time.Hour, 2}, {time.Minute, 2}} {
		in.announce(context.Background(), s, at.Add(-c.before))
		if n := count(); n != c.want {
			t.Errorf("%s before: told %d times, want %d", c.before, n, c.want)
		}
	}
	if u := in.Untold(); len(u) != 1 || u[0].ID != "users" || !strings.Contains(u[0].Problem, "there is no secret file /none") {
		t.Errorf("not told: %+v", u)
	}
}

// What was agreed to survives a power cut whole, and so does that it was taken away.
func TestScheduledIsDurable(t *testing.T) {
	disk := crashfs.New()
	if err := disk.MkdirAll("/state", 0o700); err != nil {
		t.Fatal(err)
	}
	in := &Installation{State: "/state", FS: disk}
	after := func() *Scheduled {
		t.Helper()
		s, err := (&Installation{State: "/state", FS: disk.Crash(crashfs.KeepNone())}).Scheduled()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := &Scheduled{Plan: "ab", By: "anna"}
	if err := in.keepScheduled(s); err != nil || after() == nil {
		t.Fatalf("it is lost: %v", err)
	}
	s.Started = time.Now()
	if err := in.keepScheduled(s); err != nil || after().Started.IsZero() {
		t.Fatalf("that it was started is lost, and it would be started twice: %v", err)
	}
	if err := in.dropScheduled(); err != nil || after() != nil {
		t.Errorf("it comes back: %v", err)
	}
}
