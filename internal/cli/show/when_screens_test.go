package show_test

import (
	"errors"
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/site"
)

// whenScreens are when upgrades begin, and who is told.
func whenScreens() map[string]func(show.Paper) string {
	at := now.Add(9 * time.Hour).UTC()
	s := manage.Scheduled{At: at, By: "anna", Plan: "0123456789abcdef", Subject: "shop", From: "3.1", To: "3.2", Outage: 95 * time.Second, Total: 4 * time.Minute, Told: map[string]time.Time{"users/24h0m0s": now, "users/1h0m0s": now, "anna/24h0m0s": now}}
	missed := s
	missed.Missed, missed.Why = at, "the plan is another one than the one that was agreed to: hook PREINSTALL.sh is new\x1b[2J"
	bare := s
	bare.NoTimer, bare.Told, bare.Outage = true, nil, 0
	when := manage.When{Text: "mon-fri 22:00-04:00 (Europe/Paris)", Zone: "Europe/Paris", Bound: true, Next: at, Auto: "02:00-05:00", Freezes: []manage.Frozen{{From: at.Add(72 * time.Hour), Until: at.Add(720 * time.Hour), Why: "the year's end"}}}
	open := manage.When{Text: when.Text, Bound: true, Open: true, Until: at}
	list := []manage.Delivery{{At: now, Event: site.Planned, ID: "users", How: "mail to all@example.org", Title: "shop will not be available", Tries: 1},
		{At: now.Add(-2 * time.Hour), Event: site.Waits, ID: "chat", How: "webhook at chat.example.org", Title: "shop WAITS FOR YOU", Tries: 3, Problem: errors.New("cannot post: refused").Error()}}
	return map[string]func(show.Paper) string{
		"scheduled":       func(w show.Paper) string { return show.Scheduled(&s, "upkeep", now, w) },
		"scheduled bare":  func(w show.Paper) string { return show.Scheduled(&bare, "upkeep", now, w) },
		"scheduled not":   func(w show.Paper) string { return show.Scheduled(&missed, "upkeep", now, w) },
		"windows closed":  func(w show.Paper) string { return show.When(when, now, w) },
		"windows open":    func(w show.Paper) string { return show.When(open, now, w) },
		"notifications":   func(w show.Paper) string { return show.Deliveries(list, now, w) },
		"notified nobody": func(w show.Paper) string { return show.Recipients(nil, "/etc/upkeep/shop.yaml", w) },
		"status scheduled": func(w show.Paper) string {
			return show.Status(manage.Status{Product: "shop", Document: "/etc/upkeep/shop.yaml", Scheduled: &s, When: when, Untold: list[1:]}, "upkeep", now, w)
		},
	}
}
