package config

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
)

// grammarOf gives the grammar of a format; nil for what is merged by lines.
func grammarOf(f Format) grammar {
	switch f {
	case YAML:
		return yamlGrammar{}
	case JSON:
		return jsonGrammar{}
	case XML:
		return xmlGrammar{}
	case INI, Properties, Keyword:
		return lineGrammar{f}
	}
	return nil
}

// lineGrammar reads files of a key a line.
type lineGrammar struct{ format Format }

// lines gives the places of a text's lines, with their ends, without a mark of
// the byte order.
func lines(text []byte) []span {
	var out []span
	at := 0
	if bytes.HasPrefix(text, []byte(bom)) {
		at = len(bom)
	}
	for at < len(text) {
		end := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		out = append(out, span{at, end})
		at = end
	}
	return out
}

func (g lineGrammar) comment(line string) bool {
	switch g.format {
	case Properties:
		return line[0] == '#' || line[0] == '!'
	case INI:
		return line[0] == '#' || line[0] == ';'
	}
	return line[0] == '#'
}

func (g lineGrammar) parse(text []byte) (*node, error) {
	root := &node{branch: true}
	if bytes.HasPrefix(text, []byte(bom)) {
		root.body = len(bom)
	}
	section := root
	if g.format == INI { // what stands before the first section is a section too
		section = &node{branch: true, body: root.body, whole: span{root.body, root.body}}
		root.kids = append(root.kids, section)
	}
	var last *node
	deep := 0
	for _, at := range lines(text) {
		raw := strings.TrimRight(string(text[at.from:at.to]), "\r\n")
		line := strings.TrimSpace(raw)
		indent := len(raw) - len(strings.TrimLeft(raw, " \t"))
		switch {
		case last != nil && g.format == Properties && continues(text[last.whole.from:last.whole.to]),
			last != nil && g.format == INI && line != "" && indent > deep && !g.comment(line) && !strings.ContainsAny(line, "=["):
			last.whole.to = at.to
			last.text += "\n" + line
			last.inline = false
			section.whole.to = at.to
			continue
		case line == "" || g.comment(line):
			last = nil
			continue
		case g.format == INI && line[0] == '[':
			end := strings.IndexByte(line, ']')
			if end < 0 {
				return nil, errors.New("a section lacks its ]")
			}
			section = &node{name: line[:end+1], branch: true, whole: at, body: at.to}
			root.kids = append(root.kids, section)
			last = nil
			continue
		}
		last = g.key(raw, at)
		deep = indent
		section.kids = append(section.kids, last)
		section.whole.to = at.to
	}
	if g.format != INI {
		root.whole = span{root.body, len(text)}
	}
	return root, nil
}

// continues says whether the last line of a property goes on in the next.
func continues(text []byte) bool {
	text = bytes.TrimRight(text, "\r\n")
	n := len(text) - len(bytes.TrimRight(text, `\`))
	return n%2 == 1
}

// key reads a line.
func (g lineGrammar) key(raw string, at span) *node {
	start := len(raw) - len(strings.TrimLeft(raw, " \t\f"))
	end := start
	stops := "=:"
	switch g.format {
	case Keyword:
		stops = " \t"
	case Properties:
		stops = "=: \t\f"
	}
	for end < len(raw) && !strings.ContainsRune(stops, rune(raw[end])) {
		if raw[end] == '\\' && g.format == Properties {
			end++
		}
		end++
	}
	end = min(end, len(raw))
	name := strings.TrimSpace(raw[start:end])
	from := end
	for seen := false; from < len(raw); from++ { // blanks, and one sign
		if c := raw[from]; c == ' ' || c == '\t' || c == '\f' {
			continue
		} else if g.format != Keyword && !seen && (c == '=' || c == ':') {
			seen = true
			continue
		}
		break
	}
	value := strings.TrimRight(raw[from:], " \t\f")
	if name == "" {
		name = raw[start:]
	}
	return &node{name: name, text: g.value(value), whole: at, value: span{at.from + from, at.from + from + len(value)}, inline: from > end}
}

func (g lineGrammar) value(text string) string { return strings.TrimSpace(text) }

func (g lineGrammar) name(path []string) string {
	return strings.TrimSpace(strings.Join(path, " "))
}

// commented is the default of a key that stands in a comment.
var commented = regexp.MustCompile(`^\s*[#;!]+\s*([^\s=:]+)`)

func (g lineGrammar) insert(to *file, parent, after *node, from *file, what *node) []edit {
	at := parent.body
	if after != nil {
		at = after.end()
	}
	if !what.branch { // beside the commented default, where there is one
		for _, l := range lines(to.text[:bound(to, parent)]) {
			if l.from < parent.body {
				continue
			}
			if m := commented.FindSubmatch(to.text[l.from:l.to]); m != nil && string(m[1]) == what.name {
				at = l.to
			}
		}
	}
	text := lead(to, from, what.whole.from, g.comment)
	for _, n := range append([]*node{what}, what.more...) {
		text += lineOf(from, n.whole)
	}
	return []edit{{span{at, at}, lineIn(to, at, text)}}
}

// bound is where the section ends, with the comments at its end.
func bound(f *file, section *node) int {
	end := len(f.text)
	for _, k := range f.root.kids {
		if k.branch && k.whole.from > section.whole.from && k.whole.from < end {
			end = k.whole.from
		}
	}
	return end
}

// lead are the comments right above a key that only the site has.
func lead(to, from *file, at int, comment func(string) bool) string {
	var out string
	above := lines(from.text[:at])
	for i := len(above) - 1; i >= 0; i-- {
		raw := from.at(above[i])
		line := strings.TrimSpace(raw)
		if line == "" || !comment(line) || bytes.Contains(to.text, []byte(strings.TrimRight(raw, "\r\n"))) {
			break
		}
		out = lineOf(from, above[i]) + out
	}
	return out
}

// lineOf gives whole lines of a file, each with a line feed alone.
func lineOf(f *file, at span) string {
	text := strings.ReplaceAll(f.at(at), "\r\n", "\n")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// lineIn makes lines fit for a place: with the line ends of the file, and
// without one at its end where the file has none.
func lineIn(f *file, at int, text string) string {
	if at > 0 && at == len(f.text) && f.text[at-1] != '\n' && at != len(bom) {
		text = "\n" + strings.TrimSuffix(text, "\n")
	}
	if f.eol != "\n" {
		text = strings.ReplaceAll(text, "\n", f.eol)
	}
	return text
}

// remove makes a comment of the key: that it was taken out stays to be seen.
func (g lineGrammar) remove(in *file, _, what *node, _ []*node) []edit {
	sign := "#"
	if g.format == INI && !regexp.MustCompile(`(?m)^\s*#`).Match(in.text) {
		sign = ";"
	}
	return commentOut(in, what, sign, g.comment)
}

func commentOut(in *file, what *node, sign string, comment func(string) bool) []edit {
	var out []edit
	for _, n := range append([]*node{what}, what.more...) {
		for _, l := range lines(in.text[:n.whole.to]) {
			line := strings.TrimSpace(in.at(l))
			if l.from >= n.whole.from && line != "" && !comment(line) {
				out = append(out, edit{l, sign + in.at(l)})
			}
		}
	}
	return out
}

func (g lineGrammar) replace(in *file, old *node, from *file, by *node) []edit {
	if old.inline && by.inline && len(old.more)+len(by.more) == 0 {
		return []edit{{old.value, from.at(by.value)}}
	}
	return replaceLines(in, old, from, by)
}

// replaceLines puts all lines of a key in the place of all lines of another.
func replaceLines(in *file, old *node, from *file, by *node) []edit {
	var text string
	for _, n := range append([]*node{by}, by.more...) {
		text += lineOf(from, n.whole)
	}
	if end := old.whole.to; end == len(in.text) && in.text[end-1] != '\n' {
		text = strings.TrimSuffix(text, "\n")
	}
	if in.eol != "\n" {
		text = strings.ReplaceAll(text, "\n", in.eol)
	}
	out := []edit{{old.whole, text}}
	for _, n := range old.more {
		out = append(out, edit{n.whole, ""})
	}
	return out
}
