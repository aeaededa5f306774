package drift

import (
	"fmt"
	"strings"
)

// Line is one line of a comparison of two texts.
type Line struct {
	Op   byte   // ' ' in both, '-' in the standard only, '+' in what is there only
	Text string // without its end
}

// Lines compares two texts line by line.
func Lines(want, have string) []Line {
	a, b := split(want), split(have)
	var head, tail []Line
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, Line{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, Line{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	out := append(head, middle(a, b)...)
	for i := len(tail) - 1; i >= 0; i-- {
		out = append(out, tail[i])
	}
	return out
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// middle compares what begins and ends differently by the longest common
// sequence of lines. Texts of which the table would be too large are shown one
// after the other.
func middle(a, b []string) []Line {
	const most = 4 << 20 // cells, of four bytes
	var out []Line
	if len(a)*len(b) > most {
		for _, l := range a {
			out = append(out, Line{'-', l})
		}
		for _, l := range b {
			out = append(out, Line{'+', l})
		}
		return out
	}
	width := len(b) + 1
	longest := make([]int32, (len(a)+1)*width) // from i, j to the ends
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i*width+j] = longest[(i+1)*width+j+1] + 1
			} else {
				longest[i*width+j] = max(longest[(i+1)*width+j], longest[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, Line{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && longest[(i+1)*width+j] >= longest[i*width+j+1]:
			out = append(out, Line{'-', a[i]})
			i++
		default:
			out = append(out, Line{'+', b[j]})
			j++
		}
	}
	return out
}

// Hunk is a part of a comparison with the lines around a change. From and To
// are the numbers of its first lines, from 1.
type Hunk struct {
	From, To int
	Lines    []Line
}

// Hunks keeps of a comparison what changed and a few lines around it.
func Hunks(lines []Line, around int) []Hunk {
	near := make([]bool, len(lines))
	for i, l := range lines {
		if l.Op != ' ' {
			for k := max(0, i-around); k <= min(len(lines)-1, i+around); k++ {
				near[k] = true
			}
		}
	}
	var out []Hunk
	from, to := 1, 1
	for i, l := range lines {
		if near[i] {
			if i == 0 || !near[i-1] {
				out = append(out, Hunk{From: from, To: to})
			}
			h := &out[len(out)-1]
			h.Lines = append(h.Lines, l)
		}
		if l.Op != '+' {
			from++
		}
		if l.Op != '-' {
			to++
		}
	}
	return out
}

// Hunks are those of the two definitions, without the values of what looks like
// secrets (see Redact).
func (d Difference) Hunks() []Hunk {
	const around = 3
	return Hunks(redacted(Lines(d.Want, d.Have)), around)
}

// Diff is the comparison of the two definitions as a unified diff, the standard's
// first, without the values of what looks like secrets (see Redact).
func (d Difference) Diff() string {
	var b strings.Builder
	id := d.Object().ID()
	fmt.Fprintf(&b, "--- %s (standard)\n+++ %s (here)\n", id, id)
	for _, h := range d.Hunks() {
		var from, to int
		for _, l := range h.Lines {
			if l.Op != '+' {
				from++
			}
			if l.Op != '-' {
				to++
			}
		}
		fmt.Fprintf(&b, "@@ -%s +%s @@\n", span(h.From, from), span(h.To, to))
		for _, l := range h.Lines {
			fmt.Fprintf(&b, "%c%s\n", l.Op, l.Text)
		}
	}
	return b.String()
}

// span is a place as a unified diff has it: an empty one is named by the line
// before it.
func span(first, count int) string {
	if count == 0 {
		first--
	}
	return fmt.Sprintf("%d,%d", first, count)
}

// ParseDiff reads what Diff wrote.
func ParseDiff(diff string) []Hunk {
	var out []Hunk
	for i, line := range strings.Split(strings.TrimSuffix(diff, "\n"), "\n") {
		var h Hunk
		var n int
		switch {
		case i < 2 || line == "":
		case strings.HasPrefix(line, "@@"):
			_, _ = fmt.Sscanf(line, "@@ -%d,%d +%d", &h.From, &n, &h.To) // what is no place has none
			out = append(out, h)
		case len(out) > 0:
			last := &out[len(out)-1]
			last.Lines = append(last.Lines, Line{line[0], line[1:]})
		}
	}
	return out
}
