package show

import (
	"slices"
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
)

// Clean makes a text safe for a terminal: control characters, line and
// paragraph separators, and what turns the direction of writing become spaces,
// so that no log line or product name can move the cursor or hide a line.
// Bytes that are no UTF-8 become the replacement character.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, text)
}

// one makes a value a safe text of one line without blanks around it.
func one(text string) string { return strings.Join(strings.Fields(Clean(text)), " ") }

// Wrap makes a text of several lines safe and breaks it at spaces; every line
// is indented.
func Wrap(text, indent string, width Paper) string {
	var b strings.Builder
	for l := range strings.Lines(width.Say(text)) {
		b.WriteString(wrap(Clean(l), indent, indent, width))
	}
	return b.String()
}

// Hang breaks a safe text at spaces; all lines but the first are indented.
func Hang(text, rest string, width Paper) string { return wrap(text, "", rest, width) }

// wrap breaks a text at spaces, so that no line is longer than width; further
// lines are indented. A word that is too long for a line has one of its own.
func wrap(text, first, rest string, width Paper) string {
	var b strings.Builder
	text, first = width.Say(text), width.Say(first)
	indent := first
	for _, l := range breakUp(text, width.Columns-lipgloss.Width(first), width.Columns-lipgloss.Width(rest)) {
		b.WriteString(strings.TrimRight(indent+l, " ") + "\n")
		indent = rest
	}
	return b.String()
}

// fields are the words of a text. A no-break space is none that breaks.
func fields(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) && r != 0xa0 && r != 0x202f })
}

// breakUp breaks a text into lines of at most first, then rest columns. No
// word stands alone on the last line where it can have company.
func breakUp(text string, first, rest int) []string {
	room := first
	var lines [][]string
	var line []string
	used := 0
	for _, w := range fields(text) {
		n := lipgloss.Width(w)
		if len(line) > 0 && used+1+n > room {
			lines, line, used, room = append(lines, line), nil, 0, rest
		}
		if len(line) > 0 {
			used++
		}
		line, used = append(line, w), used+n
	}
	lines = append(lines, line)
	if n := len(lines); n > 1 && len(lines[n-1]) == 1 && len(lines[n-2]) > 2 {
		before := lines[n-2]
		last := before[len(before)-1]
		if lipgloss.Width(last)+1+lipgloss.Width(lines[n-1][0]) <= rest {
			lines[n-2], lines[n-1] = before[:len(before)-1], []string{last, lines[n-1][0]}
		}
	}
	var out []string
	for _, l := range lines {
		out = append(out, strings.Join(l, " "))
	}
	return out
}

// lines indents a text of several lines and makes it safe. Its lines stay as
// they are, since a caret under a document's line must stay in its place.
func lines(text, indent string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		b.WriteString(indent + Clean(strings.TrimRight(l, "\n")) + "\n")
	}
	return b.String()
}

// rows are laid out in columns, two spaces apart.
type rows [][]string

// least is how narrow a column of text may get before it goes below the rest
// of its row.
const least = 24

// table lays rows out in columns. Where they are wider than width the column
// flex is broken into lines; where even that does not fit, every row fills
// lines of its own.
func table(indent string, list rows, flex int, width Paper) string {
	list = list.in(width)
	cols, ok := list.fit(indent, flex, width)
	if !ok {
		return stack(indent, list, width)
	}
	var b strings.Builder
	for _, row := range list {
		b.WriteString(rowLines(indent, row, cols, flex))
	}
	return b.String()
}

// fit gives the widths of the columns, and whether the rows fit into them.
func (r rows) fit(indent string, flex int, width Paper) (cols []int, ok bool) {
	cols = r.widths()
	total := lipgloss.Width(indent) - 2
	for _, n := range cols {
		total += n + 2
	}
	if over := total - width.Columns; over > 0 {
		if flex >= len(cols) || cols[flex]-over < max(least, r.longest(flex)) {
			return cols, false
		}
		cols[flex] -= over
	}
	return cols, true
}

// pairs lays out a name and a value a row. A value that holds a command is
// never broken: it must be there in one piece to be copied, and a terminal
// breaks a line that is too long without tearing it.
func (r rows) pairs(indent, command string, width Paper) string {
	r = r.in(width)
	cols := r.widths()
	cols[1] = max(least-2, min(cols[1], width.Columns-lipgloss.Width(indent)-cols[0]-2))
	var b strings.Builder
	for _, row := range r {
		flex := 1
		if strings.Contains(row[1], command) {
			flex = -1
		}
		b.WriteString(rowLines(indent, row, cols, flex))
	}
	return b.String()
}

// in are the rows in the language of a paper.
func (r rows) in(p Paper) rows {
	if p.Language == nil {
		return r
	}
	var out rows
	for _, row := range r {
		said := make([]string, len(row))
		for i, cell := range row {
			said[i] = p.Say(cell)
		}
		out = append(out, said)
	}
	return out
}

// without leaves a column out.
func (r rows) without(col int) rows {
	var out rows
	for _, row := range r {
		out = append(out, slices.Delete(slices.Clone(row), col, col+1))
	}
	return out
}

// longest is how wide the widest word of a column is.
func (r rows) longest(col int) (n int) {
	for _, row := range r {
		if col < len(row) {
			for _, w := range fields(row[col]) {
				n = max(n, lipgloss.Width(w))
			}
		}
	}
	return n
}

func (r rows) widths() []int {
	var cols []int
	for _, row := range r {
		for i, cell := range row {
			if i == len(cols) {
				cols = append(cols, 0)
			}
			cols[i] = max(cols[i], lipgloss.Width(cell))
		}
	}
	return cols
}

// rowLines writes one row; what its flexible cell is too long for goes on in
// that column.
func rowLines(indent string, row []string, cols []int, flex int) string {
	var below []string
	line, at := indent, indent
	for i, cell := range row {
		if i == flex {
			at = strings.Repeat(" ", lipgloss.Width(line))
			if lipgloss.Width(cell) > cols[i] {
				below = breakUp(cell, cols[i], cols[i])
				cell, below = below[0], below[1:]
			}
		}
		line += cell
		if i < len(row)-1 {
			line += strings.Repeat(" ", max(0, cols[i]-lipgloss.Width(cell))+2)
		}
	}
	out := strings.TrimRight(line, " ") + "\n"
	for _, l := range below {
		out += at + l + "\n"
	}
	return out
}

// stack fills lines with the cells of each row, and indents all but the first.
func stack(indent string, list rows, width Paper) string {
	var b strings.Builder
	rest := indent + "    "
	for _, row := range list {
		line, empty := indent, true
		for _, cell := range row {
			if lipgloss.Width(cell) == 0 {
				continue
			}
			switch {
			case !empty && lipgloss.Width(line)+2+lipgloss.Width(cell) <= width.Columns:
				line += "  " + cell
				continue
			case !empty:
				b.WriteString(strings.TrimRight(line, " ") + "\n")
				line = rest
			}
			if broken := breakUp(cell, width.Columns-lipgloss.Width(line), width.Columns-lipgloss.Width(rest)); len(broken) > 1 {
				for _, l := range broken[:len(broken)-1] {
					b.WriteString(line + l + "\n")
					line = rest
				}
				cell = broken[len(broken)-1]
			}
			line, empty = line+cell, false
		}
		if !empty {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}
