package requirements

import (
	"strings"

	"upkeep/internal/document/yaml"
)

// Mutant is a document with one entry taken away: a list item or a mapping
// entry with all that belongs to it.
type Mutant struct {
	Line    int    // the first line that is gone, from 1
	Gone    string // that line, trimmed
	Without string // the document without the entry
}

// Mutants gives every document that is text with one block entry taken away.
// Entries inside of {…} and […] stay with their line. Left out are entries
// that are their parent's only one (taking the parent away says the same) and
// mutants that are no YAML any more (those would prove nothing).
func Mutants(name, text string) []Mutant {
	lines := strings.Split(text, "\n")
	entries := scan(lines)
	var out []Mutant
	add := func(line int, gone string, without []string) {
		body := strings.Join(without, "\n")
		if _, err := yaml.Parse(name, []byte(body)); err == nil {
			out = append(out, Mutant{Line: line + 1, Gone: strings.TrimSpace(gone), Without: body})
		}
	}
	for i, e := range entries {
		if !alone(entries, i) {
			add(e.line, lines[e.line], cut(lines, e.line, e.end))
		}
		if e.item && i+1 < len(entries) {
			if first, next, ok := firstKey(entries, i); ok {
				add(e.line, strings.TrimPrefix(strings.TrimSpace(lines[e.line]), "- "), pullUp(lines, e, first, next))
			}
		}
	}
	return out
}

// entry is a list item or mapping entry that begins a line. An item that holds
// a mapping is followed by an entry of its own for the first key.
type entry struct {
	line, end int // lines [line, end)
	depth     int // deeper entries belong to the nearest one before with less
	item      bool
	part      int // documents of a source have no common parent
}

// scan finds the entries of a document by indentation. An item stands deeper
// than a key of the same indentation, since it may belong to that key.
func scan(lines []string) []entry {
	var out []entry
	open := 0   // brackets that are open
	block := -1 // depth of the key whose block of text is under way
	part := 0
	for i, line := range lines {
		text := strings.TrimLeft(line, " ")
		indent := len(line) - len(text)
		switch {
		case text == "" || text[0] == '#' && open == 0:
			continue
		case block >= 0 && indent*2 > block:
			continue
		case text == "---" || strings.HasPrefix(text, "--- "):
			part++
			block = -1
			continue
		}
		block = -1
		if open == 0 {
			rest, at := text, indent
			for strings.HasPrefix(rest, "- ") || rest == "-" {
				out = append(out, entry{line: i, depth: at*2 + 1, item: true, part: part})
				trimmed := strings.TrimLeft(strings.TrimPrefix(rest, "-"), " ")
				at += len(rest) - len(trimmed)
				rest = trimmed
			}
			if isKey(rest) {
				out = append(out, entry{line: i, depth: at * 2, part: part})
			}
		}
		open += brackets(text)
		if open == 0 && opensBlock(text) && len(out) > 0 {
			block = out[len(out)-1].depth
		}
	}
	for i := range out {
		out[i].end = last(lines, out, i)
	}
	return out
}

// last gives the line after all that belongs to entry i, without the blank
// lines and comments that follow it.
func last(lines []string, entries []entry, i int) int {
	end := len(lines)
	for _, e := range entries[i+1:] {
		if e.depth <= entries[i].depth || e.part != entries[i].part {
			end = e.line
			break
		}
	}
	for j := entries[i].line; j < end; j++ {
		if strings.HasPrefix(lines[j], "---") {
			end = j
		}
	}
	for end > entries[i].line+1 {
		text := strings.TrimSpace(lines[end-1])
		if text != "" && text[0] != '#' {
			break
		}
		end--
	}
	return end
}

// isKey says whether a line begins with a key.
func isKey(text string) bool {
	if text == "" || strings.ContainsRune(`"'{[|>&*!%@`, rune(text[0])) && text[0] != '"' && text[0] != '\'' {
		return false
	}
	if q := text[0]; q == '"' || q == '\'' {
		end := strings.IndexByte(text[1:], q)
		return end >= 0 && strings.HasPrefix(text[end+2:], ":")
	}
	key, _, ok := strings.Cut(text+" ", ": ")
	return ok && key != "" && !strings.ContainsAny(key, "{}[],#")
}

// brackets counts brackets that a line opens and does not close, outside of
// quotes and comments.
func brackets(text string) int {
	n := 0
	var quote rune
	var before rune = ' '
	for _, c := range text {
		switch {
		case quote != 0:
			if c == quote && !(quote == '"' && before == '\\') {
				quote = 0
			}
		case (c == '"' || c == '\'') && strings.ContainsRune(" {[,:", before):
			quote = c
		case c == '#' && before == ' ':
			return n
		case c == '{' || c == '[':
			n++
		case c == '}' || c == ']':
			n--
		}
		before = c
	}
	return n
}

// opensBlock says whether a block of text (| or >) begins after a line.
func opensBlock(text string) bool {
	if i := strings.Index(text, " #"); i >= 0 {
		text = text[:i]
	}
	text = strings.TrimRight(text, " ")
	at := strings.LastIndexByte(text, ' ')
	return at >= 0 && (text[at+1] == '|' || text[at+1] == '>') && len(text)-at <= 4 && (strings.HasSuffix(text[:at], ":") || strings.HasSuffix(text[:at], "-"))
}

// parent gives the index of the entry that i belongs to; -1 for none.
func parent(entries []entry, i int) int {
	for j := i - 1; j >= 0 && entries[j].part == entries[i].part; j-- {
		if entries[j].depth < entries[i].depth {
			return j
		}
	}
	return -1
}

// alone says whether entry i is the only one of its parent.
func alone(entries []entry, i int) bool {
	p := parent(entries, i)
	for j := range entries {
		if j != i && entries[j].part == entries[i].part && parent(entries, j) == p {
			return false
		}
	}
	return true
}

// firstKey gives the first key of item i, which stands on the item's own line,
// and the key after it.
func firstKey(entries []entry, i int) (first, next entry, ok bool) {
	first = entries[i+1]
	if first.line != entries[i].line || first.item {
		return first, next, false
	}
	for j := i + 2; j < len(entries) && entries[j].line < entries[i].end; j++ {
		if entries[j].depth == first.depth {
			return first, entries[j], true
		}
	}
	return first, next, false
}

func cut(lines []string, from, to int) []string {
	return append(append([]string{}, lines[:from]...), lines[to:]...)
}

// pullUp takes the first key of an item away; its dash goes to the next key.
func pullUp(lines []string, item, first, next entry) []string {
	out := cut(lines, first.line, next.line)
	dash := (item.depth - 1) / 2
	line := out[first.line]
	out[first.line] = line[:dash] + "-" + line[dash+1:]
	return out
}
