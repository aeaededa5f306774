package yaml

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"upkeep/internal/document"
)

// converter makes nodes of the library's tree, which checkTokens has bounded.
type converter struct {
	r    *reader
	used map[place]bool // where the scalars of the result stand
}

// place is a position as the library gives it.
type place struct{ line, column int }

func placeOf(t *token.Token) place { return place{t.Position.Line, t.Position.Column} }

func (c *converter) at(n ast.Node) document.Pos {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return c.at(n.Values[0])
		}
	case *ast.MappingValueNode:
		return c.at(n.Key)
	}
	return c.tokenAt(n.GetToken())
}

func (c *converter) tokenAt(t *token.Token) document.Pos {
	if t == nil || t.Position == nil {
		return c.r.pos(0, 0)
	}
	return c.r.pos(t.Position.Line, t.Position.Column)
}

func (c *converter) node(n ast.Node) *document.Node {
	switch n := n.(type) {
	case *ast.MappingNode:
		return c.mapping(c.at(n), n.Values, n.IsFlowStyle)
	case *ast.MappingValueNode:
		return c.mapping(c.at(n), []*ast.MappingValueNode{n}, n.IsFlowStyle)
	case *ast.SequenceNode:
		return c.list(n)
	case *ast.NullNode:
		null := &document.Node{Kind: document.Null, Pos: c.at(n)}
		if n.Token.Type != token.ImplicitNullType {
			null.Value = n.Token.Value
			null.Pos = c.r.checkWhole(null.Value, null.Pos)
			c.used[placeOf(n.Token)] = true
		}
		return null
	}
	return c.scalar(n)
}

func (c *converter) scalar(n ast.Node) *document.Node {
	s := &document.Node{Kind: document.Scalar, Pos: c.at(n)}
	switch n := n.(type) {
	case *ast.LiteralNode:
		s.Style = document.Block
		if n.Value != nil {
			s.Value = n.Value.Value
			c.used[placeOf(n.Value.Token)] = true
		}
		return s
	case *ast.StringNode:
		s.Value = n.Value
		if n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType {
			s.Style = document.Quoted
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		s.Value = n.GetToken().Value
	default:
		c.r.errorf(s.Pos, "", "this kind of YAML is not used here")
		return &document.Node{Kind: document.Null, Pos: s.Pos}
	}
	c.used[placeOf(n.GetToken())] = true
	if s.Style == document.Plain {
		s.Pos = c.r.checkWhole(s.Value, s.Pos)
		c.checkWord(s)
	}
	return s
}

// checkWord refuses the words that YAML 1.1 reads as truth values and YAML 1.2
// as texts.
func (c *converter) checkWord(s *document.Node) {
	switch strings.ToLower(s.Value) {
	case "on", "yes", "y", "off", "no", "n":
		c.r.errorf(s.Pos, fmt.Sprintf("quote it (%q) or use true or false", s.Value),
			"the bare word %s is a truth value for some readers of YAML and a text for others", s.Value)
	}
}

func (c *converter) list(n *ast.SequenceNode) *document.Node {
	list := &document.Node{Kind: document.List, Pos: c.at(n)}
	for i, v := range n.Values {
		item := c.node(v)
		if !n.IsFlowStyle {
			dash := list.Pos
			if i < len(n.Entries) && n.Entries[i] != nil && n.Entries[i].Start != nil {
				dash = c.tokenAt(n.Entries[i].Start)
			}
			c.aligned(list.Pos, dash)
			c.indented(dash, item, false)
		}
		list.Items = append(list.Items, item)
	}
	return list
}

func (c *converter) mapping(at document.Pos, values []*ast.MappingValueNode, flow bool) *document.Node {
	m := &document.Node{Kind: document.Map, Pos: at}
	seen := make(map[string]document.Pos, len(values))
	for _, v := range values {
		key := c.key(v.Key)
		if first, twice := seen[key.Value]; twice {
			c.r.errorf(key.Pos, "remove one of them", "the key %q stands here twice, first in line %d", key.Value, first.Line)
			continue
		}
		seen[key.Value] = key.Pos
		value := c.node(v.Value)
		if !flow {
			c.aligned(m.Pos, key.Pos)
			c.indented(key.Pos, value, value.Kind == document.List && strings.HasPrefix(c.r.from(value.Pos), "-"))
		}
		m.Pairs = append(m.Pairs, document.Pair{Key: key, Value: value})
	}
	return m
}

// key reads a map's key, which must be a single value; a plain null is its text.
func (c *converter) key(k ast.MapKeyNode) *document.Node {
	if null, ok := k.(*ast.NullNode); ok {
		key := &document.Node{Kind: document.Scalar, Pos: c.at(k)}
		if null.Token.Type != token.ImplicitNullType {
			key.Value = null.Token.Value
			key.Pos = c.r.checkWhole(key.Value, key.Pos)
			c.used[placeOf(null.Token)] = true
		}
		return key
	}
	if _, scalar := k.(ast.ScalarNode); scalar {
		if key := c.scalar(k); key.Kind == document.Scalar {
			return key
		}
	}
	at := c.at(k)
	c.r.errorf(at, "", "a key must be a single text")
	return &document.Node{Kind: document.Scalar, Pos: at}
}
