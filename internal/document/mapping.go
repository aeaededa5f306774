package document

import (
	"fmt"
	"slices"
	"time"
)

// MapDecoder reads a map. Every key that is asked for counts as known; Done
// reports the others.
type MapDecoder struct {
	d     *Decoder
	node  *Node
	what  string
	known []string
	all   bool // Each has taken every key
	bad   bool // not a map: already reported
}

// Map begins to read a map; what names it in errors ("a step"). It is never
// nil: for a node that is no map it records an error and is empty.
func (d *Decoder) Map(n *Node, what string) *MapDecoder {
	m := &MapDecoder{d: d, node: n, what: what}
	if n == nil || n.Kind != Map {
		m.bad = true
		if n != nil {
			d.Errorf(n.Pos, "", "%s must be a map, not %s", what, describe(n))
		}
		return m
	}
	for _, p := range n.Pairs {
		if trap := p.Key.Trap(); trap != "" {
			d.Errorf(p.Key.Pos, fmt.Sprintf("quote it: %q", p.Key.Value), "the key %s is %s, not a text", p.Key.Value, trap)
		}
	}
	return m
}

// Pos is where the map begins.
func (m *MapDecoder) Pos() Pos {
	if m.node == nil {
		return Pos{}
	}
	return m.node.Pos
}

// Bad reports whether the node was no map.
func (m *MapDecoder) Bad() bool { return m.bad }

// Get returns the value of a key, nil when it is absent.
func (m *MapDecoder) Get(key string) *Node {
	m.Known(key)
	if m.bad {
		return nil
	}
	return m.node.Get(key)
}

// Has reports whether a key is present.
func (m *MapDecoder) Has(key string) bool { return m.Get(key) != nil }

// Known tells Done about keys that somebody else reads.
func (m *MapDecoder) Known(keys ...string) {
	for _, k := range keys {
		if !slices.Contains(m.known, k) {
			m.known = append(m.known, k)
		}
	}
}

// Required records an error for every key that is absent.
func (m *MapDecoder) Required(keys ...string) {
	for _, k := range keys {
		if m.Get(k) == nil && !m.bad {
			m.d.Errorf(m.node.Pos, "", "%s needs %q", m.what, k)
		}
	}
}

// Each calls f for every entry, in the order of the document: the keys are
// names that the author chose.
func (m *MapDecoder) Each(f func(name string, key, value *Node)) {
	m.all = true
	if m.bad {
		return
	}
	for _, p := range m.node.Pairs {
		f(p.Key.Value, p.Key, p.Value)
	}
}

// Done records an error for every key that nobody asked for.
func (m *MapDecoder) Done() {
	if m.bad || m.all {
		return
	}
	for _, p := range m.node.Pairs {
		if !slices.Contains(m.known, p.Key.Value) {
			m.d.Errorf(p.Key.Pos, meant(p.Key.Value, m.absent()), "%s has no key %q", m.what, p.Key.Value)
		}
	}
}

// absent are the known keys that the map does not have: only those can have
// been meant.
func (m *MapDecoder) absent() []string {
	var keys []string
	for _, k := range m.known {
		if m.node.Get(k) == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

func (m *MapDecoder) name(key string) string { return fmt.Sprintf("%q", key) }

// String reads a text; see Decoder.String. Absent keys give the zero value,
// here and below.
func (m *MapDecoder) String(key string) string { return m.d.String(m.Get(key), m.name(key)) }

// Scalar reads a single value of any type as it was written.
func (m *MapDecoder) Scalar(key string) string { return m.d.Scalar(m.Get(key), m.name(key)) }

// OneOf reads a text that must be one of those allowed.
func (m *MapDecoder) OneOf(key string, allowed ...string) string {
	return m.d.OneOf(m.Get(key), m.name(key), allowed...)
}

// Bool reads true or false.
func (m *MapDecoder) Bool(key string) bool { return m.d.Bool(m.Get(key), m.name(key)) }

// Int reads a whole number within bounds.
func (m *MapDecoder) Int(key string, low, high int) int {
	return m.d.Int(m.Get(key), m.name(key), low, high)
}

// Duration reads a span of time such as 90s; see ParseDuration.
func (m *MapDecoder) Duration(key string) time.Duration {
	return m.d.Duration(m.Get(key), m.name(key))
}

// Bytes reads a size such as 30MB; see ParseBytes.
func (m *MapDecoder) Bytes(key string, unit Unit) int64 {
	return m.d.Bytes(m.Get(key), m.name(key), unit)
}

// Strings reads a list of texts.
func (m *MapDecoder) Strings(key string) []string { return m.d.Strings(m.Get(key), m.name(key)) }

// OneOrMany reads a list of texts that may be written as one text.
func (m *MapDecoder) OneOrMany(key string) []string { return m.d.OneOrMany(m.Get(key), m.name(key)) }

// List reads the items of a list.
func (m *MapDecoder) List(key string) []*Node { return m.d.List(m.Get(key), m.name(key)) }

// Map reads a map below; nil when the key is absent.
func (m *MapDecoder) Map(key string) *MapDecoder {
	n := m.Get(key)
	if n == nil {
		return nil
	}
	return m.d.Map(n, m.name(key))
}

// StringMap reads a map of names to texts; nil when the key is absent.
func (m *MapDecoder) StringMap(key string) map[string]string {
	child := m.Map(key)
	if child == nil {
		return nil
	}
	all := map[string]string{}
	child.Each(func(name string, _, value *Node) { all[name] = m.d.String(value, m.name(name)) })
	return all
}
