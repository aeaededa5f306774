package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/tailscale/hujson"
)

// jsonGrammar reads JSON with comments.
type jsonGrammar struct{}

func (g jsonGrammar) parse(text []byte) (*node, error) {
	skip := 0
	if bytes.HasPrefix(text, []byte(bom)) {
		skip = len(bom)
	}
	v, err := hujson.Parse(text[skip:])
	if err != nil {
		return nil, err
	}
	if _, ok := v.Value.(*hujson.Object); !ok {
		return nil, errors.New("it is no object")
	}
	return g.node(text, skip, v)
}

func (g jsonGrammar) node(text []byte, skip int, v hujson.Value) (*node, error) {
	n := &node{value: span{skip + v.StartOffset, skip + v.EndOffset}, inline: true}
	n.whole = n.value
	o, ok := v.Value.(*hujson.Object)
	if !ok {
		n.text = string(text[n.value.from:n.value.to])
		if _, ok := v.Value.(hujson.Literal); !ok {
			n.text = g.value(n.text)
		}
		return n, nil
	}
	n.branch, n.inline, n.body = true, false, n.value.from+1
	seen := map[string]bool{}
	for _, m := range o.Members {
		k, err := g.node(text, skip, m.Value)
		if err != nil {
			return nil, err
		}
		k.name = m.Name.Value.(hujson.Literal).String()
		if seen[k.name] {
			return nil, errors.New("the key " + k.name + " is there twice")
		}
		seen[k.name] = true
		k.whole = span{skip + m.Name.StartOffset, k.value.to}
		n.kids = append(n.kids, k)
	}
	n.indent = indentAt(text, n)
	return n, nil
}

// indentAt is what stands before the first key on its line.
func indentAt(text []byte, n *node) string {
	if len(n.kids) == 0 {
		return ""
	}
	from := bytes.LastIndexByte(text[:n.kids[0].whole.from], '\n') + 1
	blank := string(text[from:n.kids[0].whole.from])
	if strings.TrimSpace(blank) != "" {
		return ""
	}
	return blank
}

func (jsonGrammar) value(text string) string {
	if text = strings.TrimSpace(text); text != "" && text[0] != '[' && text[0] != '{' && text[0] != '/' {
		return text
	}
	std, err := hujson.Standardize([]byte(text))
	var out bytes.Buffer
	if err != nil || json.Compact(&out, std) != nil {
		return strings.TrimSpace(text)
	}
	return out.String()
}

func (jsonGrammar) name(path []string) string { return strings.Join(path, ".") }

func (jsonGrammar) insert(to *file, parent, after *node, from *file, what *node) []edit {
	text := strings.ReplaceAll(from.at(what.whole), "\r\n", "\n")
	sep, end := " ", ""
	switch {
	case parent.indent != "" || len(parent.kids) == 0 && bytes.IndexByte(to.text, '\n') >= 0:
		indent := parent.indent
		if len(parent.kids) == 0 {
			outer := lineIndent(to.text, parent.body)
			indent, end = outer+"  ", to.eol+outer
			if strings.HasPrefix(outer, "\t") {
				indent = outer + "\t"
			}
		}
		text = strings.ReplaceAll(reindent(text, lineIndent(from.text, what.whole.from), indent), "\n", to.eol)
		sep = to.eol + indent
	}
	switch {
	case after != nil:
		return []edit{{span{after.whole.to, after.whole.to}, "," + sep + text}}
	case len(parent.kids) > 0:
		at := parent.kids[0].whole.from
		return []edit{{span{at, at}, text + "," + sep}}
	}
	return []edit{{span{parent.body, parent.body}, sep + text + end}}
}

func lineIndent(text []byte, at int) string {
	line := text[bytes.LastIndexByte(text[:at], '\n')+1 : at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// reindent moves all lines but the first.
func reindent(text, was, is string) string {
	if was == is {
		return text
	}
	l := strings.Split(text, "\n")
	for i := 1; i < len(l); i++ {
		if rest, ok := strings.CutPrefix(l[i], was); ok {
			l[i] = is + rest
		}
	}
	return strings.Join(l, "\n")
}

func (jsonGrammar) remove(_ *file, parent, what *node, gone []*node) []edit {
	isGone := map[*node]bool{}
	for _, k := range gone {
		isGone[k] = true
	}
	kept := false
	for i, k := range parent.kids {
		switch {
		case k != what:
			kept = kept || !isGone[k]
		case kept:
			return []edit{{span{parent.kids[i-1].whole.to, k.whole.to}, ""}}
		case i+1 < len(parent.kids):
			return []edit{{span{k.whole.from, parent.kids[i+1].whole.from}, ""}}
		default:
			return []edit{{k.whole, ""}}
		}
	}
	return nil
}

func (jsonGrammar) replace(in *file, old *node, from *file, by *node) []edit {
	text := strings.ReplaceAll(from.at(by.value), "\r\n", "\n")
	text = reindent(text, lineIndent(from.text, by.whole.from), lineIndent(in.text, old.whole.from))
	return []edit{{old.value, strings.ReplaceAll(text, "\n", in.eol)}}
}
