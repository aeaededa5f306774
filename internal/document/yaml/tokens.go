package yaml

import (
	"strings"

	"github.com/goccy/go-yaml/token"

	"upkeep/internal/document"
)

type tokenList = token.Tokens

// checkTokens refuses what documents do not use, and what is no YAML although
// the library reads it, before the parser sees it: the parser is recursive, and
// lenient in places.
func (r *reader) checkTokens(tokens tokenList) {
	deep, flow, block := depth{}, 0, false
	tokens = positioned(tokens)
	for i, t := range tokens {
		at := r.pos(t.Position.Line, t.Position.Column)
		if what, hint := refusedToken(t); what != "" {
			r.errorf(at, hint, "%s", what)
			if t.Type == token.MergeKeyType || t.Type == token.MappingKeyType {
				return // what follows only makes sense with it
			}
			continue
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.LiteralType, token.FoldedType:
			block = true
			r.checkBlock(t.Value, at)
		case token.StringType:
			if !block {
				r.checkPlain(t, tokens[i+1:], flow > 0, at)
			}
			block = false
		case token.DoubleQuoteType, token.SingleQuoteType:
			r.checkQuoted(at)
		case token.MappingValueType:
			r.checkColon(tokens[:i], flow > 0, at)
		}
		if flow > 0 && (block || t.Type == token.SequenceEntryType) {
			r.errorf(at, "use quotes", "%q has no meaning inside { } or [ ]", t.Value)
			return
		}
		if t.Type == token.CollectEntryType && opens(tokens[i-1]) {
			r.errorf(at, "", "a comma with nothing before it")
			return
		}
		if flow < 0 || (flow == 0 && t.Type == token.CollectEntryType) {
			r.errorf(at, "quote the text if it is meant as one", "%q without a bracket that it belongs to", t.Value)
			return
		}
		if deep.add(tokens, i) > MaxDepth || flow > MaxDepth {
			r.errorf(at, "", "maps and lists are nested deeper than %d", MaxDepth)
			return
		}
	}
}

// positioned leaves out comments and what has no place.
func positioned(tokens tokenList) tokenList {
	kept := make(tokenList, 0, len(tokens))
	for _, t := range tokens {
		if t.Position != nil && t.Type != token.CommentType {
			kept = append(kept, t)
		}
	}
	return kept
}

// opens reports whether nothing can have ended with this token.
func opens(t *token.Token) bool {
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType, token.CollectEntryType:
		return true
	}
	return false
}

// isScalar reports whether the token is a value of one piece.
func isScalar(t *token.Token) bool {
	switch t.Type {
	case token.StringType, token.SingleQuoteType, token.DoubleQuoteType, token.BoolType, token.NullType, token.FloatType,
		token.IntegerType, token.BinaryIntegerType, token.OctetIntegerType, token.HexIntegerType, token.InfinityType, token.NanType:
		return true
	}
	return false
}

func isBlock(t *token.Token) bool { return t.Type == token.LiteralType || t.Type == token.FoldedType }

// maxKey is below YAML's own limit, 1024.
const maxKey = 512

// checkColon looks at the colon behind a key.
func (r *reader) checkColon(before tokenList, flow bool, at document.Pos) {
	n := len(before)
	if n == 0 || !isScalar(before[n-1]) || before[n-1].Position.Line != at.Line || (n > 1 && isBlock(before[n-2])) {
		r.errorf(at, "quote the text if it is meant as one", "a colon without a key in front of it")
		return
	}
	if at.Column-before[n-1].Position.Column > maxKey {
		r.errorf(r.pos(at.Line, before[n-1].Position.Column), "", "a key longer than %d characters", maxKey)
		return
	}
	if flow && n > 1 && !opens(before[n-2]) {
		r.errorf(at, "separate the entries by commas", "a colon without a key in front of it")
		return
	}
	if rest := r.from(at); len(rest) > 1 && rest[1] != ' ' {
		r.errorf(at, "put a space behind it, or quote the text", "a colon without a space behind it")
	}
}

func refusedToken(t *token.Token) (what, hint string) {
	switch t.Type {
	case token.InvalidType:
		switch {
		case strings.Contains(t.Error, "escape character"):
			hint = `write \\ for a backslash, or use single quotes`
		case strings.Contains(t.Error, "reserved character"):
			hint = "quote the text"
		}
		return "this is not YAML: " + t.Error, hint
	case token.AnchorType:
		return "anchors (&) are not used here", "write the value out where it is needed, or quote a text that begins with &"
	case token.AliasType:
		return "aliases (*) are not used here", "write the value out, or quote a text that begins with *"
	case token.MergeKeyType:
		return "merge keys (<<) are not used here", "write the keys out"
	case token.TagType:
		return "tags (!) are not used here", "quote a text that begins with !"
	case token.DirectiveType:
		return "directives are not used here", "remove the line, or quote the text"
	case token.MappingKeyType:
		return "a question mark begins a key in YAML", "quote a text that begins with ?"
	case token.LiteralType, token.FoldedType:
		switch t.Value {
		case "|", "|-", "|+", ">", ">-", ">+":
		default:
			return "a block begins with | or >, then + or - or nothing", "quote the text if it is meant as one"
		}
	}
	return "", ""
}

// depth follows how deep blocks are nested, by the columns at which lists and
// lines begin.
type depth struct{ columns []int }

// add takes the token at place i and returns the depth there.
func (d *depth) add(tokens tokenList, i int) int {
	t := tokens[i]
	first := i == 0 || tokens[i-1].Position.Line != t.Position.Line
	if !first && t.Type != token.SequenceEntryType && tokens[i-1].Type != token.SequenceEntryType {
		return len(d.columns)
	}
	for len(d.columns) > 0 && d.columns[len(d.columns)-1] >= t.Position.Column {
		d.columns = d.columns[:len(d.columns)-1]
	}
	d.columns = append(d.columns, t.Position.Column)
	return len(d.columns)
}

// checkPlain looks at a text without quotes.
func (r *reader) checkPlain(t *token.Token, next tokenList, flow bool, at document.Pos) {
	what, hint := plainRefused(t.Value, flow)
	if flow && len(t.Value) > 0 && t.Value[len(t.Value)-1] == '$' && len(next) > 0 && next[0].Type == token.MappingStartType {
		what, hint = "a reference inside { } or [ ] without quotes", `quote it: "${…}"`
	}
	if what != "" {
		r.errorf(at, hint, "%s", what)
	}
}
