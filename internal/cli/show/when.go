package show

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manage"
)

// Date is a moment with its day, in the zone that it is given in.
func Date(t time.Time) string { return t.Format("Mon 2 Jan 2006 15:04 MST") }

// When says when upgrades may begin.
func When(w manage.When, now time.Time, width Paper) string {
	var b strings.Builder
	b.WriteString(wrap(bold.Render("Upgrades begin "+one(w.Text)), "", "", width))
	line := func(mark, text string) { b.WriteString(wrap(one(text), "  "+mark+" ", "    ", width)) }
	switch {
	case !w.Open && w.Frozen != "":
		line(yellow.Render("!"), "none begins now: "+w.Frozen)
	case !w.Open:
		line(blue.Render("·"), "closed now")
	case w.Bound && !w.Until.IsZero():
		line(green.Render("✓"), "open now, until "+Date(w.Until))
	}
	if !w.Open && !w.Next.IsZero() {
		line(blue.Render("·"), fmt.Sprintf("the next window opens on %s, in %s", Date(w.Next), age(w.Next.Sub(now))))
	} else if !w.Open {
		line(yellow.Render("!"), "no window opens within a year")
	}
	for _, f := range w.Freezes {
		line(blue.Render("·"), fmt.Sprintf("nothing begins from %s to %s: %s", Date(f.From), Date(f.Until), f.Why))
	}
	if w.Auto != "" {
		line(blue.Render("·"), "by themselves, with new releases: "+w.Auto)
	}
	return b.String()
}

// Scheduled says what begins by itself, or why it did not.
func Scheduled(s *manage.Scheduled, command string, now time.Time, width Paper) string {
	var b strings.Builder
	way := one(s.From) + " → " + one(s.To)
	if !s.Pending() {
		b.WriteString(wrap(bold.Render(one(fmt.Sprintf("the upgrade scheduled for %s was not started", Date(s.At)))), yellow.Render("!")+" ", "  ", width))
		b.WriteString(wrap(one(s.Why), "  ", "  ", width))
		return b.String() + table("  ", rows{{faint.Render("again"), command + " upgrade --at WHEN"}, {faint.Render("forget it"), command + " schedule cancel"}}, 1, width)
	}
	in := "now"
	if s.At.After(now) {
		in = "in " + age(s.At.Sub(now))
	}
	b.WriteString(wrap(bold.Render(one(fmt.Sprintf("%s begins by itself on %s", s.Subject, Date(s.At))))+faint.Render(", "+in), blue.Render("▸")+" ", "  ", width))
	list := rows{{faint.Render("upgrade"), way}, {faint.Render("plan"), fmt.Sprintf("%.12s, agreed to by %s", s.Plan, one(s.By))}}
	if s.Outage > 0 {
		list = append(list, []string{faint.Render("outage"), "about " + Duration(s.Outage)})
	}
	if s.Total > 0 {
		list = append(list, []string{faint.Render("ends"), "about " + Date(s.At.Add(s.Total))})
	}
	if len(s.Told) > 0 {
		list = append(list, []string{faint.Render("told"), one(told(s.Told))})
	}
	if s.NoTimer {
		list = append(list, []string{yellow.Render("no timer"), "something else gives " + command + " schedule start at that time"})
	}
	list = append(list, []string{faint.Render("not begin"), command + " schedule cancel"})
	return b.String() + table("  ", list, 1, width)
}

func told(by map[string]time.Time) string {
	seen := map[string]bool{}
	var out []string
	for key := range by {
		id, _, _ := strings.Cut(key, "/")
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return strings.Join(slices.Sorted(slices.Values(out)), ", ")
}

// Recipients says who is told of what.
func Recipients(list []manage.Recipient, document string, width Paper) string {
	if len(list) == 0 {
		return wrap("Nobody is told of anything: notifications: in "+one(document)+" names people and programs.", "", "", width)
	}
	var out rows
	for _, r := range list {
		var events []string
		for _, e := range r.Events {
			events = append(events, string(e))
		}
		what := strings.Join(events, ", ")
		if len(r.Before) > 0 {
			what += "; before an upgrade: " + strings.Join(r.Before, ", ")
		}
		out = append(out, []string{one(r.ID), one(r.How), faint.Render(r.For), one(what)})
	}
	return table("", out, 3, width)
}

// Deliveries says what came of telling people.
func Deliveries(list []manage.Delivery, now time.Time, width Paper) string {
	var b strings.Builder
	for _, d := range list {
		text := fmt.Sprintf("%s, %s: %s", d.ID, d.How, d.Title)
		if ago := now.Sub(d.At); ago > time.Minute {
			text = d.At.Local().Format("2006-01-02 15:04") + "  " + text
		}
		mark := green.Render("✓")
		if d.Problem != "" {
			mark = red.Render("✗")
		}
		b.WriteString(wrap(one(text), mark+" ", "  ", width))
		if d.Problem != "" {
			b.WriteString(wrap(one(fmt.Sprintf("%s (tried %s)", d.Problem, times(d.Tries))), "  ", "  ", width))
		}
	}
	return b.String()
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
