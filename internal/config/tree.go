package config

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// node is a key with its value, or with keys below it.
type node struct {
	name   string
	branch bool
	text   string  // of a leaf: its value, as values are compared
	whole  span    // all of it, as it is taken out or copied: of line formats, whole lines
	value  span    // of a leaf: its value alone, where that can be replaced by itself; otherwise empty
	inline bool    // value is set
	more   []*node // further places of the same key
	kids   []*node
	body   int    // of a branch: where a first child is put
	indent string // of what stands in it
	closed bool   // of an XML element: it is written <a/>
}

func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	if i := slices.IndexFunc(n.kids, func(k *node) bool { return k.name == name }); i >= 0 {
		return n.kids[i]
	}
	return nil
}

// same says that two nodes mean the same: they may differ in order, comments and
// blanks. Keys stand in a node once.
func same(a, b *node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.branch != b.branch || len(a.kids) != len(b.kids) || !a.branch && a.text != b.text {
		return false
	}
	var others map[string]*node
	for i, k := range a.kids {
		o := b.kids[i]
		if o.name != k.name { // they stand in another order
			if others == nil {
				others = index(b)
			}
			o = others[k.name]
		}
		if o == nil || !same(k, o) {
			return false
		}
	}
	return true
}

// sameIn is same, and faster where two files have the same bytes.
func sameIn(f *file, a *node, g *file, b *node) bool {
	if a != nil && b != nil && a.branch && b.branch && len(a.more) == 0 && len(b.more) == 0 && bytes.Equal(f.text[a.whole.from:a.whole.to], g.text[b.whole.from:b.whole.to]) {
		return true
	}
	return same(a, b)
}

// end is where the last place of the node ends.
func (n *node) end() int {
	end := n.whole.to
	for _, m := range n.more {
		end = max(end, m.whole.to)
	}
	return end
}

// grammar finds the keys of a format, and knows how a key is put in and taken
// out.
type grammar interface {
	parse(text []byte) (*node, error)
	name(path []string) string
	value(text string) string // as values are compared
	insert(to *file, parent, after *node, from *file, what *node) []edit
	remove(in *file, parent, what *node, gone []*node) []edit
	replace(in *file, old *node, from *file, by *node) []edit
}

type file struct {
	text []byte
	root *node
	eol  string
}

func (f *file) at(s span) string { return string(f.text[s.from:s.to]) }

// parse reads a text and brings places of the same key together.
func parse(g grammar, text []byte) (root *node, err error) {
	if !Text(text) {
		return nil, fmt.Errorf("it is no text")
	}
	defer func() { // the parsers are others' code, and read what anybody wrote
		if p := recover(); p != nil {
			root, err = nil, fmt.Errorf("it cannot be read: %v", p)
		}
	}()
	if root, err = g.parse(text); err != nil {
		return nil, err
	}
	root.together()
	return root, nil
}

// together makes one node of all places of a key.
func (n *node) together() {
	if twice(n.kids) {
		n.joinTwice()
	}
	for _, k := range n.kids {
		if k.branch {
			k.together()
		}
	}
}

func (n *node) joinTwice() {
	seen := map[string]*node{}
	var kids []*node
	for _, k := range n.kids {
		first, ok := seen[k.name]
		switch {
		case !ok:
			seen[k.name] = k
			kids = append(kids, k)
		case first.branch && k.branch:
			first.kids = append(first.kids, k.kids...)
			first.more = append(first.more, k)
		default:
			if first.more == nil {
				first.text = strconv.Quote(first.text)
			}
			first.text += "\n" + strconv.Quote(k.text)
			first.more = append(first.more, k)
			first.inline = false
		}
	}
	n.kids = kids
}

// twice says that a key is there more than once.
func twice(kids []*node) bool {
	const few = 8
	if len(kids) > few {
		seen := make(map[string]bool, len(kids))
		for _, k := range kids {
			seen[k.name] = true
		}
		return len(seen) < len(kids)
	}
	for i, k := range kids {
		if slices.ContainsFunc(kids[:i], func(o *node) bool { return o.name == k.name }) {
			return true
		}
	}
	return false
}

// merger compares three trees and collects what is to be changed in the third.
type merger struct {
	g               grammar
	base, site, new *file
	choices         map[string]string
	edits           []edit
	conflicts       []Conflict
	obsolete, kept  []string
	edited          []string
	used            map[string]int
	err             error
}

// branch merges what is below a key, and gives what the new text must mean
// then.
func (m *merger) branch(b, s, n *node, path []string) *node {
	out := &node{branch: true}
	if b == nil {
		b = out
	}
	base, site, fresh := index(b), index(s), index(n)
	add := func(name string, k *node) {
		if k != nil {
			out.kids = append(out.kids, &node{name: name, branch: k.branch, text: k.text, kids: k.kids})
		}
	}
	var gone []*node
	var insert []*node
	for _, name := range names(s, n, b) {
		bk, sk, nk := base[name], site[name], fresh[name]
		at := append(slices.Clone(path), name)
		switch {
		case sameIn(m.site, sk, m.base, bk) || sameIn(m.site, sk, m.new, nk):
			add(name, nk)
		case sk != nil && nk != nil && sk.branch && nk.branch && (bk == nil || bk.branch):
			k := m.branch(bk, sk, nk, at)
			k.name = name
			out.kids = append(out.kids, k)
		case bk != nil && nk == nil: // the new release has it no more
			id := m.id(at)
			m.obsolete = append(m.obsolete, id)
			if m.choices[id] == New {
				continue
			}
			insert = append(insert, sk)
			m.kept = append(m.kept, id)
			add(name, sk)
		default:
			add(name, m.choose(at, bk, sk, nk, &insert, &gone))
		}
	}
	for _, k := range gone {
		m.edits = append(m.edits, m.g.remove(m.new, n, k, gone)...)
	}
	m.insert(n, s, insert, gone)
	return out
}

// choose decides what becomes of a key that the site has changed.
func (m *merger) choose(at []string, bk, sk, nk *node, insert, gone *[]*node) *node {
	id, chosen := m.id(at), Mine
	if !same(nk, bk) {
		if list, ok := m.lists(bk, sk, nk); ok {
			m.edits = append(m.edits, list.edits...)
			m.kept = append(m.kept, id)
			return list.node
		}
		chosen = m.choices[id]
		m.conflicts = append(m.conflicts, Conflict{id, m.show(m.base, bk), m.show(m.site, sk), m.show(m.new, nk), chosen})
	}
	text, given := strings.CutPrefix(chosen, "=")
	switch {
	case given:
		return m.given(id, text, sk, nk)
	case chosen == New || chosen == "":
		return nk
	case chosen != Mine:
		m.fail("%q is no choice for %s: say %s, %s, or = and the value", chosen, id, Mine, New)
		return nk
	}
	m.kept = append(m.kept, id)
	switch {
	case sk == nil:
		*gone = append(*gone, nk)
	case nk == nil:
		*insert = append(*insert, sk)
	default:
		m.edits = append(m.edits, m.g.replace(m.new, nk, m.site, sk)...)
	}
	return sk
}

// given writes a value that somebody has chosen.
func (m *merger) given(id, text string, sk, nk *node) *node {
	m.edited = append(m.edited, id)
	switch {
	case nk == nil || nk.branch || !nk.inline || len(nk.more) > 0:
		m.fail("the value of %s cannot be chosen, since it is not in one line of the new release's file: choose %s or %s, or change the site's file", id, Mine, New)
		return nk
	case strings.ContainsAny(text, "\r\n"):
		m.fail("the value of %s has to be in one line", id)
		return nk
	}
	m.edits = append(m.edits, edit{nk.value, text})
	return &node{name: nk.name, text: m.g.value(text)}
}

func (m *merger) fail(format string, a ...any) {
	if m.err == nil {
		m.err = fmt.Errorf(format, a...)
	}
}

// insert puts keys of the site in, each after the one that it follows at the
// site, as far as the new text has that.
func (m *merger) insert(n, s *node, insert, gone []*node) {
	if len(insert) == 0 {
		return
	}
	fresh := index(n)
	var after *node
	for _, k := range s.kids {
		if slices.Contains(insert, k) {
			m.edits = append(m.edits, m.g.insert(m.new, n, after, m.site, k)...)
			continue
		}
		if nk := fresh[k.name]; nk != nil && !slices.Contains(gone, nk) {
			after = nk
		}
	}
}

// id names a key for people; no two the same.
func (m *merger) id(path []string) string {
	if m.used == nil {
		m.used = map[string]int{}
	}
	id := m.g.name(path)
	if m.used[id]++; m.used[id] > 1 {
		id += "#" + strconv.Itoa(m.used[id])
	}
	return id
}

// show is a value for people.
func (m *merger) show(f *file, n *node) string {
	switch {
	case n == nil:
		return ""
	case n.inline:
		return f.at(n.value)
	}
	text := strings.TrimSpace(f.at(n.whole))
	for _, o := range n.more {
		text += "\n" + strings.TrimSpace(f.at(o.whole))
	}
	return text
}

func index(n *node) map[string]*node {
	out := make(map[string]*node, len(n.kids))
	for _, k := range n.kids {
		out[k.name] = k
	}
	return out
}

// names lists the keys of several nodes, in order, each once.
func names(all ...*node) []string {
	seen := map[string]bool{}
	var out []string
	for _, n := range all {
		for _, k := range n.kids {
			if !seen[k.name] {
				seen[k.name] = true
				out = append(out, k.name)
			}
		}
	}
	return out
}

// listed is a key with several values, merged.
type listed struct {
	node  *node
	edits []edit
}

// lists merges the values of a key that stands in a file several times: what
// the site has added is added, what it has taken out is taken out. It does not
// where the site has taken out what the new release has changed.
func (m *merger) lists(bk, sk, nk *node) (out listed, ok bool) {
	if bk == nil || sk == nil || nk == nil || bk.branch || sk.branch || nk.branch || len(nk.more) == 0 && len(sk.more) == 0 && len(bk.more) == 0 {
		return out, false
	}
	items := func(n *node) (all []*node) { return append([]*node{n}, n.more...) }
	has := func(n *node, text string) bool {
		return slices.ContainsFunc(items(n), func(i *node) bool { return i.item() == text })
	}
	var texts []string
	last := nk.end()
	for _, i := range items(nk) {
		if has(bk, i.item()) && !has(sk, i.item()) {
			out.edits = append(out.edits, edit{i.whole, ""})
			continue
		}
		texts = append(texts, i.item())
	}
	for _, i := range items(bk) {
		if !has(sk, i.item()) && !has(nk, i.item()) {
			return out, false // both have changed this one
		}
	}
	for _, i := range items(sk) {
		if !has(bk, i.item()) && !has(nk, i.item()) {
			out.edits = append(out.edits, edit{span{last, last}, lineIn(m.new, last, lineOf(m.site, i.whole))})
			texts = append(texts, i.item())
		}
	}
	n := &node{name: nk.name}
	for k, t := range texts {
		if k == 0 {
			n.text = t
			continue
		}
		if k == 1 {
			n.text = strconv.Quote(texts[0])
		}
		n.text += "\n" + strconv.Quote(t)
	}
	out.node = n
	return out, len(texts) > 0
}

// item is the value at this place alone.
func (n *node) item() string {
	if len(n.more) > 0 {
		first, _, _ := strings.Cut(n.text, "\n")
		if s, err := strconv.Unquote(first); err == nil {
			return s
		}
	}
	return n.text
}
