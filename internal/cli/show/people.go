package show

import (
	"fmt"
	"strings"

	"upkeep/internal/plan"
)

// People lists what people do, answer and look at before a run opens, what is
// open first.
func People(all []plan.Asked, command, from string, width Paper) string {
	var b strings.Builder
	for _, open := range []bool{true, false} {
		for _, a := range all {
			if a.Open() == open {
				b.WriteString(asked(a, command, from, width))
			}
		}
	}
	return b.String()
}

// planPeople is the part of a plan that people do before it opens.
func planPeople(p *plan.Plan, width Paper) string {
	if len(p.People) == 0 {
		return ""
	}
	return heading("Before it starts, people") + People(p.People, "", "", width) + "\n"
}

// Unready says that the run cannot open yet, and what to type.
func Unready(open []plan.Asked, command, from string, width Paper) string {
	return wrap(bold.Render("the upgrade cannot start yet: people come first; nothing was changed"), red.Render("✗")+" ", "  ", width) +
		People(open, command, from, width)
}

func asked(a plan.Asked, command, from string, width Paper) string {
	text := a.ID + ": " + a.Text
	if a.Kind == plan.AskedFinding {
		text = a.ID + ", found: " + a.Text
	}
	if !a.Open() {
		said := fmt.Sprintf("— %s said so on %s", a.Word.By, day(a.Word.At))
		if a.Kind == plan.AskedAnswer {
			said = fmt.Sprintf("— %s, answered %s on %s", a.Word.Value, a.Word.By, day(a.Word.At))
		}
		if a.Word.Note != "" {
			said += ": " + a.Word.Note
		}
		return wrap(one(text)+" "+faint.Render(one(said)), "  "+green.Render("✓")+" ", "    ", width)
	}
	var b strings.Builder
	b.WriteString(wrap(one(text), "  "+yellow.Render("☞")+" ", "    ", width) + about(&a.Task, "    ", width))
	if len(a.Want) > 0 {
		b.WriteString(wrap(one("wanted is "+strings.Join(a.Want, " or ")), "    ", "    ", width))
	}
	if a.Lacks != "" {
		b.WriteString(wrap(one("not yet: "+a.Lacks), "    ", "    ", width))
	}
	if command != "" {
		b.WriteString("    " + bold.Render(one(typed(a, command, from))) + "\n")
	}
	return b.String()
}

// typed is the line that settles what is asked.
func typed(a plan.Asked, command, from string) string {
	switch a.Kind {
	case plan.AskedAnswer:
		return fmt.Sprintf("%s plan%s --answer %s=VALUE", command, from, a.ID)
	case plan.AskedFinding:
		return fmt.Sprintf("%s done %s%s --note 'WHAT CAME OF IT'", command, a.ID, from)
	}
	return fmt.Sprintf("%s done %s%s", command, a.ID, from)
}

func day(at string) string {
	if len(at) < len("2006-01-02T15:04") {
		return at
	}
	return strings.Replace(at[:len("2006-01-02T15:04")], "T", " ", 1) + " UTC"
}

// AskFor asks for one answer.
func AskFor(a plan.Asked, width Paper) string {
	text := wrap(bold.Render(one(a.Text)), blue.Render("?")+" ", "  ", width) + about(&a.Task, "  ", width)
	if len(a.Want) > 0 {
		text += wrap(one("wanted is "+strings.Join(a.Want, " or ")), "  ", "  ", width)
	}
	return text + fmt.Sprintf("  %s (empty: not now): ", one(a.ID))
}
