package show

import (
	"fmt"
	"strings"

	"upkeep/internal/plan"
)

// Plan renders a plan as the administrator sees it before she says yes.
func Plan(p *plan.Plan, f plan.Forecast, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s → %s    %s\n\n", bold.Render(Clean(p.Product)), p.From, bold.Render(p.To), faint.Render("plan "+p.ID()))
	b.WriteString(planInstances(p))
	b.WriteString(planRoute(p, width))
	b.WriteString(planSteps(p, f))
	b.WriteString(planFailure(p, width))
	b.WriteString(planRoom(f))
	if len(p.Notes) > 0 {
		b.WriteString(heading("To know"))
		for _, n := range p.Notes {
			b.WriteString(wrap(Clean(n), "  - ", "    ", width))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func heading(text string) string { return bold.Render(text) + "\n" }

func planInstances(p *plan.Plan) string {
	var rows [][]string
	for _, i := range p.Instances {
		change := i.From + " → " + i.To
		if i.From == i.To {
			change = i.From + " (stays)"
		}
		if i.From == "" && i.To == "" {
			change = faint.Render("no version of its own")
		}
		at := i.At
		if at == "" {
			at = i.Kind
		}
		rows = append(rows, []string{Clean(i.Component), Clean(change), faint.Render(Clean(at))})
	}
	return heading("What changes") + columns("  ", rows) + "\n"
}

func planRoute(p *plan.Plan, width int) string {
	if len(p.Hops) < 2 {
		return ""
	}
	var b strings.Builder
	b.WriteString(heading("The way"))
	way := p.From
	for _, h := range p.Hops {
		way += " → " + h.To
	}
	b.WriteString("  " + way + "\n")
	for _, h := range p.Hops {
		if h.Why != "" {
			b.WriteString(wrap(Clean(h.Why), "  ", "  ", width))
		}
	}
	where := "back to " + p.From
	if p.OnFailure == "stay" {
		where = "back to the last version that was verified"
	}
	fmt.Fprintf(&b, "  One outage; every version is verified, with a restore point of its own. If a later hop fails: %s.\n\n", where)
	return b.String()
}

// part is a stretch of the plan under one heading.
type part struct {
	title string
	steps []plan.Step
}

// parts cuts the steps into before, outage and after, by what users see.
func parts(p *plan.Plan, f plan.Forecast) []part {
	out := []part{{title: "While users work"}, {title: "Outage, about " + Duration(f.Outage)}, {title: "Users are in again"}}
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

func planSteps(p *plan.Plan, f plan.Forecast) string {
	var b strings.Builder
	n := 0
	for _, part := range parts(p, f) {
		if len(part.steps) == 0 {
			continue
		}
		b.WriteString(heading(part.title))
		var rows [][]string
		phase := ""
		for _, s := range part.steps {
			if s.Verb == plan.VerbBarrier {
				rows = append(rows, []string{"", "", yellow.Render("── barrier"), yellow.Render(s.Title)})
				continue
			}
			if s.Class == plan.Control {
				rows = append(rows, []string{"", "", green.Render("── milestone"), green.Render(Clean(s.Title))})
				continue
			}
			n++
			as := ""
			if s.As != "" {
				as = faint.Render("as " + s.As)
			}
			ph := ""
			if s.Phase != phase {
				phase = s.Phase
				ph = faint.Render(phase)
			}
			rows = append(rows, []string{faint.Render(fmt.Sprintf("%3d", n)), ph, s.ID, Clean(s.Title), as})
		}
		b.WriteString(columns(" ", rows) + "\n")
	}
	return b.String()
}

func planFailure(p *plan.Plan, width int) string {
	var b strings.Builder
	b.WriteString(heading("If something fails, or you cancel"))
	say := func(when, what string) { b.WriteString(wrap(what, "  "+when+": ", "    ", width)) }
	say("before the outage", "nothing of the product has changed; what was unpacked is removed")
	_, waived := p.Waivers["backup"]
	switch {
	case waived:
		say("in the outage", "the old files are put back, but there is no restore point: data that a migration changed stays changed")
	default:
		say("in the outage", fmt.Sprintf("files, services and data are put back to %s, compared, and users are let in again", p.From))
	}
	say("after the barrier", fmt.Sprintf("users work on %s; what remains can be tried again with upkeep resume", p.To))
	say("power cut, kill, lost connection", "the same: any upkeep command, or upkeep resume, goes on where it stopped")
	b.WriteString("\n")
	return b.String()
}

func planRoom(f plan.Forecast) string {
	if len(f.Space) == 0 {
		return ""
	}
	var rows [][]string
	for _, n := range f.Space {
		where := n.Places[0]
		if more := len(n.Places) - 1; more > 0 {
			where += fmt.Sprintf(" and %d more on its volume", more)
		}
		rows = append(rows, []string{Clean(where), "needs " + plan.Size(n.Bytes), "of " + plan.Size(n.Free) + " free"})
	}
	return heading("Room") + columns("  ", rows) + "\n"
}
