// Package document is the common ground of everything that is read from a
// file: a tree of nodes that know where they stand, errors that show the place
// and what was probably meant, and a small kit for strict decoders written by
// hand. It knows no file format; package document/yaml makes the nodes.
//
// It is part of the model: pure, without I/O. It imports the standard library
// and document/nearest.
package document

import (
	"cmp"
	"fmt"
)

// Pos is a place in a source.
type Pos struct {
	File   string // name of the source as the user knows it; may be empty
	Line   int    // from 1; 0 when the place is not known
	Column int    // from 1, in characters
}

// String is file:line:column, without the parts that are not known.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.File == "":
		return fmt.Sprintf("%d:%d", p.Line, p.Column)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders places by file, line and column.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Source is a text with the name that errors give it.
type Source struct {
	Name string
	Text []byte
}

// Kind is what a node is.
type Kind uint8

// The kinds of nodes.
const (
	Null   Kind = iota // nothing, or a plain null
	Scalar             // a text, a number, a truth value: who reads it decides
	List
	Map
)

// String names the kind as errors do.
func (k Kind) String() string {
	switch k {
	case Scalar:
		return "a single value"
	case List:
		return "a list"
	case Map:
		return "a map"
	}
	return "nothing"
}

// Style is how a scalar was written.
type Style uint8

// The styles of scalars. Only a plain one can be mistaken for a number.
const (
	Plain Style = iota
	Quoted
	Block
)

// Node is a value in a document. A tree of nodes has no cycles and shares
// nothing; who receives it must not change it.
type Node struct {
	Kind  Kind
	Value string // of a scalar: its text, exactly as written when it is plain
	Style Style  // of a scalar
	Pos   Pos
	Pairs []Pair  // of a map, in the order of the document, keys are unique scalars
	Items []*Node // of a list
}

// Pair is an entry of a map.
type Pair struct{ Key, Value *Node }

// Get returns the value of a key of a map, nil when there is none.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for _, p := range n.Pairs {
		if p.Key.Value == key {
			return p.Value
		}
	}
	return nil
}

// Walk calls visit for n and every node below it, keys included, in the order
// of the document.
func (n *Node) Walk(visit func(*Node)) {
	if n == nil {
		return
	}
	visit(n)
	for _, p := range n.Pairs {
		p.Key.Walk(visit)
		p.Value.Walk(visit)
	}
	for _, i := range n.Items {
		i.Walk(visit)
	}
}
