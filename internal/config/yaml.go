package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// yamlGrammar reads a YAML document whose top is a map. Maps in blocks are
// branches; all else (lists, maps in braces, what has an anchor) is one value.
// It goes by lines, which is ten times as fast as a parser and enough to find
// keys; what comes out of a merge is read by a parser too.
type yamlGrammar struct{}

func (g yamlGrammar) parse(text []byte) (*node, error) {
	p := &yamlParser{text: string(text), lines: lines(text)}
	root := &node{branch: true, whole: span{0, len(text)}, body: len(text)}
	first, end := 0, len(p.lines)
	begun := false
	for i := range p.lines {
		line := strings.TrimRight(p.line(i), " \t")
		switch {
		case line == "---" && !begun, strings.HasPrefix(line, "%") && !begun:
			first = i + 1
		case blank(line):
			continue
		case line == "..." && end == len(p.lines):
			end = i
		case i >= end || line == "---" || strings.HasPrefix(line, "--- "):
			return nil, errors.New("it holds several documents, or its first line more than a mark")
		}
		begun = begun || line == "---" || line[0] != '%'
	}
	if first = p.content(first, end); first == end {
		return root, nil
	}
	return root, p.branch(root, first, end)
}

type yamlParser struct {
	text  string
	lines []span
}

// line is a line without its end.
func (p *yamlParser) line(i int) string {
	return strings.TrimRight(p.text[p.lines[i].from:p.lines[i].to], "\r\n")
}

// content is the first line from there on that holds more than a comment.
func (p *yamlParser) content(i, end int) int {
	for i < end && blank(p.line(i)) {
		i++
	}
	return i
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// branch reads the keys of a map: lines first to end, the first of which holds
// a key.
func (p *yamlParser) branch(n *node, first, end int) error {
	column := indentOf(p.line(first))
	seen := map[string]bool{}
	for i := first; i < end; {
		k, next, err := p.pair(i, column, end)
		if err != nil {
			return fmt.Errorf("%w (line %d)", err, i+1)
		}
		if seen[k.name] {
			return errors.New("the key " + k.name + " is there twice")
		}
		seen[k.name] = true
		n.kids = append(n.kids, k)
		i = p.content(next, end)
	}
	n.body = n.kids[0].whole.from
	n.indent = strings.Repeat(" ", column)
	return nil
}

// pair reads a key with what belongs to it, without the comments and blanks at
// its end; next is the line after it.
func (p *yamlParser) pair(first, column, limit int) (k *node, next int, err error) {
	line := p.line(first)
	if indentOf(line) != column || strings.ContainsRune("-?{}[]|>@`%&*!,#\t", rune(line[column])) && !strings.HasPrefix(line[column:], "<<") {
		return nil, 0, errors.New("the place of a key is not clear")
	}
	colon, err := keyEnd(line, column)
	if err != nil {
		return nil, 0, err
	}
	k = &node{name: strings.Trim(line[column:colon], ` "'`)}
	rest := line[colon+1:]
	from := colon + 1 + len(rest) - len(strings.TrimLeft(rest, " \t"))
	end, last, err := p.extent(first, from, column, limit)
	if err != nil {
		return nil, 0, err
	}
	k.whole = span{p.lines[first].from, p.lines[last-1].to}
	if blank(line[from:]) {
		if below := p.content(first+1, last); below < last {
			l := p.line(below)
			deep := indentOf(l)
			if _, err := keyEnd(l, deep); err == nil && deep > column && !strings.ContainsRune("-?{[|>&*!", rune(l[deep])) {
				k.branch = true
				return k, end, p.branch(k, below, last)
			}
		}
	}
	if stop := valueEnd(line, from); last == first+1 && stop >= 0 {
		k.value, k.inline = span{p.lines[first].from + from, p.lines[first].from + stop}, from > colon+1
		k.text = line[from:stop]
		return k, end, nil
	}
	var text []string
	for i := first; i < last; i++ {
		l := p.line(i)
		if i == first {
			l = line[from:]
		} else if len(l) >= column && blank(l[:column]) {
			l = l[column:]
		}
		text = append(text, strings.TrimRight(l, " \t"))
	}
	k.text = strings.Join(text, "\n")
	return k, end, nil
}

// extent finds the line after a value, and the line after the last one that
// holds something of it.
func (p *yamlParser) extent(first, from, column, limit int) (end, last int, err error) {
	line := p.line(first)
	end, last = first+1, first+1
	block := from < len(line) && strings.ContainsRune("|>", rune(line[from]))
	if from < len(line) && strings.ContainsRune("\"'[{", rune(line[from])) {
		close := p.closes(first, from, limit)
		if close < 0 {
			return 0, 0, errors.New("what a value opens is not closed")
		}
		end, last = close+1, close+1
	}
	for ; end < limit; end++ {
		l := p.line(end)
		trimmed := strings.TrimSpace(l)
		deep := indentOf(l)
		switch {
		case trimmed == "":
			continue
		case block && deep > column:
		case trimmed[0] == '#':
			continue
		case deep > column:
		case deep == column && (trimmed == "-" || strings.HasPrefix(trimmed, "- ")) && blank(line[from:]):
		default:
			return end, last, nil
		}
		last = end + 1
	}
	return end, last, nil
}

// closes finds the line where a quoted text, or a list or map in brackets, ends.
func (p *yamlParser) closes(first, from, limit int) int {
	depth, quote := 0, byte(0)
	for i := first; i < limit; i++ {
		line := p.line(i)
		k := 0
		if i == first {
			k = from
		}
		for ; k < len(line); k++ {
			c := line[k]
			switch {
			case quote == '"' && c == '\\':
				k++
			case quote == '\'' && c == quote && k+1 < len(line) && line[k+1] == quote:
				k++
			case quote != 0:
				if c == quote {
					if quote = 0; depth == 0 {
						return i
					}
				}
			case c == '#' && k > 0 && (line[k-1] == ' ' || line[k-1] == '\t'):
				k = len(line)
			case (c == '"' || c == '\'') && (i == first && k == from || depth > 0 && (k == 0 || strings.ContainsRune("[{, :\t", rune(line[k-1])))):
				quote = c
			case c == '[' || c == '{':
				depth++
			case c == ']' || c == '}':
				if depth--; depth == 0 {
					return i
				}
			}
		}
	}
	return -1
}

// sound has a parser read a text: it must find the same keys at the same places.
func (yamlGrammar) sound(text []byte, root *node) error {
	text = bytes.TrimPrefix(text, []byte(bom))
	f, err := parser.ParseBytes(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), 0)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return errors.New(first)
	}
	for _, d := range f.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType && d.Body.Type() != ast.NullType {
			return sameKeys(root, d.Body)
		}
	}
	if len(root.kids) > 0 {
		return errors.New("a parser finds no keys in it")
	}
	return nil
}

func sameKeys(n *node, body ast.Node) error {
	var pairs []*ast.MappingValueNode
	switch b := body.(type) {
	case *ast.MappingNode:
		pairs = b.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{b}
	}
	if len(pairs) != len(n.kids) {
		return fmt.Errorf("a parser finds %d keys where there are %d", len(pairs), len(n.kids))
	}
	for i, k := range n.kids {
		if tok := pairs[i].Key.GetToken(); strings.Trim(tok.Value, ` "'`) != k.name && !strings.ContainsRune(k.name, '\\') && !strings.Contains(k.name, "''") {
			return fmt.Errorf("a parser finds the key %q where %q is", tok.Value, k.name)
		}
		if k.branch {
			if err := sameKeys(k, pairs[i].Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// blank: nothing stands there, or a comment.
func blank(s string) bool {
	s = strings.TrimSpace(s)
	return s == "" || s[0] == '#'
}

// keyEnd finds the colon after a key.
func keyEnd(line string, at int) (int, error) {
	if q := line[at:]; q != "" && (q[0] == '"' || q[0] == '\'') {
		end := quoteEnd(line, at)
		if end < 0 {
			return 0, errors.New("the quotes of a key do not end")
		}
		for ; end < len(line); end++ {
			if line[end] == ':' {
				return end, nil
			}
		}
		return 0, errors.New("a key has no colon")
	}
	for i := at; i < len(line); i++ {
		if line[i] == ':' && (i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t') {
			return i, nil
		}
	}
	return 0, errors.New("a key has no colon")
}

// quoteEnd gives what follows the quoted text that begins at a place.
func quoteEnd(line string, at int) int {
	q := line[at]
	for i := at + 1; i < len(line); i++ {
		switch {
		case q == '"' && line[i] == '\\':
			i++
		case line[i] == q && q == '\'' && i+1 < len(line) && line[i+1] == q:
			i++
		case line[i] == q:
			return i + 1
		}
	}
	return -1
}

// valueEnd finds where a value ends that stands in one line; -1: it does not.
func valueEnd(line string, from int) int {
	end := len(line)
	for i := from; i < len(line); i++ {
		if (line[i] == '"' || line[i] == '\'') && (i == from || strings.ContainsRune("[{, :", rune(line[i-1]))) {
			next := quoteEnd(line, i)
			if next < 0 {
				return -1
			}
			i = next - 1
			continue
		}
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			end = i
			break
		}
	}
	return from + len(strings.TrimRight(line[min(from, end):end], " \t"))
}

func (yamlGrammar) value(text string) string { return strings.TrimSpace(text) }

func (yamlGrammar) name(path []string) string { return strings.Join(path, ".") }

func yamlComment(line string) bool { return line[0] == '#' }

func (g yamlGrammar) insert(to *file, parent, after *node, from *file, what *node) []edit {
	at := parent.body
	if after != nil {
		at = after.end()
	}
	text := lead(to, from, what.whole.from, yamlComment) + lineOf(from, what.whole)
	text = g.shift(text, lineIndent(from.text, keyAt(from, what)), parent.indent)
	return []edit{{span{at, at}, lineIn(to, at, text)}}
}

// keyAt is where the key begins in its line.
func keyAt(f *file, n *node) int {
	for i := n.whole.from; i < n.whole.to; i++ {
		if f.text[i] != ' ' {
			return i
		}
	}
	return n.whole.from
}

// shift moves all lines.
func (yamlGrammar) shift(text, was, is string) string {
	if was == is {
		return text
	}
	l := strings.Split(text, "\n")
	for i := range l {
		if rest, ok := strings.CutPrefix(l[i], was); ok && rest != "" {
			l[i] = is + rest
		}
	}
	return strings.Join(l, "\n")
}

func (yamlGrammar) remove(in *file, _, what *node, _ []*node) []edit {
	return commentOut(in, what, "#", yamlComment)
}

func (g yamlGrammar) replace(in *file, old *node, from *file, by *node) []edit {
	if old.inline && by.inline {
		return []edit{{old.value, from.at(by.value)}}
	}
	text := g.shift(lineOf(from, by.whole), lineIndent(from.text, keyAt(from, by)), lineIndent(in.text, keyAt(in, old)))
	end := old.whole.to
	if end == len(in.text) && in.text[end-1] != '\n' {
		text = strings.TrimSuffix(text, "\n")
	}
	return []edit{{old.whole, strings.ReplaceAll(text, "\n", in.eol)}}
}
