package show

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/lingua"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
)

// Review lists the scripts to be looked at, with what was decided.
func Review(r *manage.Review, command, release string, width Paper) string {
	if len(r.Scripts) == 0 {
		return wrap("nothing to review: no customised database is to be migrated by a script", green.Render("✓")+" ", "  ", width)
	}
	var b strings.Builder
	b.WriteString(ReviewHead(r, width) + "\n")
	for i := range r.Scripts {
		b.WriteString(reviewLine(&r.Scripts[i], width))
	}
	b.WriteString("\n" + ReviewNext(r, command, release, width))
	return b.String()
}

// ReviewHead says what is customised, and so why there is a review.
func ReviewHead(r *manage.Review, width Paper) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s %s\n", bold.Render("Review"), one(r.Product), faint.Render(way(r.From, r.To)))
	for _, d := range r.Databases {
		b.WriteString("\n")
		if d.Unknown != "" {
			b.WriteString(wrap(one(d.Unit+": what is customised is not known: "+d.Unknown), "  "+yellow.Render("?")+" ", "    ", width))
			continue
		}
		b.WriteString(wrap(one(fmt.Sprintf("%s is customised: %s from %s", d.Unit, count(len(d.Objects), "object differs", "objects differ"), d.Standard)), "  "+yellow.Render("!")+" ", "    ", width))
		var list rows
		for _, o := range d.Objects {
			list = append(list, []string{one(o.Object().ID()), yellow.Render(string(o.How)), accepted(o)})
		}
		b.WriteString(trimmed(table("    ", list, 2, width)))
	}
	return b.String()
}

// trimmed takes away the blanks at the ends of lines, which empty cells leave.
func trimmed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

func accepted(o manage.ReviewObject) string {
	if o.Accepted == "" {
		return ""
	}
	return faint.Render(one("accepted: it is " + o.Accepted))
}

func reviewLine(s *manage.ReviewScript, width Paper) string {
	sign, text := yellow.Render("☞"), "to be decided"
	if d := s.Decision; d != nil {
		sign, text = green.Render("✓"), verdict(*d)
	}
	out := wrap(one(s.Script)+"  "+text, "  "+sign+" ", "    ", width)
	if s.Stale != "" {
		out += wrap(one(s.Stale), "    ", "    ", width)
	}
	if len(s.Touches) > 0 {
		out += wrap(faint.Render(one("mentions "+strings.Join(s.Touches, ", "))), "    ", "    ", width)
	}
	return out
}

// verdict says what was decided, by whom and when.
func verdict(d plan.Decision) string {
	text := "approved"
	switch d.Verdict {
	case plan.Edited:
		text = fmt.Sprintf("edited by the site (sha256 %.12s)", d.SHA256)
	case plan.DoneBy:
		text = "done by hand, will not run"
	}
	text += fmt.Sprintf(" — %s, %s", d.By, day(d.At))
	if d.Note != "" {
		text += ": " + d.Note
	}
	return one(text)
}

// ReviewScript shows one script with its lines; those that mention a customised
// object are marked.
func ReviewScript(r *manage.Review, n int, width Paper) string {
	s := &r.Scripts[n]
	var b strings.Builder
	b.WriteString(table("", rows{{faint.Render(fmt.Sprintf("%d of %d", n+1, len(r.Scripts))), bold.Render(one(s.Script)), faint.Render(one(s.Unit + ", release " + s.Release))}}, 1, width))
	if s.Decision != nil {
		b.WriteString(wrap(verdict(*s.Decision), "  "+green.Render("✓")+" ", "    ", width))
	}
	if s.Stale != "" {
		b.WriteString(wrap(one(s.Stale), "  "+yellow.Render("!")+" ", "    ", width))
	}
	marked := map[int]bool{}
	db := r.Database(s.Unit)
	switch {
	case db.Unknown != "":
		b.WriteString(wrap("which objects are customised is not known: look at every line", "  "+yellow.Render("?")+" ", "    ", width))
	case len(s.Marks) == 0:
		b.WriteString(wrap("it mentions no customised object by name", "  "+green.Render("✓")+" ", "    ", width))
	}
	for _, m := range s.Marks {
		for _, l := range m.Lines {
			marked[l] = true
		}
		i := slices.IndexFunc(db.Objects, func(o manage.ReviewObject) bool { return o.Object().ID() == m.Object })
		if i < 0 {
			continue
		}
		o := db.Objects[i]
		text := fmt.Sprintf("%s, %s here, in %s", m.Object, o.How, lineNumbers(m.Lines))
		if o.Accepted != "" {
			text += "; accepted: it is " + o.Accepted
		}
		b.WriteString(wrap(one(text), "  "+yellow.Render("!")+" ", "    ", width))
		for _, h := range o.Hunks() {
			for _, l := range h.Lines {
				b.WriteString("      " + diffLine(l) + "\n")
			}
		}
	}
	b.WriteString("\n" + numbered(s.Text, marked))
	if s.Own != "" {
		b.WriteString("\n" + wrap("the site's own, which takes its place:", "  ", "  ", width) + diffText(s.Decision.Diff, "  "))
	}
	return b.String()
}

func lineNumbers(lines []int) string {
	const most = 8
	var parts []string
	for i, l := range lines {
		if i == most {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, fmt.Sprint(l))
	}
	if len(lines) == 1 {
		return "line " + parts[0]
	}
	return "lines " + strings.Join(parts, ", ")
}

// numbered is never broken nor cut: what is decided must be seen as it is.
func numbered(text string, marked map[int]bool) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
		n++
		line = strings.TrimRight(Clean(strings.ReplaceAll(line, "\t", "    ")), " \r\n")
		sign, number := " ", faint.Render(fmt.Sprintf("%4d", n))
		if marked[n] {
			sign, line = yellow.Render("▸"), bold.Render(line)
		}
		b.WriteString(lingua.Verbatim + strings.TrimRight(sign+number+"  "+line, " ") + "\n")
	}
	return b.String()
}

// diffText colours a diff that was made before.
func diffText(text, indent string) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = Clean(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "))
		line = strings.TrimRight(line, " ")
		switch {
		case n <= 2: // which two texts
			line = faint.Render(line)
		case strings.HasPrefix(line, "-"):
			line = red.Render(line)
		case strings.HasPrefix(line, "+"):
			line = green.Render(line)
		default:
			line = faint.Render(line)
		}
		b.WriteString(indent + lingua.Verbatim + line + "\n")
	}
	return b.String()
}

// ReviewQuestion asks what becomes of a script.
func ReviewQuestion() string {
	return "\n" + blue.Render("?") + " " + bold.Render("a") + "pprove, " + bold.Render("e") + "dit, mark as " + bold.Render("d") + "one, or " + bold.Render("s") + "top for now: "
}

// Decided says what was recorded of a script.
func Decided(s *manage.ReviewScript, width Paper) string {
	out := wrap(one(s.Script)+": "+verdict(*s.Decision), green.Render("✓")+" ", "  ", width)
	if s.Decision.Diff != "" {
		out += diffText(s.Decision.Diff, "  ")
	}
	return out
}

// ReviewNext says how far the review is, and what to type next.
func ReviewNext(r *manage.Review, command, release string, width Paper) string {
	open := r.Open()
	if len(open) == 0 {
		return wrap(bold.Render(fmt.Sprintf("all %d scripts are decided; the plan says what becomes of each", len(r.Scripts))), green.Render("✓")+" ", "  ", width) +
			wrap(one(command+" upgrade"+release), "  → ", "    ", width)
	}
	next := Quote(open[0].Script)
	return wrap(bold.Render(fmt.Sprintf("%d of %d scripts are decided; what was decided is kept", len(r.Scripts)-len(open), len(r.Scripts))), yellow.Render("☞")+" ", "  ", width) +
		wrap(one(fmt.Sprintf("%s review%s goes on, one by one; or for the next one, %s:", command, release, open[0].Script)), "  ", "  ", width) +
		"    " + one(fmt.Sprintf("%s review show %s%s", command, next, release)) + "\n" +
		"    " + one(fmt.Sprintf("%s review approve %s%s", command, next, release)) + "\n" +
		"    " + one(fmt.Sprintf("%s review edit %s --file FILE%s", command, next, release)) + "\n" +
		"    " + one(fmt.Sprintf("%s review done %s --note TEXT%s", command, next, release)) + "\n"
}

// planReviews is the part of a plan that says what becomes of the scripts for a
// customised database.
func planReviews(p *plan.Plan, width Paper) string {
	if len(p.Reviews) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(heading("Scripts for a customised database"))
	for _, s := range p.Reviews {
		if s.Decision == nil {
			continue
		}
		b.WriteString(wrap(one(s.Script)+"  "+verdict(*s.Decision), "  "+green.Render("✓")+" ", "    ", width))
		if len(s.Touches) > 0 {
			b.WriteString(wrap(faint.Render(one("mentions "+strings.Join(s.Touches, ", "))), "    ", "    ", width))
		}
		b.WriteString(diffText(s.Decision.Diff, "    "))
	}
	return b.String() + "\n"
}

// unreviewed says in a refusal what is customised.
func unreviewed(r *plan.Refusal, width Paper) string {
	var b strings.Builder
	for _, unit := range slices.Sorted(maps.Keys(r.Customised)) {
		c := r.Customised[unit]
		var list rows
		for _, d := range c.Differences {
			list = append(list, []string{one(d.Object().ID()), yellow.Render(string(d.How))})
		}
		if len(list) > 0 {
			b.WriteString(wrap(one("customised in "+unit+":"), "  ", "  ", width) + table("    ", list, 1, width))
		}
	}
	if r.Next != "" {
		b.WriteString(wrap(bold.Render(one(r.Next)), "  → ", "    ", width))
	}
	return b.String()
}
