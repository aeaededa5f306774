package show

import (
	"fmt"
	"strings"

	"upkeep/internal/drift"
	"upkeep/internal/lingua"
	"upkeep/internal/manage"
)

// Drift renders what differs from the vendor's standard.
func Drift(d manage.Drift, width Paper) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s %s\n", bold.Render(width.Word("Drift")), Clean(d.Installation), faint.Render(Clean("release "+d.Version)))
	section := func(title string) { b.WriteString("\n" + bold.Render(width.Word(title)) + "\n") }
	section("Versions")
	for _, v := range d.Versions {
		b.WriteString(wrap(Clean(v), "  "+yellow.Render("!")+" ", "    ", width))
	}
	if len(d.Versions) == 0 {
		b.WriteString("  " + Good("as Upkeep left them") + "\n")
	}
	if len(d.Trees) > 0 {
		section("Files")
	}
	for _, t := range d.Trees {
		b.WriteString(tree(t, width))
	}
	if len(d.Databases) > 0 {
		section("Database objects")
	}
	for _, db := range d.Databases {
		b.WriteString(database(db, width))
	}
	return b.String()
}

func tree(t manage.TreeDrift, width Paper) string {
	head := Clean(t.Unit+", "+t.At) + ": "
	switch {
	case t.Unknown != "":
		return wrap(head+"not known: "+Clean(t.Unknown), "  "+yellow.Render("?")+" ", "    ", width)
	case len(t.Files) == 0:
		return wrap(head+"as the release shipped it", "  "+green.Render("✓")+" ", "    ", width)
	}
	var b strings.Builder
	b.WriteString(wrap(head+count(len(t.Files), "file differs", "files differ")+" from what the release shipped", "  "+yellow.Render("!")+" ", "    ", width))
	var list rows
	for _, f := range t.Files {
		list = append(list, []string{width.Word(EditWord(f.What)), one(f.Path)})
	}
	b.WriteString(table("    ", list, 1, width))
	for _, f := range t.Files {
		if f.Diff != "" {
			b.WriteString("\n    " + bold.Render(one(f.Path)) + "\n" + unified(f.Diff))
		}
	}
	return b.String()
}

// unified colours a diff. The lines that say what is compared are left out.
func unified(diff string) string {
	var b strings.Builder
	for i, h := range drift.ParseDiff(diff) {
		b.WriteString(hunk(h, i == 0))
	}
	return b.String()
}

func hunk(h drift.Hunk, first bool) string {
	var b strings.Builder
	if !first {
		b.WriteString("      " + faint.Render("…") + "\n")
	}
	for _, l := range h.Lines {
		b.WriteString("      " + diffLine(l) + "\n")
	}
	return b.String()
}

// EditWord says in a word what was done to a file.
func EditWord(what string) string {
	switch what {
	case "content":
		return "edited"
	case "removed":
		return "missing"
	case "mode":
		return "made (not) executable"
	case "type", "target":
		return "replaced"
	}
	return what
}

func database(db manage.DatabaseDrift, width Paper) string {
	var b strings.Builder
	head := Clean(db.Unit) + ": "
	against := "compared with " + Clean(db.Standard)
	switch {
	case db.Unknown != "":
		b.WriteString(wrap(head+"not known: "+Clean(db.Unknown), "  "+yellow.Render("?")+" ", "    ", width))
	case len(db.Differences) == 0:
		b.WriteString(wrap(head+"no difference, "+against, "  "+green.Render("✓")+" ", "    ", width))
	default:
		b.WriteString(wrap(head+count(len(db.Differences), "object differs", "objects differ")+", "+against, "  "+yellow.Render("!")+" ", "    ", width))
	}
	if db.Recorded && db.Unknown == "" {
		b.WriteString(wrap("the vendor ships no standard for this server, so only what was changed since is seen", "    ", "    ", width))
	}
	for _, n := range db.Notes {
		b.WriteString(wrap(Clean(n), "    ", "    ", width))
	}
	for _, d := range db.Differences {
		b.WriteString("\n    " + lingua.Verbatim + bold.Render(one(d.Object().ID())) + "  " + yellow.Render(width.Word(string(d.How))) + "\n")
		for i, h := range d.Hunks() {
			b.WriteString(hunk(h, i == 0))
		}
	}
	return b.String()
}

// diffLine is never broken: what is there must be there to be read and copied.
func diffLine(l drift.Line) string {
	text := strings.TrimRight(fmt.Sprintf("%c %s", l.Op, Clean(strings.ReplaceAll(l.Text, "\t", "    "))), " ")
	switch l.Op {
	case '-':
		return lingua.Verbatim + red.Render(text)
	case '+':
		return lingua.Verbatim + green.Render(text)
	}
	return lingua.Verbatim + faint.Render(text)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
