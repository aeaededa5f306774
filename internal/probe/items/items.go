// Package items reads lists of things with a state (plug-ins, agents, jobs),
// as programs and files write them: JSON, CSV, or lines. It is pure: it is
// handed the text.
package items

import (
	"fmt"
	"slices"
	"strings"
)

// Item is one thing of a list.
type Item struct {
	Name, State string
	Needs       []string // items that it depends on
}

// Options say how a list is read.
type Options struct {
	Format string // json, csv, lines; empty: by how it begins
	// Item, State and Depends name the columns, or the members of an object.
	// Empty: item or name; state, status or enabled; depends.
	Item, State, Depends string
}

// maxItems bounds a list: what is longer is none that anybody looks at.
const maxItems = 100_000

// Parse reads a list.
func Parse(text string, o Options) ([]Item, error) {
	text = strings.TrimPrefix(strings.ToValidUTF8(text, "\ufffd"), "\ufeff")
	begin := strings.TrimSpace(text)
	format := o.Format
	if format == "" {
		format = "lines"
		if strings.HasPrefix(begin, "[") || strings.HasPrefix(begin, "{") {
			format = "json"
		}
	}
	if begin == "" {
		return nil, nil
	}
	switch format {
	case "json":
		return parseJSON(text, o)
	case "csv":
		return parseCSV(text, o)
	case "lines":
		return parseLines(text)
	}
	return nil, fmt.Errorf("%q is no format of a list: use json, csv or lines", format)
}

// parseLines reads NAME STATE NEEDS lines, with tabs between or, where there are
// none, white space; what is needed has commas or blanks between. # begins a remark.
func parseLines(text string) ([]Item, error) {
	var all []Item
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var f []string
		if strings.Contains(line, "\t") {
			f = strings.Split(line, "\t")
		} else {
			f = strings.Fields(line)
		}
		i := Item{Name: one(f[0])}
		if len(f) > 1 {
			i.State = one(f[1])
		}
		if len(f) > 2 {
			i.Needs = needs(strings.Join(f[2:], " "))
		}
		if i.Name == "" {
			return nil, fmt.Errorf("an item has no name, in the line %.60q", line)
		}
		if all = append(all, i); len(all) > maxItems {
			return nil, errTooMany()
		}
	}
	return all, nil
}

func errTooMany() error { return fmt.Errorf("it has more than %d items", maxItems) }

func needs(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
}

// one makes one line of a text.
func one(s string) string { return strings.Join(strings.Fields(s), " ") }

// Unmet gives, of each item in one of the states, what it needs and what is not
// in one of them, as in "patch needs agent (off)". Without states every item counts.
func Unmet(all []Item, states []string) []string {
	state := map[string]string{}
	for _, i := range all {
		state[i.Name] = i.State
	}
	counts := func(s string) bool { return len(states) == 0 || slices.Contains(states, s) }
	var out []string
	for _, i := range all {
		if !counts(i.State) {
			continue
		}
		for _, n := range i.Needs {
			s, there := state[n]
			switch {
			case !there:
				out = append(out, i.Name+" needs "+n+" (not there)")
			case !counts(s):
				out = append(out, i.Name+" needs "+n+" ("+s+")")
			}
		}
	}
	return out
}
