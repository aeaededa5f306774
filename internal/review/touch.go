// Package review is the model of looking at a vendor's script before it meets a
// customised database: which of the customised objects the script mentions, and
// where.
//
// It is part of the model, and may import internal/drift and the pure part of the
// standard library.
package review

import (
	"slices"
	"strings"

	"upkeep/internal/drift"
)

// Touch is a customised object that a script mentions.
type Touch struct {
	drift.Difference
	Lines []int // of the script, from 1, ascending
}

// Touches finds the customised objects that a script for that kind of server
// mentions: by their names, quoted or not, with their schema or without, and by
// the table that they belong to. Comments do not count; texts do, since a
// statement may be put together from them. What is mentioned may not be touched:
// a name too many is better than one too few.
func Touches(kind, script string, all []drift.Difference) []Touch {
	chains := mentions(kind, script)
	var out []Touch
	for _, d := range all {
		names := [][]string{parts(kind, d.Name)}
		if d.On != "" {
			names = append(names, parts(kind, d.On))
		}
		var lines []int
		for _, c := range chains {
			if slices.ContainsFunc(names, func(n []string) bool { return fits(kind, c.names, n) }) && !slices.Contains(lines, c.line) {
				lines = append(lines, c.line)
			}
		}
		if len(lines) > 0 {
			slices.Sort(lines)
			out = append(out, Touch{d, lines})
		}
	}
	return out
}

// fits says whether a name that a script writes can be that of an object.
func fits(kind string, said, object []string) bool {
	last := object[len(object)-1]
	switch {
	case len(object) == 1: // a kind of server without schemas: whatever comes before is a database, or what comes after a column
		return slices.Contains(said[:min(2, len(said))], last)
	case said[0] == last: // alone, or before a column
		return true
	}
	schema := object[len(object)-2]
	for i := 0; i+1 < len(said) && i < 2; i++ { // behind the schema, which may be behind the database
		if said[i] == schema && said[i+1] == last {
			return true
		}
	}
	return false
}

// parts cuts an object's name as package drift writes it into schema and name,
// without the types of a function's arguments.
func parts(kind, name string) []string {
	s := scanner{kind: kind, text: name, line: 1}
	if c, ok := s.chain(); ok && len(c.names) > 0 {
		return c.names
	}
	return []string{fold(kind, name)}
}

// fold is how a name that is not quoted is compared. MariaDB's rules depend on
// the server's files and on the kind of object: names that differ in case only
// count as one there, as they do in SQLite.
// PostgreSQL folds ASCII only.
func fold(kind, name string) string {
	if kind != "postgres" {
		return strings.ToLower(name)
	}
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// exact is how a quoted name is compared.
func exact(kind, name string) string {
	if kind == "postgres" {
		return name
	}
	return strings.ToLower(name)
}
