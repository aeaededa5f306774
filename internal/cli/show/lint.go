package show

import (
	"maps"
	"slices"
	"strings"

	"upkeep/internal/manage"
)

// Lint renders what lint says of one document.
func Lint(r manage.LintResult, width int) string {
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
		b.WriteString(wrap(one(f.Error()), "  ", "    ", width))
	}
	return b.String()
}

// Modes renders which access modes are on.
func Modes(modes map[string]bool, width int) string {
	if len(modes) == 0 {
		return "No access mode is known: nothing was run with Upkeep yet.\n"
	}
	var list rows
	for _, m := range slices.Sorted(maps.Keys(modes)) {
		state := Good("off")
		if modes[m] {
			state = Careful("on")
		}
		list = append(list, []string{one(m), state})
	}
	return table("", list, 0, width)
}
