package yaml

import (
	"strings"

	"upkeep/internal/document"
)

// checkBlock looks at the lines of a text behind | or >. Where YAML has room
// for doubt (empty lines in front, spaces at the end of lines), a document that
// has it is refused.
func (r *reader) checkBlock(header string, at document.Pos) {
	rest := strings.TrimPrefix(r.from(at), header)
	if comment := strings.TrimLeft(rest, " "); comment != "" && (comment[0] != '#' || comment == rest) {
		r.errorf(at, "quote the text if it is meant as one", "text behind the %s that begins a block", header)
		return
	}
	if at.Line >= len(r.lines) || strings.TrimSpace(r.lines[at.Line]) == "" || strings.HasPrefix(r.lines[at.Line], "---") {
		r.errorf(at, `write "" for an empty text`, "a block begins with an empty line")
		return
	}
	indent := indentOf(r.lines[at.Line])
	for i, line := range r.lines[at.Line:] {
		if strings.TrimSpace(line) != "" && (indentOf(line) < indent || indent == 0) {
			return
		}
		if strings.HasSuffix(line, " ") {
			r.errorf(r.pos(at.Line+i+1, len([]rune(line))), "remove them, or use double quotes", "a line of a block ends with spaces")
			return
		}
	}
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// checkWhole refuses a text without quotes that goes on in the next line: where
// it begins and ends is hard to see. It returns where the text really begins,
// because the library is too far to the right when spaces follow it.
func (r *reader) checkWhole(value string, at document.Pos) document.Pos {
	for column := at.Column; column > 0; column-- {
		if here := r.pos(at.Line, column); strings.HasPrefix(r.from(here), value) {
			return here
		}
	}
	r.errorf(at, "quote it, or begin a block with > or |", "a text without quotes goes on in the next line")
	return at
}
