package show

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/manage"
)

// Lint renders what lint says of one document.
func Lint(r manage.LintResult, width Paper) string {
	if r.Clean() {
		return Good(one(r.Path)) + "\n"
	}
	var b strings.Builder
	if r.Usable() {
		b.WriteString(Careful(one(r.Path)) + "\n")
	} else {
		b.WriteString(Bad(one(r.Path)) + "\n")
	}
	if r.Error != "" {
		b.WriteString(lines(r.Error, "  "))
	}
	for _, f := range r.Findings {
		b.WriteString(excerpted(f.Pretty(), "  ", "    ", width))
	}
	return b.String()
}

// excerpted breaks a text at spaces. Where it ends with the line of a document,
// numbered, that line and its caret stay as they are.
func excerpted(text, first, rest string, width Paper) string {
	head, excerpt, _ := strings.Cut(text, "\n")
	number, _, _ := strings.Cut(excerpt, " | ")
	if _, err := strconv.Atoi(strings.TrimSpace(number)); err != nil {
		return wrap(one(text), first, rest, width)
	}
	return wrap(one(head), first, rest, width) + lines(excerpt, rest)
}

// Modes renders which access modes are on.
func Modes(modes map[string]bool, width Paper) string {
	if len(modes) == 0 {
		return "No access mode is known: nothing was run with Upkeep yet.\n"
	}
	var list rows
	for _, m := range slices.Sorted(maps.Keys(modes)) {
		state := Good(width.Word("off"))
		if modes[m] {
			state = Careful(width.Word("on"))
		}
		list = append(list, []string{one(m), state})
	}
	return table("", list, 0, width)
}
