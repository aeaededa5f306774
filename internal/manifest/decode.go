package manifest

import (
	"fmt"
	"regexp"
	"strings"

	"upkeep/internal/document"
)

// Decode reads the documents of a manifest: a product document, a release
// document, or one of each. What is not there is nil. Every mistake is
// reported, as document.Errors sorted by place; then both values are nil.
//
// Decode knows the shape of the documents; what they mean together is for Lint.
func Decode(src document.Source, nodes []*document.Node) (*Product, *Release, error) {
	d := decoder{document.NewDecoder(src)}
	var p *Product
	var r *Release
	for _, n := range nodes {
		d.NoSecrets(n)
		switch {
		case n.Kind == document.Null:
		case n.Get("product") != nil && n.Get("release") != nil:
			d.Errorf(n.Pos, `put a line "---" between them`, "product and release stand in one document")
		case n.Get("product") != nil && p != nil:
			d.Errorf(n.Pos, "", "a second product document, after that in line %d", p.Pos.Line)
		case n.Get("release") != nil && r != nil:
			d.Errorf(n.Pos, "", "a second release document, after that in line %d", r.Pos.Line)
		case n.Get("product") != nil:
			p = d.product(n)
		case n.Get("release") != nil:
			r = d.release(n)
		case n.Kind != document.Map:
			d.Errorf(n.Pos, "", "a document of a manifest must be a map, not %s", n.Kind)
		default:
			d.Errorf(n.Pos, "it begins with product: {id: …} or release: {product: …}", "neither a product nor a release document")
		}
	}
	if p == nil && r == nil && d.Failed() == 0 {
		d.Errorf(document.Pos{File: src.Name}, "", "the manifest is empty")
	}
	if p != nil && r != nil && r.Product != p.ID && r.Product != "" && p.ID != "" {
		d.Errorf(r.Pos, "", "the release is of product %q, but the product document is of %q", r.Product, p.ID)
	}
	if err := d.Err(); err != nil {
		return nil, nil, err
	}
	return p, r, nil
}

// decoder adds what the manifest's own types need.
type decoder struct{ *document.Decoder }

// name is what an id may look like: ids become parts of file names, step names
// and references.
var name = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)

// id checks a name that the author gives to something.
func (d decoder) id(n *document.Node, what, value string) {
	if value == "" {
		return
	}
	if !name.MatchString(value) || strings.Contains(value, "..") {
		d.Errorf(n.Pos, "", "%s cannot be called %q: letters, digits, _ . - are allowed, at most 63", what, value)
	}
}

// reads a field that is an id.
func (d decoder) idKey(m *document.MapDecoder, key, what string) string {
	value := m.String(key)
	if n := m.Get(key); n != nil {
		d.id(n, what, value)
	}
	return value
}

// named reads a map of the author's names to values; nil when it is absent. The
// names come in the order of the document.
func named[T any](d decoder, m *document.MapDecoder, key, what string, f func(name string, n *document.Node) T) (map[string]T, []string) {
	child := m.Map(key)
	if child == nil {
		return nil, nil
	}
	all, order := map[string]T{}, []string(nil)
	child.Each(func(name string, k, v *document.Node) {
		d.id(k, what, name)
		all[name] = f(name, v)
		order = append(order, name)
	})
	return all, order
}

// PlacesOf notes where the entries of some maps of a document stand.
func PlacesOf(n *document.Node, keys ...string) Places {
	var all Places
	for _, key := range keys {
		if m := n.Get(key); m != nil {
			for _, p := range m.Pairs {
				if all == nil {
					all = Places{}
				}
				all[key+"."+p.Key.Value] = p.Value.Pos
			}
		}
	}
	return all
}

// each reads the items of a list.
func each[T any](m *document.MapDecoder, key string, f func(n *document.Node) T) []T {
	var all []T
	for _, n := range m.List(key) {
		all = append(all, f(n))
	}
	return all
}

// Literal reads a value that may be a text, a whole number, true or false, and
// keeps it as it was written. A number with a point or leading zeros is an
// error: it may be a version or a mode.
func Literal(d *document.Decoder, n *document.Node, what string) string {
	if n.Kind == document.Scalar && n.Style == document.Plain && (n.Value == "true" || n.Value == "false" || wholeNumber(n.Value)) {
		return n.Value
	}
	return d.String(n, what)
}

func (d decoder) literal(n *document.Node, what string) string { return Literal(d.Decoder, n, what) }

func wholeNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && len(s) < 16 && strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0')
}

// literals reads one literal or a list of them.
func (d decoder) literals(n *document.Node, what string) []string {
	if n.Kind != document.List {
		return []string{d.literal(n, what)}
	}
	var all []string
	for _, item := range n.Items {
		all = append(all, d.literal(item, "an item of "+what))
	}
	return all
}

// text reads a text that must not be empty.
func (d decoder) text(m *document.MapDecoder, key string) string {
	s, n := m.String(key), m.Get(key)
	if n != nil && n.Kind == document.Scalar && n.Value == "" {
		d.Errorf(n.Pos, "give it a value or remove the key", "%q is empty", key)
	}
	return s
}

// args reads a command: a list of texts that begins with a program.
func (d decoder) args(n *document.Node, key string) []string {
	if n == nil {
		return nil
	}
	if n.Kind == document.Scalar {
		d.Errorf(n.Pos, "write it as a list: [PROGRAM, ARGUMENT, …]", "%q must be a list: commands run without a shell", key)
		return nil
	}
	all := d.Strings(n, fmt.Sprintf("%q", key))
	if n.Kind == document.List && (len(n.Items) == 0 || n.Items[0].Kind == document.Scalar && n.Items[0].Value == "") {
		d.Errorf(n.Pos, "", "%q needs a program", key)
	}
	return all
}
