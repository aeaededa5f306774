package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
)

// timesOf is an installation with windows, and people who are told.
func timesOf() ask.Windows {
	return ask.Windows{Product: "notes", Document: "/etc/upkeep/notes.yaml", Text: "mon-fri 22:00-04:00 (Europe/Paris)", Zone: "Europe/Paris", Bound: true, Open: true, Until: now.Add(3 * time.Hour), Automatic: "02:00-05:00",
		Freezes:   []ask.Freeze{{From: now.Add(99 * time.Hour), Until: now.Add(299 * time.Hour), Why: "the year's end"}},
		Scheduled: &ask.Scheduled{At: now.Add(time.Hour), When: "Sat 14 Mar 2026 11:26 CET", By: "anna", Plan: strings.Repeat("ab", 32), From: "2.0", To: "3.0", Outage: 95 * time.Second, Ends: now.Add(65 * time.Minute), Told: []string{"users"}, NoTimer: true},
		Recipients: []ask.Recipient{
			{ID: "users", For: "users", How: "mail to all@example.org", Events: []string{"planned", "off", "started", "went-back", "done"}, Before: []string{"24 h"}},
			{ID: "chat", For: "administrators", How: "webhook at chat.example.org", Events: []string{"waits", "point-failed", "proof-failed", "feed-unseen"}}},
		Deliveries: []ask.Delivery{{At: now, ID: "users", How: "mail to all@example.org", Title: "notes will not be available", Tries: 1},
			{At: now.Add(-time.Hour), ID: "chat", How: "webhook at chat.example.org", Title: "notes <script> WAITS FOR YOU", Tries: 3, Problem: "cannot post to the webhook at chat.example.org: refused"}}}
}

// The form of a plan starts it now or later, with all of the wish.
func TestWhen(t *testing.T) {
	f := sample()
	b := open(t, f)
	digest := strings.Repeat("cd", 32)
	form := func(more ...string) []string {
		return append([]string{"digest", digest, "to", "3.0", "outside", "closed"}, more...)
	}
	for _, c := range []struct {
		form []string
		at   string // empty: now
	}{
		{form("when", "now", "at", "2026-12-01T02:00"), ""}, {form(), ""}, {form("when", "next", "at", "2026-12-01T02:00"), "next"},
		{form("when", "at", "at", "2026-12-01T02:00"), "2026-12-01T02:00"}, {form("when", "at"), "?"},
	} {
		yes, later := len(f.yes), len(f.later)
		if w := b.post("/i/notes/start", c.form...); w.Code != http.StatusSeeOther {
			t.Errorf("%v: %d", c.form, w.Code)
		}
		switch {
		case c.at == "" && (len(f.yes) != yes+1 || len(f.later) != later || f.yes[yes].Outside != "closed"):
			t.Errorf("%v does not start it now: %+v", c.form, f.yes)
		case c.at != "" && (len(f.yes) != yes || len(f.later) != later+1 || f.later[later].At != c.at || f.later[later].Digest != digest || f.later[later].Outside != "closed"):
			t.Errorf("%v does not schedule it: %+v", c.form, f.later)
		}
	}
	b.post("/i/notes/unschedule")
	b.post("/i/notes/notify-test", "notification", "chat")
	if len(f.off) != 1 || f.off[0].Installation != "notes" || len(f.tried) != 1 || f.tried[0].ID != "chat" {
		t.Errorf("cancelled %+v, tried %+v", f.off, f.tried)
	}
}
