package show

import (
	"fmt"
	"strings"

	"upkeep/internal/manage"
)

// Readiness renders the findings, what is wrong first. The line that waives
// a check is printed with it.
func Readiness(r manage.Readiness, command, from string, width Paper) string {
	var b strings.Builder
	if r.UpToDate {
		return UpToDate("the product", r.Installed)
	}
	fmt.Fprintf(&b, "%s  %s\n\n", bold.Render(width.Word("Readiness")), way(r.Installed, r.To))
	for _, open := range []bool{true, false} {
		for _, f := range r.Findings {
			if (!f.OK && f.Waived == "") == open {
				b.WriteString(finding(f, command, from, width))
			}
		}
	}
	switch {
	case r.Blocked():
		b.WriteString("\n" + wrap(bold.Render("the upgrade cannot start yet"), red.Render("✗")+" ", "  ", width))
	case r.Warned():
		b.WriteString("\n" + wrap("the upgrade can start; look at the warnings first", yellow.Render("!")+" ", "  ", width))
	default:
		b.WriteString("\n" + Good(width.Word("ready")) + "\n")
	}
	return b.String()
}

// Changed renders what stands otherwise than before, under the time of the look.
func Changed(at string, changed []manage.Finding, command, from string, width Paper) string {
	var b strings.Builder
	b.WriteString("\n" + faint.Render(at) + "\n")
	for _, f := range changed {
		b.WriteString(finding(f, command, from, width))
	}
	return b.String()
}

func finding(f manage.Finding, command, from string, width Paper) string {
	var b strings.Builder
	line := func(mark string) { b.WriteString(wrap(Clean(f.ID+": "+f.Text()), mark+" ", "  ", width)) }
	switch {
	case f.OK:
		line(green.Render("✓"))
		return b.String()
	case f.Waived != "":
		line(yellow.Render("!"))
		b.WriteString(wrap(Clean("waived by "+f.Waived), "    ", "    ", width))
		return b.String()
	case f.Level == "blocker":
		line(red.Render("✗"))
	case f.Level == "warning":
		line(yellow.Render("!"))
	default:
		line(blue.Render("i"))
	}
	if f.Effect != "" {
		b.WriteString(wrap(Clean("otherwise: "+f.Effect), "    ", "    ", width))
	}
	if f.Fix != "" {
		b.WriteString(wrap(Clean(f.Fix), "  → ", "    ", width))
	}
	if f.Fixable {
		b.WriteString(wrap(Clean(fmt.Sprintf("to have it done: %s check --fix%s", command, from)), "    ", "      ", width))
	}
	if f.Reference != "" {
		b.WriteString(wrap(Clean("see "+f.Reference), "    ", "    ", width))
	}
	if f.Waivable {
		b.WriteString(wrap(Clean(fmt.Sprintf("to accept it: %s upgrade%s --waive '%s=REASON'", command, from, f.ID)), "    ", "      ", width))
	}
	return b.String()
}
