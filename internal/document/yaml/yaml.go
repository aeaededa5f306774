// Package yaml reads the strict part of YAML that Upkeep's documents use into
// nodes of package document. What people and other readers take for different
// things is an error with its place: tabs, duplicate keys, anchors, aliases,
// merge keys, tags, directives, bare yes/no/on/off, and anything that is too
// large or too deep.
//
// It is an edge: the only package that imports the YAML library
// (github.com/goccy/go-yaml, its lexer, parser and ast). It imports nothing
// else of the project than package document.
package yaml

import (
	"errors"
	"fmt"
	"strings"

	goyaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"

	"upkeep/internal/document"
)

// Limits of what is read. A real document stays below a tenth of them.
const (
	MaxBytes     = 1 << 20 // of a source
	MaxLine      = 4096    // bytes of a line
	MaxTokens    = 20_000  // of a document: texts, brackets, colons, dashes, commas
	MaxDocuments = 16      // in a source
	MaxDepth     = 64      // of maps and lists in one another
)

// Parse reads a source of one or several documents, separated by lines "---",
// into one node each: a map, a list, or, where a document is empty, Null. The error is of
// type document.Errors. Parse never panics.
func Parse(name string, text []byte) (nodes []*document.Node, err error) {
	r := &reader{name: name}
	source, ok := r.checkText(text)
	if !ok {
		return nil, r.errors()
	}
	r.lines = strings.Split(source, "\n")
	parts := r.split()
	if len(r.errs) > 0 {
		return nil, r.errors()
	}
	for _, part := range parts {
		nodes = append(nodes, r.parse(part))
	}
	if len(r.errs) > 0 {
		return nil, r.errors()
	}
	return nodes, nil
}

// reader holds one source while it is read.
type reader struct {
	name  string
	lines []string
	errs  document.Errors

	indexed int   // the line that index is about
	index   []int // where each of its characters begins
}

// enough mistakes are recorded: more only cost time.
const enough = 200

func (r *reader) pos(line, column int) document.Pos {
	return document.Pos{File: r.name, Line: line, Column: max(column, 1)}
}

func (r *reader) errorf(at document.Pos, hint, format string, args ...any) {
	if len(r.errs) >= enough {
		return
	}
	e := &document.Error{Pos: at, Msg: fmt.Sprintf(format, args...), Hint: hint}
	if at.Line >= 1 && at.Line <= len(r.lines) {
		e.Line = document.RedactLine(r.lines[at.Line-1])
	}
	r.errs = append(r.errs, e)
}

// errors goes through a decoder, which sorts, bounds and masks.
func (r *reader) errors() error {
	d := document.NewDecoder(document.Source{Name: r.name})
	d.Add(document.Pos{}, r.errs)
	return d.Err()
}

// part is one document of a source: lines first to end (exclusive), from 0.
type part struct{ first, end int }

// split finds the documents. The library's own handling of several loses text
// in some cases, so it is only ever given one.
func (r *reader) split() []part {
	parts := []part{{0, len(r.lines)}}
	for i, line := range r.lines {
		switch rest, isMark := strings.CutPrefix(line, "---"); {
		case isMark && (rest == "" || rest[0] == ' '):
			if rest = strings.TrimLeft(rest, " "); rest != "" && rest[0] != '#' {
				r.errorf(r.pos(i+1, len(line)-len(rest)+1), "begin the document on the next line", "text after ---")
			}
			parts[len(parts)-1].end = i
			parts = append(parts, part{i + 1, len(r.lines)})
		case strings.HasPrefix(line, "..."):
			r.errorf(r.pos(i+1, 1), "remove it: the next --- or the end of the file ends a document; quote a text", "a line cannot begin with ...")
		case strings.HasPrefix(line, "%"):
			r.errorf(r.pos(i+1, 1), "remove the line, or quote the text", "directives are not used here")
		}
	}
	for i, line := range r.lines {
		if len(line) > MaxLine {
			r.errs = append(r.errs, &document.Error{Pos: r.pos(i+1, 1), Msg: fmt.Sprintf("the line is longer than %d bytes", MaxLine)})
			break
		}
	}
	if len(parts) > 1 && r.blank(parts[0]) {
		parts = parts[1:]
	}
	if len(parts) > MaxDocuments {
		r.errorf(r.pos(parts[MaxDocuments].first, 1), "", "more than %d documents in one file", MaxDocuments)
	}
	return parts
}

// blank reports whether a part holds nothing but comments.
func (r *reader) blank(p part) bool {
	for _, line := range r.lines[p.first:p.end] {
		if line = strings.TrimLeft(line, " "); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}

// parse reads one document. The library's panics become errors: it reads what
// strangers wrote.
func (r *reader) parse(p part) (node *document.Node) {
	start := r.pos(p.first+1, 1)
	empty := &document.Node{Kind: document.Null, Pos: start}
	if r.blank(p) {
		return empty
	}
	defer func() {
		if fault := recover(); fault != nil {
			node = empty
			r.errorf(start, "", "cannot read this document: the YAML library failed on it")
		}
	}()
	// Empty lines in front keep the library's line numbers true.
	text := strings.Repeat("\n", p.first) + strings.Join(r.lines[p.first:p.end], "\n")
	if p.end < len(r.lines) || r.lines[p.end-1] != "" {
		text += "\n"
	}
	tokens := lexer.Tokenize(text)
	if len(tokens) > MaxTokens {
		r.errorf(start, "", "the document has more than %d values and signs", MaxTokens)
		return empty
	}
	before := len(r.errs)
	if r.checkTokens(tokens); len(r.errs) > before {
		return empty
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxError(start, err)
		return empty
	}
	return r.convert(file, tokens, start)
}

func (r *reader) syntaxError(start document.Pos, err error) {
	var syntax *goyaml.SyntaxError
	if !errors.As(err, &syntax) || syntax.Token == nil || syntax.Token.Position == nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		r.errorf(start, "", "cannot read this document: %s", document.Redact(first))
		return
	}
	at := syntax.Token.Position
	r.errorf(r.pos(at.Line, at.Column), "", "this is not YAML: %s", syntax.Message)
}

// convert turns the library's tree into nodes, and makes sure that nothing of
// the text was lost on the way.
func (r *reader) convert(file *ast.File, tokens tokenList, start document.Pos) *document.Node {
	c := &converter{r: r, used: map[place]bool{}}
	node := &document.Node{Kind: document.Null, Pos: start}
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		if node.Kind != document.Null {
			r.errorf(c.at(d.Body), "indent it as what belongs together", "text after the end of the document")
			return node
		}
		node = c.node(d.Body)
	}
	if node.Kind == document.Scalar {
		r.errorf(node.Pos, "a key ends with a colon and a space", "the document is a single text, not a map or a list")
	}
	if len(r.errs) == 0 {
		c.nothingLost(tokens)
	}
	return node
}
