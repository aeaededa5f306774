package yaml

import "upkeep/internal/document"

// The library is lenient about indentation; these rules are YAML's own.

// aligned: the keys of a map, and the dashes of a list, stand in one column.
func (c *converter) aligned(first, at document.Pos) {
	if first.Column != at.Column && first.Line != at.Line {
		c.r.errorf(at, "indent it like the first one", "indented differently from line %d, where its map or list begins", first.Line)
	}
}

// indented: what belongs to a key or a dash and stands in a later line is
// indented deeper; a list may stand right below its key.
func (c *converter) indented(owner document.Pos, value *document.Node, list bool) {
	if value.Kind == document.Null && value.Value == "" || value.Pos.Line == owner.Line {
		return
	}
	if value.Pos.Column < owner.Column || (value.Pos.Column == owner.Column && !list) {
		c.r.errorf(value.Pos, "", "indented too little to belong to line %d", owner.Line)
	}
}

// nothingLost compares the result with the text: every scalar that the lexer
// saw must be in it.
func (c *converter) nothingLost(tokens tokenList) {
	for _, t := range tokens {
		if isScalar(t) && t.Position != nil && !c.used[placeOf(t)] {
			c.r.errorf(c.tokenAt(t), "check indentation, colons and brackets around it", "cannot tell what this text belongs to")
			return
		}
	}
}

// from is the rest of a line from a place on. The places of one line are
// asked for together, so its characters are counted once.
func (r *reader) from(at document.Pos) string {
	if at.Line < 1 || at.Line > len(r.lines) {
		return ""
	}
	line := r.lines[at.Line-1]
	if r.indexed != at.Line {
		r.indexed, r.index = at.Line, r.index[:0]
		for i := range line {
			r.index = append(r.index, i)
		}
	}
	if at.Column < 1 || at.Column > len(r.index) {
		return ""
	}
	return line[r.index[at.Column-1]:]
}
