package show

import (
	"fmt"
	"strings"

	"upkeep/internal/plan"
)

// Plan renders a plan as the administrator sees it before she says yes.
func Plan(p *plan.Plan, f plan.Forecast, width Paper) string {
	var b strings.Builder
	what := way(p.From, p.To)
	if p.First() {
		what = "install " + way(p.To)
	}
	b.WriteString(table("", rows{{bold.Render(one(p.Subject())), what, faint.Render("plan " + p.ID())}}, 1, width) + "\n")
	b.WriteString(planInstances(p, width))
	b.WriteString(planFeatures(p, width))
	b.WriteString(planRoute(p, width))
	b.WriteString(planVouch(p, f, width))
	b.WriteString(planPeople(p, width))
	b.WriteString(edited(mergedFiles(p), width))
	b.WriteString(planReviews(p, width))
	b.WriteString(planSteps(p, f, width))
	b.WriteString(planRights(p, width))
	b.WriteString(planFailure(p, f.Alone, width))
	b.WriteString(planRoom(f, width))
	b.WriteString(planGoes(f, width))
	if len(p.Notes) > 0 {
		b.WriteString(heading("To know"))
		for _, n := range p.Notes {
			b.WriteString(wrap(one(n), "  - ", "    ", width))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func heading(text string) string { return bold.Render(text) + "\n" }

// way writes versions one after the other.
func way(versions ...string) string { return one(strings.Join(versions, " → ")) }

func planInstances(p *plan.Plan, width Paper) string {
	var list rows
	for _, i := range p.Instances {
		change := way(i.From, i.To)
		if i.From == i.To {
			change = one(i.From) + " (stays)"
		}
		switch {
		case i.Gone:
			change = strings.TrimSpace(one(i.From) + " (is taken away)")
		case (p.First() || i.Added > 0) && i.To != "":
			change = one(i.To) + " (new)"
		case i.Added > 0:
			change = width.Word("new")
		case i.From == "" && i.To == "":
			change = faint.Render("no version of its own")
		case i.To == "":
			change = one(i.From) + " (migrated; the release does not say to what)"
		}
		at := i.At
		if at == "" {
			at = i.Kind
		}
		list = append(list, []string{one(i.Unit()), change, faint.Render(one(at))})
	}
	return heading("What changes") + table("  ", list, 2, width) + "\n"
}

func planRoute(p *plan.Plan, width Paper) string {
	if len(p.Hops) < 2 {
		return ""
	}
	var b strings.Builder
	b.WriteString(heading("The way"))
	versions := []string{p.From}
	for _, h := range p.Hops {
		versions = append(versions, h.To)
	}
	b.WriteString(wrap(way(versions...), "  ", "  ", width))
	for _, h := range p.Hops {
		if h.Why != "" {
			b.WriteString(wrap(one(h.Why), "  ", "  ", width))
		}
	}
	where := "back to " + p.From
	if p.OnFailure == "stay" {
		where = "back to the last version that was verified"
	}
	b.WriteString(wrap(one("One outage; every version is verified, with a restore point of its own. If a later hop fails: "+where+"."), "  ", "  ", width) + "\n")
	return b.String()
}

// planVouch says who stands for what would be installed.
func planVouch(p *plan.Plan, f plan.Forecast, width Paper) string {
	if p.Trigger == plan.TriggerBack {
		return "" // what was installed before
	}
	text := one(p.Vouched())
	text = strings.ToUpper(text[:1]) + text[1:]
	switch {
	case p.Vouch == nil:
		text = faint.Render(text)
	case p.Vouch.Unsigned != "":
		text = yellow.Render(text)
	case !f.Seen.IsZero():
		text += ", seen " + f.Seen.Local().Format("2006-01-02 15:04")
	}
	if f.Fetch > 0 {
		text += "; " + plan.Size(f.Fetch) + " of it are fetched before the run begins"
	}
	return wrap(text+".", "", "", width) + "\n"
}

// part is a stretch of the plan under one heading.
type part struct {
	title string
	steps []plan.Step
}

// parts cuts the steps into before, outage and after, by what users see.
func parts(p *plan.Plan, f plan.Forecast) []part {
	out := []part{{title: "While users work"}, {title: "Outage, about " + Duration(f.Outage)}, {title: "Users are in again"}}
	if p.First() {
		return []part{{title: "What is done, in about " + Duration(f.Total), steps: p.Steps}}
	}
	at := 0
	for _, s := range p.Steps {
		if s.Down && at == 0 {
			at = 1
		}
		out[at].steps = append(out[at].steps, s)
		if s.Up && at == 1 {
			at = 2
		}
	}
	return out
}

func planSteps(p *plan.Plan, f plan.Forecast, width Paper) string {
	var b strings.Builder
	n := 0
	for _, part := range parts(p, f) {
		if len(part.steps) == 0 {
			continue
		}
		b.WriteString(heading(part.title))
		var list rows
		for _, s := range part.steps {
			switch {
			case s.Verb == plan.VerbBarrier:
				list = append(list, []string{yellow.Render(" ──"), yellow.Render(width.Word("barrier")), yellow.Render(one(s.Title)), ""})
				continue
			case s.Class == plan.Control:
				list = append(list, []string{green.Render(" ──"), green.Render(width.Word("milestone")), green.Render(one(s.Title)), ""})
				continue
			}
			n++
			as := ""
			if s.As != "" {
				as = faint.Render("as " + one(s.As))
			}
			list = append(list, []string{faint.Render(fmt.Sprintf("%3d", n)), one(s.ID), one(s.Title), as})
		}
		b.WriteString(stepTable(list, width) + "\n")
	}
	return b.String()
}

// stepTable lays steps out; where it is narrow, their ids make room for what
// they do.
func stepTable(list rows, width Paper) string {
	list = list.in(width)
	if cols, ok := list.fit(" ", 2, width); !ok || cols[2] < min(list.widths()[2], 36) {
		return table(" ", list.without(1), 1, width)
	}
	return table(" ", list, 2, width)
}

// planFailure says what a failure at each stage means. It must stay true for
// every way in which users are kept out.
func planFailure(p *plan.Plan, alone bool, width Paper) string {
	var b strings.Builder
	b.WriteString(heading("If something fails, or you cancel"))
	say := func(when, what string) { b.WriteString(wrap(one(what), "  "+when+": ", "    ", width)) }
	interrupted := "the run goes on where it stopped, with the next upkeep command"
	if alone {
		interrupted = "the run goes on where it stopped, by itself"
	}
	if p.First() {
		say("up to the barrier", "all that was made is taken away again: files, folders, data; databases are empty again")
		say("after the barrier", fmt.Sprintf("%s is installed; what still fails waits for you, and can be tried again", p.To))
		say("power cut, kill, lost connection", interrupted)
		b.WriteString("\n")
		return b.String()
	}
	_, waived := p.Waivers["backup"]
	data := fmt.Sprintf("files, services and data are put back to %s, compared, and users are let in again", p.From)
	switch {
	case waived:
		data = "the old files are put back, but there is no restore point: data that a migration changed stays changed"
	case p.OnFailure == "stay" && len(p.Hops) > 1:
		data = fmt.Sprintf("files, services and data are put back to the last version that was verified, otherwise to %s, compared, and users are let in again", p.From)
	}
	say("before the outage", "what was unpacked is removed, and what was changed for the run is put back")
	if p.Closed == "stopped" {
		say("up to the barrier", data)
		say("after the barrier", fmt.Sprintf("there is no way back within the run. If %s does not start or is not verified, the run waits for you; the restore point can be put back once it is over", p.To))
	} else {
		say("in the outage", data)
		say("after the barrier", fmt.Sprintf("users work on %s; what still fails waits for you, and can be tried again", p.To))
	}
	say("power cut, kill, lost connection", interrupted)
	b.WriteString("\n")
	return b.String()
}

// planGoes names the restore points that will not be kept.
func planGoes(f plan.Forecast, width Paper) string {
	if len(f.Goes) == 0 {
		return ""
	}
	return heading("Restore points that go at the end, as things are now") + wrap(one(strings.Join(f.Goes, ", ")), "  ", "  ", width) + "\n"
}

func planRoom(f plan.Forecast, width Paper) string {
	if len(f.Space) == 0 {
		return ""
	}
	var list rows
	for _, n := range f.Space {
		where := n.Places[0]
		if more := len(n.Places) - 1; more > 0 {
			where += fmt.Sprintf(" and %d more on its volume", more)
		}
		list = append(list, []string{one(where), "needs " + plan.Size(n.Bytes), "of " + plan.Size(n.Free) + " free"})
	}
	return heading(width.Word("Room")) + table("  ", list, 0, width) + "\n"
}
