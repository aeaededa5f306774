package show_test

import (
	"maps"

	"upkeep/internal/cli/show"
	"upkeep/internal/drift"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
)

// reviewScreens are what a person is shown of a review.
func reviewScreens() map[string]func(width show.Paper) string {
	view := drift.Difference{Kind: "view", Name: "public.prices", How: drift.Changed, Want: "SELECT id, price\nFROM articles", Have: "SELECT id, price, tax\nFROM articles"}
	table := drift.Difference{Kind: "table", Name: "public.loyalty", How: drift.Added, Have: "TABLE loyalty"}
	by := func(v plan.Verdict, note string) *plan.Decision {
		return &plan.Decision{Verdict: v, By: "anna", At: "2026-03-04T21:30:00Z", Note: note}
	}
	edit := by(plan.Edited, "our column stays"+evil)
	edit.SHA256, edit.Diff = "b0382fac701d00", "--- migrations/020.sql (vendor)\n+++ migrations/020.sql (site)\n--- the list"+evil+"\n-SELECT id, price\n+SELECT id, price, tax\n FROM articles;\n"
	script := func(name string, d *plan.Decision, touches ...string) manage.ReviewScript {
		s := manage.ReviewScript{Reviewed: plan.Reviewed{Unit: "database", Release: "3.1", Hop: 1, Script: "migrations/" + name, SHA256: "5a5a", Decision: d, Touches: touches},
			Text: "-- the list" + evil + "\r\nDROP VIEW prices;\n\n\tSELECT 1;\n"}
		for _, t := range touches {
			s.Marks = append(s.Marks, manage.ReviewMarks{Object: t, Lines: []int{2}})
		}
		return s
	}
	stale := script("040.sql", nil, "view public.prices")
	stale.Stale = "anna decided it (approve) on 2026-03-01T10:00:00Z, and the customised objects that it mentions have changed since"
	r := &manage.Review{Product: "shop", From: "3.0", To: "3.1",
		Databases: []manage.ReviewDatabase{{Unit: "database", Standard: "the standard of release 3.0", Objects: []manage.ReviewObject{
			{Difference: table, Accepted: "what run 20260101-220000-77c9 left on 2026-01-01 22:00, on version 3.0"}, {Difference: view}}}},
		Scripts: []manage.ReviewScript{script("010.sql", by(plan.Approved, "")), script("020.sql", edit, "view public.prices"), script("030.sql", by(plan.DoneBy, "we have that index")), stale}}
	r.Scripts[1].Own = "SELECT id, price, tax\nFROM articles;\n"
	done := *r
	done.Scripts = r.Scripts[:3]
	blind := &manage.Review{Product: "shop", From: "3.0", To: "3.1", Databases: []manage.ReviewDatabase{{Unit: "database", Unknown: "account shop lacks EVENT on database shop"}}, Scripts: []manage.ReviewScript{script("010.sql", nil)}}
	p := shop()
	for _, s := range r.Scripts[:3] {
		p.Reviews = append(p.Reviews, s.Reviewed)
	}
	refusal := &plan.Refusal{Reasons: []string{"the database database is not migrated automatically: 2 objects differ from the standard of release 3.0, and what the scripts of the release do to it cannot be known. 1 script is left of 4 to be looked at and decided, one by one"},
		Customised: map[string]drift.Comparison{"database": {Differences: []drift.Difference{table, view}}}, Next: command + " review --from releases"}
	return map[string]func(width show.Paper) string{
		"review":              func(w show.Paper) string { return show.Review(r, command, " --from releases", w) },
		"review done":         func(w show.Paper) string { return show.Review(&done, command, " --from releases", w) },
		"review blind":        func(w show.Paper) string { return show.Review(blind, command, "", w) + show.ReviewScript(blind, 0, w) },
		"review nothing":      func(w show.Paper) string { return show.Review(&manage.Review{}, command, "", w) },
		"review script":       func(w show.Paper) string { return show.ReviewScript(r, 3, w) },
		"review script plain": func(w show.Paper) string { return show.ReviewScript(r, 0, w) },
		"review script own":   func(w show.Paper) string { return show.ReviewScript(r, 1, w) },
		"review refused":      func(w show.Paper) string { return show.Refusal(refusal, w) },
		"plan reviewed":       func(w show.Paper) string { return show.Plan(p, forecast, w) },
	}
}

const command = "upkeep --installation /etc/upkeep/shop.yaml"

// with adds screens to others.
func with(all map[string]func(show.Paper) string, more map[string]func(show.Paper) string) map[string]func(show.Paper) string {
	maps.Copy(all, more)
	return all
}
