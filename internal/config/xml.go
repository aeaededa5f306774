package config

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// xmlGrammar reads XML. Elements of one name are told apart by an attribute key,
// name or id; where they cannot be, what they stand in is one value.
type xmlGrammar struct{}

func (g xmlGrammar) parse(text []byte) (*node, error) {
	skip := 0
	if bytes.HasPrefix(text, []byte(bom)) {
		skip = len(bom)
	}
	d := xml.NewDecoder(bytes.NewReader(text[skip:]))
	d.CharsetReader = func(name string, r io.Reader) (io.Reader, error) {
		if strings.EqualFold(name, "us-ascii") || strings.EqualFold(name, "iso-8859-1") {
			return nil, fmt.Errorf("it is written in %s", name)
		}
		return nil, fmt.Errorf("it is written in %s, which is not known", name)
	}
	root := &node{branch: true, body: skip, whole: span{skip, len(text)}}
	open := []*element{{node: root}}
	for {
		from := skip + int(d.InputOffset())
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		to := skip + int(d.InputOffset())
		in := open[len(open)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			e, err := startOf(text, span{from, to}, tok)
			if err != nil {
				return nil, err
			}
			open = append(open, e)
		case xml.EndElement:
			if len(open) == 1 || in.tag != full(tok.Name) {
				return nil, fmt.Errorf("</%s> closes nothing", full(tok.Name))
			}
			in.end(text, from, to)
			open = open[:len(open)-1]
			out := open[len(open)-1]
			out.node.kids = append(out.node.kids, in.node)
			out.elements++
		case xml.CharData:
			in.words = in.words || len(bytes.TrimSpace(tok)) > 0
		}
	}
	if len(open) != 1 {
		return nil, fmt.Errorf("<%s> is not closed", open[len(open)-1].tag)
	}
	if open[0].elements != 1 {
		return nil, errors.New("it has not one element at its top")
	}
	return root, nil
}

type element struct {
	node     *node
	tag      string
	content  int // where its content begins
	elements int
	words    bool
}

func full(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

// startOf reads a start tag, with the places of its attributes.
func startOf(text []byte, at span, tok xml.StartElement) (*element, error) {
	e := &element{tag: full(tok.Name), content: at.to}
	e.node = &node{name: e.tag, branch: true, whole: at, body: at.from + 1 + len(e.tag), closed: bytes.HasSuffix(text[at.from:at.to], []byte("/>"))}
	pos := e.node.body
	for _, a := range tok.Attr {
		name := full(a.Name)
		i := bytes.Index(text[pos:at.to], []byte(name))
		if i < 0 {
			return nil, fmt.Errorf("the attribute %s is not found", name)
		}
		from := pos + i
		q := bytes.IndexAny(text[from+len(name):at.to], `"'`)
		if q < 0 {
			return nil, fmt.Errorf("the attribute %s has no quotes", name)
		}
		start := from + len(name) + q + 1
		end := bytes.IndexByte(text[start:at.to], text[start-1])
		if end < 0 {
			return nil, fmt.Errorf("the attribute %s has no end", name)
		}
		v := span{start, start + end}
		pos = v.to + 1
		e.node.kids = append(e.node.kids, &node{name: "@" + name, text: string(text[v.from:v.to]), whole: span{from, pos}, value: v, inline: true})
	}
	for _, id := range []string{"key", "name", "id"} {
		for _, a := range tok.Attr {
			if strings.EqualFold(a.Name.Local, id) {
				e.node.name = e.tag + "[" + full(a.Name) + "=" + a.Value + "]"
				return e, nil
			}
		}
	}
	return e, nil
}

// end closes an element.
func (e *element) end(text []byte, from, to int) {
	n := e.node
	n.whole.to = to
	inner := span{e.content, max(from, e.content)}
	if n.closed {
		inner = span{e.content, e.content}
	}
	switch {
	case e.words && e.elements > 0 || twice(n.kids): // one value, with all in it
		*n = node{name: n.name, text: strings.Join(strings.Fields(string(text[n.whole.from:n.whole.to])), " "), whole: n.whole}
	case e.words:
		n.kids = append(n.kids, &node{name: "#text", text: strings.TrimSpace(string(text[inner.from:inner.to])), whole: inner, value: inner, inline: true})
	default:
		n.value = inner
	}
}

func (xmlGrammar) value(text string) string { return strings.TrimSpace(text) }

func (xmlGrammar) name(path []string) string {
	out := ""
	for _, p := range path {
		switch {
		case strings.HasPrefix(p, "@"):
			out += p
		case p == "#text":
		case out == "":
			out = p
		default:
			out += "/" + p
		}
	}
	return out
}

func (g xmlGrammar) insert(to *file, parent, after *node, from *file, what *node) []edit {
	text := strings.ReplaceAll(from.at(what.whole), "\r\n", "\n")
	if strings.HasPrefix(what.name, "@") {
		at := parent.body
		if after != nil && strings.HasPrefix(after.name, "@") {
			at = after.whole.to
		}
		return []edit{{span{at, at}, " " + text}}
	}
	if what.name == "#text" {
		return []edit{{parent.value, from.at(what.value)}}
	}
	outer := lineIndent(to.text, parent.whole.from)
	indent, elements := outer+"  ", false
	for _, k := range parent.kids {
		if !strings.HasPrefix(k.name, "@") {
			indent, elements = lineIndent(to.text, k.whole.from), true
			break
		}
	}
	text = reindent(text, lineIndent(from.text, what.whole.from), indent)
	text = strings.ReplaceAll("\n"+indent+text, "\n", to.eol)
	switch {
	case parent.closed:
		at := span{parent.whole.to - 2, parent.whole.to}
		return []edit{{at, ">" + text + to.eol + outer + "</" + tagOf(parent.name) + ">"}}
	case after != nil && !strings.HasPrefix(after.name, "@"):
		return []edit{{span{after.whole.to, after.whole.to}, text}}
	case elements:
		return []edit{{span{parent.value.from, parent.value.from}, text}}
	}
	return []edit{{parent.value, text + to.eol + outer}}
}

func tagOf(name string) string {
	tag, _, _ := strings.Cut(name, "[")
	return tag
}

func (xmlGrammar) remove(in *file, _, what *node, _ []*node) []edit {
	from := what.whole.from
	if what.name != "#text" {
		from = len(bytes.TrimRight(in.text[:from], " \t\r\n"))
	}
	return []edit{{span{from, what.whole.to}, ""}}
}

func (xmlGrammar) replace(in *file, old *node, from *file, by *node) []edit {
	if old.inline && by.inline {
		text := from.at(by.value)
		if strings.HasPrefix(old.name, "@") { // the other's may have other quotes
			return []edit{{old.whole, from.at(by.whole)}}
		}
		return []edit{{old.value, text}}
	}
	text := strings.ReplaceAll(from.at(by.whole), "\r\n", "\n")
	text = reindent(text, lineIndent(from.text, by.whole.from), lineIndent(in.text, old.whole.from))
	return []edit{{old.whole, strings.ReplaceAll(text, "\n", in.eol)}}
}
