package show

import (
	"slices"
	"strings"

	"upkeep/internal/feature"
	"upkeep/internal/plan"
)

// Features renders what a release offers, group by group: what is chosen, what
// can be added, and what cannot with why.
func Features(release string, list []feature.State, refused []string, command, from string, width Paper) string {
	var b strings.Builder
	b.WriteString(bold.Render("Features of "+one(release)) + "\n")
	group, addable := "", ""
	for _, f := range list {
		if f.Hidden && !f.Chosen {
			continue
		}
		if f.Group != group {
			group = f.Group
			how := ""
			if f.One {
				how = faint.Render(" (one of)")
			}
			b.WriteString("\n" + bold.Render(one(group)) + how + "\n")
		}
		mark, why := faint.Render("·"), ""
		switch {
		case f.Locked:
			mark, why = green.Render("✓"), f.Why+", cannot be taken out"
		case f.Chosen:
			mark, why = yellow.Render("+"), f.Why
		case f.Why != "":
			mark, why = faint.Render("–"), "not now: "+f.Why
		case addable == "" && len(f.Components) > 0:
			addable = f.Path
		}
		name := f.Path
		if f.Title != "" {
			name += ": " + f.Title
		}
		if f.Source != "" {
			why = strings.TrimPrefix(why+", from "+f.Source, ", ")
		}
		indent := strings.Repeat("  ", 1+strings.Count(f.Path, "/"))
		b.WriteString(wrap(one(name), indent+mark+" ", indent+"  ", width))
		if why != "" {
			for line := range strings.Lines(wrap(one(why), indent+"    ", indent+"    ", width)) {
				b.WriteString(faint.Render(strings.TrimRight(line, "\n")) + "\n")
			}
		}
	}
	for _, r := range refused {
		b.WriteString("\n" + wrap(one(r), red.Render("✗")+" ", "  ", width))
	}
	if addable != "" && len(refused) == 0 {
		b.WriteString("\n" + wrap(one("To add one: "+command+" plan"+from+" --choose "+Quote(addable)), "", "  ", width))
	}
	return b.String()
}

// planFeatures lists what is added, after what is there.
func planFeatures(p *plan.Plan, width Paper) string {
	if len(p.Choices) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(heading(width.Word("Features")))
	var stays []string
	for _, f := range p.Choices {
		if !slices.Contains(p.Added, f) {
			stays = append(stays, f)
		}
	}
	if len(p.Added) > 0 {
		b.WriteString(wrap(one(strings.Join(p.Added, ", ")), "  + added  ", "           ", width))
	}
	if len(stays) > 0 {
		b.WriteString(wrap(one(strings.Join(stays, ", ")), "  ✓ stay   ", "           ", width))
	}
	return b.String() + "\n"
}
