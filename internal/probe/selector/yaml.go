package selector

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxYAML bounds the text: the parser builds a tree of it.
const maxYAML = 4 << 20

// maxYAMLDepth bounds the nesting: the parser recurses.
const maxYAMLDepth = 200

// fromYAML walks the first document of a YAML text. Scalars come as they are
// written, so that 1.10 stays 1.10. Null and a missing key give nothing; a map
// or a list is an error, as it has no one spelling.
func fromYAML(text []byte, keys []string) (value string, err error) {
	// The parser is not ours, and a product's file may hold anything.
	defer func() {
		if p := recover(); p != nil {
			value, err = "", fmt.Errorf("cannot read the text as YAML: %v", p)
		}
	}()
	if len(text) > maxYAML {
		return "", fmt.Errorf("cannot read the text as YAML: it is longer than %d bytes", maxYAML)
	}
	if deep(text) {
		return "", fmt.Errorf("cannot read the text as YAML: it is nested deeper than %d", maxYAMLDepth)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return "", fmt.Errorf("cannot read the text as YAML: %s", firstLine(err.Error()))
	}
	w := walker{anchors: map[string]ast.Node{}}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		w.collect(doc.Body, 0)
		return w.scalar(w.walk(doc.Body, keys))
	}
	return "", nil
}

// walker follows keys through a tree; aliases are followed at most maxYAML
// Depth times in all, so a loop ends.
type walker struct {
	anchors map[string]ast.Node
	hops    int
}

func (w *walker) collect(n ast.Node, depth int) {
	if depth > 2*maxYAMLDepth {
		return
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		w.anchors[n.Name.String()] = n.Value
		w.collect(n.Value, depth+1)
	case *ast.TagNode:
		w.collect(n.Value, depth+1)
	case *ast.MappingNode:
		for _, v := range n.Values {
			w.collect(v.Value, depth+1)
		}
	case *ast.MappingValueNode:
		w.collect(n.Value, depth+1)
	case *ast.SequenceNode:
		for _, v := range n.Values {
			w.collect(v, depth+1)
		}
	}
}

// open takes anchors, tags and aliases away from around a node.
func (w *walker) open(n ast.Node) ast.Node {
	for {
		if w.hops++; w.hops > 10*maxYAMLDepth {
			return nil
		}
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.TagNode:
			n = v.Value
		case *ast.AliasNode:
			n = w.anchors[v.Value.String()]
		default:
			return n
		}
	}
}

func (w *walker) walk(n ast.Node, keys []string) ast.Node {
	for _, key := range keys {
		switch v := w.open(n).(type) {
		case *ast.MappingNode:
			n = w.lookup(v.Values, key)
		case *ast.MappingValueNode:
			n = w.lookup([]*ast.MappingValueNode{v}, key)
		case *ast.SequenceNode:
			place, err := strconv.ParseUint(key, 10, 31)
			if err != nil || place >= uint64(len(v.Values)) {
				return nil
			}
			n = v.Values[place]
		default:
			return nil
		}
	}
	return w.open(n)
}

func (w *walker) lookup(pairs []*ast.MappingValueNode, key string) ast.Node {
	for _, p := range pairs {
		if text, err := w.scalar(p.Key); err == nil && text == key {
			return p.Value
		}
	}
	// A merge key brings the keys of another map, behind the map's own.
	for _, p := range pairs {
		if _, merge := p.Key.(*ast.MergeKeyNode); !merge {
			continue
		}
		if found := w.walk(p.Value, []string{key}); found != nil {
			return found
		}
	}
	return nil
}

func (w *walker) scalar(n ast.Node) (string, error) {
	switch v := n.(type) {
	case nil, *ast.NullNode:
		return "", nil
	case *ast.StringNode:
		return v.Value, nil
	case *ast.LiteralNode:
		return v.Value.Value, nil
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return "", errors.New("the path ends at a map or a list, not at a value")
	}
	if t := n.GetToken(); t != nil {
		return t.Value, nil
	}
	return "", nil
}

// deep guesses the nesting before the parser recurses into it: brackets in
// flow style, indentation steps in block style.
func deep(text []byte) bool {
	flow := 0
	for _, c := range text {
		switch c {
		case '[', '{':
			if flow++; flow > maxYAMLDepth {
				return true
			}
		case ']', '}':
			flow = max(0, flow-1)
		}
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		markers := len(line) - len(strings.TrimLeft(line, " -?"))
		if markers > 4*maxYAMLDepth || strings.Count(line[:markers], "-")+strings.Count(line[:markers], "?") > maxYAMLDepth {
			return true
		}
	}
	return false
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
