package show

import (
	"maps"
	"slices"
	"strings"

	"upkeep/internal/manage"
)

// Lint renders what lint says of one document.
func Lint(r manage.LintResult) string {
	if r.Clean() {
		return Good(r.Path) + "\n"
	}
	var b strings.Builder
	if r.Usable() {
		b.WriteString(Careful(r.Path) + "\n")
	} else {
		b.WriteString(Bad(r.Path) + "\n")
	}
	if r.Error != "" {
		b.WriteString(lines(r.Error, "  "))
	}
	for _, f := range r.Findings {
		b.WriteString("  " + Clean(f.Error()) + "\n")
	}
	return b.String()
}

// Modes renders which access modes are on.
func Modes(modes map[string]bool) string {
	if len(modes) == 0 {
		return "No access mode is known: nothing was run with Upkeep yet.\n"
	}
	var rows [][]string
	for _, m := range slices.Sorted(maps.Keys(modes)) {
		state := Good("not on")
		if modes[m] {
			state = Careful("on")
		}
		rows = append(rows, []string{m, state})
	}
	return columns("", rows)
}
