package show_test

import (
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// watchScreens are what is known of releases.
func watchScreens() map[string]func(show.Paper) string {
	day := opened.Add(-72 * time.Hour)
	seen := manage.Watch{Feed: "https://releases.example.org/shop", Signed: true, Looked: now.Add(-20 * time.Minute), Tried: now.Add(-20 * time.Minute), Order: "dotted",
		Published: manage.Seen{Version: "3.2", At: day, First: opened}}
	status := func(change func(w *manage.Watching)) func(show.Paper) string {
		w := manage.Watching{Watch: seen, Installed: []string{"3.1"}, Behind: true, Timer: true}
		change(&w)
		return func(width show.Paper) string {
			return show.Status(manage.Status{Product: "shop", Document: "/etc/upkeep/shop.yaml", Watching: &w}, "upkeep", now, width)
		}
	}
	view := &manage.FeedView{Feed: "https://example.org/releases.xml", Product: "shop", Looked: now.Add(-20 * time.Minute), Tried: now.Add(-20 * time.Minute), Told: true, Doubt: true,
		Installed: []manage.FeedUnit{{Unit: "app", Version: "3.1", Since: opened, Detected: "3.1"}}, Releases: []manage.FeedRelease{{Version: "3.2", Published: day, Seen: opened, Here: "nothing"}},
		Detected: manage.Seen{Version: "3.1", At: day}}
	return map[string]func(show.Paper) string{
		"watching newer":      status(func(w *manage.Watching) { w.Fetched = &manage.Prefetched{Version: "3.2", At: opened} }),
		"watching up to date": status(func(w *manage.Watching) { w.Behind, w.Published.Version = false, "3.1" }),
		"watching by a page":  status(func(w *manage.Watching) { w.Signed, w.Published.At = false, time.Time{} }),
		"watching failing": status(func(w *manage.Watching) {
			w.Problem, w.Since = "cannot see which version is published: cannot read http https://example.org/releases.xml: no route to host", opened
		}),
		"watching lost": status(func(w *manage.Watching) { w.Lost, w.Timer, w.Looked = true, false, day }),
		"watching late": status(func(w *manage.Watching) {
			w.Detected, w.Late = manage.Seen{Version: "3.1", At: day}, 50*time.Hour
		}),
		"watching not installed": status(func(w *manage.Watching) {
			w.Install = &manage.AutoInstall{Version: "3.2", At: opened, Why: "its upgrade failed, and the product is as it was: upkeep runs show says why\x1b[2J"}
			w.Fetched = &manage.Prefetched{Version: "3.2", At: opened, Problem: "no space left on device"}
		}),
		"feed told": func(width show.Paper) string { return show.Feed(view, "upkeep", now, width) },
	}
}
