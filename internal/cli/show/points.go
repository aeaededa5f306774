package show

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/manage"
	"upkeep/internal/plan"
)

// Points renders restore points, a line each.
func Points(now time.Time, width Paper, list ...manage.Listed) string {
	var out rows
	for _, p := range list {
		if p.Error != "" {
			out = append(out, []string{one(p.ID), Bad(one(p.Error))})
			continue
		}
		var about []string
		if len(p.Encrypted) > 0 {
			about = append(about, width.Word("encrypted"))
		}
		if p.Needed {
			about = append(about, "the way back")
		}
		if p.About.Note != "" {
			about = append(about, p.About.Note)
		}
		proof := "read back"
		if p.Restored() {
			proof = "data restored"
		}
		if p.Proof != nil {
			proof = width.Word(string(p.Proof.By)) + " " + p.Proof.At.Local().Format("2006-01-02")
		}
		out = append(out, []string{one(p.ID), one(p.About.Version), plan.Size(p.Size), width.Word(age(now.Sub(p.Made))), one(p.Engine) + ", " + width.Word(string(p.Consistency)), proof, faint.Render(one(strings.Join(about, "; ")))})
	}
	return table("  ", out, 6, width)
}

// age says for people how old something is.
func age(d time.Duration) string {
	switch days := int(d / (24 * time.Hour)); {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	case days < 2:
		return fmt.Sprintf("%d h", int(d/time.Hour))
	default:
		return fmt.Sprintf("%d days", days)
	}
}

// Created says what was made, what was removed for it, and what a person can
// remove.
func Created(c *manage.Created, command string, width Paper) string {
	var b strings.Builder
	b.WriteString(wrap(one("restore point "+c.ID+" is complete, and was read back"), green.Render("✓")+" ", "  ", width))
	b.WriteString(Points(c.Made, width, c.Listed))
	for _, id := range c.Removed {
		b.WriteString(wrap(one("restore point "+id+" was removed: the retention does not keep it"), "  - ", "    ", width))
	}
	if len(c.Old) > 0 {
		b.WriteString(wrap(one(fmt.Sprintf("made by hand and older than what is kept, so yours to remove: %s (%s backup remove POINT)", strings.Join(c.Old, ", "), command)), "  - ", "    ", width))
	}
	return b.String()
}

// Outlook says what a restore would do.
func Outlook(o *manage.Outlook, width Paper) string {
	var b strings.Builder
	from := o.Installed
	if from == "" {
		from = "a version that cannot be read"
	}
	b.WriteString(wrap(bold.Render(one(fmt.Sprintf("Restore point %s: %s → %s; nothing was touched", o.Point.ID, from, o.Point.About.Version))), "", "", width) + "\n")
	for _, c := range o.Changes {
		what := "is as it was: nothing would change"
		switch {
		case c.Same:
		case c.Kind == "files":
			what = fmt.Sprintf("%d files would come back, %d change, %d go", c.Added, c.Changed, c.Removed)
		default:
			what = "would be replaced: " + c.Replaced
		}
		b.WriteString(wrap(one(what), "  "+bold.Render(one(c.Part))+" ", "    ", width))
		for _, f := range c.Files {
			b.WriteString("    " + faint.Render(one(f)) + "\n")
		}
		if more := c.Added + c.Changed + c.Removed - len(c.Files); more > 0 {
			b.WriteString(faint.Render(fmt.Sprintf("    and %d more", more)) + "\n")
		}
	}
	if len(o.Services) > 0 {
		b.WriteString(wrap(one("stopped meanwhile: "+strings.Join(o.Services, ", ")), "  ", "    ", width))
	}
	if len(o.Mixed) > 0 {
		b.WriteString(wrap(one(fmt.Sprintf("%s would stay on another version: this is refused unless you say --mixed", strings.Join(o.Mixed, ", "))), yellow.Render("!")+" ", "  ", width))
	}
	b.WriteString(wrap(one("What users did since "+o.Point.Made.Local().Format("2006-01-02 15:04")+" would be lost."), "  ", "  ", width))
	return b.String()
}
