package show

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/manage"
)

// Question renders a question for one parameter, up to where the answer goes.
func Question(q manage.Question) string {
	var b strings.Builder
	if len(q.Fixed) > 0 {
		var list rows
		for _, f := range q.Fixed {
			list = append(list, []string{faint.Render(one(f.Title)), one(f.Value)})
		}
		b.WriteString(heading("As it was installed") + table("  ", list, 1, Columns(100)) + "\n" + heading("What may change now") + faint.Render("Enter leaves a value as it is.") + "\n")
	}
	if q.Problem != "" {
		b.WriteString(Careful(one(q.Problem)) + "\n")
	}
	title := q.Title
	if title == "" {
		title = q.Param
	}
	b.WriteString(bold.Render(one(title)))
	switch {
	case q.Type == "secret":
		b.WriteString(faint.Render(" (a secret: file:PATH or env:NAME; new writes a file)"))
	case q.Type == "bool":
		b.WriteString(faint.Render(" (true or false)"))
	case q.Type != "string":
		b.WriteString(faint.Render(" (" + one(q.Type) + ")"))
	}
	if q.Default != "" {
		b.WriteString(" [" + one(q.Default) + "]")
	}
	b.WriteString(": ")
	return b.String()
}

// Refused says that something is not done, and all the reasons.
func Refused(e *manage.RefusedError, width Paper) string {
	var b strings.Builder
	b.WriteString(wrap(bold.Render(one(e.What+"; nothing was changed")), red.Render("✗")+" ", "  ", width))
	for _, r := range e.Reasons {
		b.WriteString(wrap(one(r), "  - ", "    ", width))
	}
	return b.String()
}

// Adoption says what was found, and what is assumed.
func Adoption(a *manage.Adoption, dry bool, command string, width Paper) string {
	var b strings.Builder
	what := "is adopted"
	switch {
	case dry:
		what = "would be adopted"
	case a.Again && len(a.Changes) > 0:
		what = "is adopted again, as it is now"
	case a.Again:
		what = "is adopted already, and is as it was then"
	}
	b.WriteString(wrap(bold.Render(one(fmt.Sprintf("%s %s %s as %s; it was not touched", a.Product, a.Version, what, a.ID))), green.Render("✓")+" ", "  ", width) + "\n")
	var list rows
	for _, i := range a.Instances {
		note := ""
		switch {
		case i.Files > 0 && i.Known && i.Edited == 0:
			note = fmt.Sprintf("%d files, as its release shipped them", i.Files)
		case i.Files > 0 && i.Known:
			note = fmt.Sprintf("%d files, %d edited here", i.Files, i.Edited)
		case i.Files > 0:
			note = fmt.Sprintf("%d files", i.Files)
		}
		at := i.At
		if at == "" {
			at = i.Kind
		}
		list = append(list, []string{one(i.Component), one(i.Version), faint.Render(one(at)), faint.Render(note)})
	}
	b.WriteString(heading(width.Word("Found")) + table("  ", list, 2, width))
	list = nil
	for _, id := range slices.Sorted(maps.Keys(a.Services)) {
		list = append(list, []string{"service " + one(id), one(a.Services[id].Text())})
	}
	b.WriteString(table("  ", list, 0, width) + "\n")
	bullets := func(title string, texts []string) {
		if len(texts) == 0 {
			return
		}
		b.WriteString(heading(title))
		for _, t := range texts {
			b.WriteString(wrap(one(t), "  - ", "    ", width))
		}
		b.WriteString("\n")
	}
	bullets("Changed since it was adopted", a.Changes)
	bullets("Assumed", a.Assumed)
	b.WriteString(rows{{faint.Render(width.Word("document")), one(a.Document)}, {faint.Render(width.Word("state")), one(a.State)}, {faint.Render(width.Word("next")), one(command + " check --from RELEASES")}}.pairs("  ", command+" ", width))
	return b.String()
}

// Removal says what will be removed, and what stays.
func Removal(r *manage.Removal, width Paper) string {
	var b strings.Builder
	for _, part := range []struct {
		title string
		list  []string
	}{{"Will be removed", r.Removed}, {"Stays", r.Left}} {
		b.WriteString(heading(part.title))
		for _, t := range part.list {
			b.WriteString(wrap(one(t), "  - ", "    ", width))
		}
	}
	return b.String() + "\n"
}
