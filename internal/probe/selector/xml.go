package selector

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// xpath is a path in XML: the part of XPath 1.0 (https://www.w3.org/TR/xpath-10/)
// that configuration files need. Steps are names or *, after / or //; an
// element may be wanted by [@name] or [@name='text']; the last step may be
// @name or text(). Name spaces are passed over: local names count.
type xpath []xstep

type xstep struct {
	deep  bool // after //
	name  string
	attr  bool // @name
	text  bool // text()
	wants []xwant
}

type xwant struct {
	attr  string
	value string
	given bool // value is wanted
}

var (
	xmlStep = regexp.MustCompile(`^(//?)(@?)([A-Za-z_][\w.-]*(?:\(\))?|\*)`)
	xmlWant = regexp.MustCompile(`^\[@([A-Za-z_][\w.-]*)(?:\s*=\s*(?:'([^']*)'|"([^"]*)"))?\]`)
)

// parseXPath reads a path.
func parseXPath(text string) (xpath, error) {
	var out xpath
	rest := text
	for rest != "" {
		m := xmlStep.FindStringSubmatch(rest)
		if m == nil || len(out) > 0 && (out[len(out)-1].attr || out[len(out)-1].text) {
			return nil, fmt.Errorf("cannot read the XPath %q at %q: known are /name, //name, *, [@name], [@name='text'], @name and text()", text, rest)
		}
		s := xstep{deep: m[1] == "//", attr: m[2] == "@", name: m[3]}
		if s.text = s.name == "text()"; !s.text && strings.HasSuffix(s.name, "()") || s.text && s.attr {
			return nil, fmt.Errorf("cannot read the XPath %q: %s is not known", text, s.name)
		}
		rest = rest[len(m[0]):]
		for {
			w := xmlWant.FindStringSubmatch(rest)
			if w == nil {
				break
			}
			s.wants = append(s.wants, xwant{attr: w[1], value: w[2] + w[3], given: strings.Contains(w[0], "=")})
			rest = rest[len(w[0]):]
		}
		out = append(out, s)
	}
	return out, nil
}

// node is an element of an XML text; the root's name is empty.
type node struct {
	name  string
	attrs []xml.Attr
	text  strings.Builder // its own
	below []*node
}

// maxDepth bounds how deep elements may lie in each other.
const maxDepth = 200

func parseXML(text []byte) (*node, error) {
	dec := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	root := &node{}
	open := []*node{root}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the text as XML: %w", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if len(open) > maxDepth {
				return nil, fmt.Errorf("cannot read the text as XML: elements lie more than %d deep", maxDepth)
			}
			n := &node{name: tok.Name.Local, attrs: tok.Attr}
			open[len(open)-1].below = append(open[len(open)-1].below, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 1 {
				open[len(open)-1].text.Write(tok)
			}
		}
	}
}

// fromXML gives all values that a path leads to, in their order.
func fromXML(text []byte, p xpath) ([]string, error) {
	root, err := parseXML(text)
	if err != nil {
		return nil, err
	}
	at := []*node{root}
	for i, s := range p {
		if s.attr || s.text {
			if s.deep {
				at = within(at)
			}
			return s.values(at), nil
		}
		at = s.from(at)
		if i == len(p)-1 {
			return s.values(at), nil
		}
	}
	return nil, nil
}

// within gives the elements with all below them, each once.
func within(at []*node) []*node {
	seen := map[*node]bool{}
	var out []*node
	var walk func(n *node)
	walk = func(n *node) {
		if seen[n] {
			return
		}
		seen[n], out = true, append(out, n)
		for _, b := range n.below {
			walk(b)
		}
	}
	for _, n := range at {
		walk(n)
	}
	return out
}

func (s xstep) from(at []*node) []*node {
	if s.deep {
		at = within(at)
	}
	var out []*node
	for _, n := range at {
		for _, b := range n.below {
			if (s.name == "*" || b.name == s.name) && s.fits(b) {
				out = append(out, b)
			}
		}
	}
	return out
}

func (s xstep) fits(n *node) bool {
	for _, w := range s.wants {
		v, ok := n.attr(w.attr)
		if !ok || w.given && v != w.value {
			return false
		}
	}
	return true
}

func (n *node) attr(name string) (string, bool) {
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// values gives what the step means of each element: an attribute, or its text.
// An element without text that is wanted by an attribute, //*[@path], gives
// that attribute.
func (s xstep) values(at []*node) []string {
	var out []string
	for _, n := range at {
		v := strings.TrimSpace(n.text.String())
		switch {
		case s.attr:
			v, _ = n.attr(s.name)
		case s.text:
		case v == "" && len(s.wants) > 0 && !s.wants[len(s.wants)-1].given:
			v, _ = n.attr(s.wants[len(s.wants)-1].attr)
		}
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}
