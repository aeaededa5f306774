package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	yamlv4 "go.yaml.in/yaml/v4"

	"upkeep/internal/document"
)

// seeds are documents of every construct that is read.
var seeds = []string{
	"a: 1\nb: [x, \"y\", 'z']\nc: {d: e, f: {g: h}}\n",
	"- a\n- - b\n  - c\n-\n  d: e\n",
	"a: |\n  one\n   two\n\n  three\nb: >-\n  x\n  y\n\n  z\nc: |+\n  k\n\nd: end\n",
	"a: \"x\\n\\u00e9 y\"\nb: 'it''s'\n",
	"# c\na: plain   text # no\nb:\n",
	"{a: b, c: [d, e], f: }\n",
	"a:\n- b\n- c\nd: - x\n",
	"? a\n: b\n", "&a b", "*a", "!t x", "<<: {a: b}", "a: b: c", "[a, b", "{a: ${b.c}}", "a: 'x", "\"a\": b", "a:\tb",
	"a: b\n---\nc: d\n--- # x\n- e\n", "---\n---\n", "...\n", "%YAML 1.2\n---\na: b\n",
	"yes: no\n", "a: 0644\nb: 7.10\nc: ~\nd: null\ne: 2020-05-01\n", "a: [b: c, d]\n", "a: x#y\nb: x #y\nc: http://x:1/\n",
}

func addSeeds(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	sketches, err := filepath.Glob("../../manifest/testdata/sketches/*.yaml")
	if err != nil || len(sketches) == 0 {
		f.Fatalf("no sketches: %v", err)
	}
	for _, s := range sketches {
		text, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
}

// FuzzParse: Parse never panics, its errors have places in the source, its
// nodes are well formed, and a second, independent reader of YAML that accepts
// the text reads the same from it.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		nodes, err := Parse("f", text)
		if err != nil {
			var all document.Errors
			if !errors.As(err, &all) || len(all) == 0 || nodes != nil {
				t.Fatalf("error %T %v with %d nodes", err, err, len(nodes))
			}
			for _, e := range all {
				if e.Pos.File != "f" || e.Pos.Line > bytes.Count(text, []byte("\n"))+1 || e.Msg == "" {
					t.Fatalf("bad error %#v", e)
				}
				_ = e.Pretty()
			}
			return
		}
		if diff := differs(nodes, text); diff != "" {
			t.Fatalf("%q: %s", text, diff)
		}
	})
}

// differs compares the nodes with what go.yaml.in/yaml/v4 reads.
func differs(nodes []*document.Node, text []byte) string {
	// A file's last line counts as ended, which matters for blocks only.
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(bytes.Clone(text), '\n')
	}
	dec := yamlv4.NewDecoder(bytes.NewReader(text))
	for i := 0; ; i++ {
		var doc yamlv4.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			for _, n := range nodes[min(i, len(nodes)):] {
				if n.Kind != document.Null {
					return "it has fewer documents"
				}
			}
			return ""
		}
		if err != nil {
			return "it refuses: " + err.Error()
		}
		if i >= len(nodes) {
			return "it has more documents"
		}
		if len(doc.Content) == 1 {
			if diff := nodeDiffers(nodes[i], doc.Content[0]); diff != "" {
				return diff
			}
		}
	}
}

func nodeDiffers(n *document.Node, o *yamlv4.Node) string {
	here := func(format string, args ...any) string {
		return fmt.Sprintf("at %s (%d:%d): ", n.Pos, o.Line, o.Column) + fmt.Sprintf(format, args...)
	}
	switch o.Kind {
	case yamlv4.MappingNode:
		if n.Kind != document.Map || len(n.Pairs)*2 != len(o.Content) {
			return here("a map of %d there, %s of %d here", len(o.Content)/2, n.Kind, len(n.Pairs))
		}
		for i, p := range n.Pairs {
			if d := nodeDiffers(p.Key, o.Content[2*i]) + nodeDiffers(p.Value, o.Content[2*i+1]); d != "" {
				return d
			}
		}
	case yamlv4.SequenceNode:
		if n.Kind != document.List || len(n.Items) != len(o.Content) {
			return here("a list of %d there, %s of %d here", len(o.Content), n.Kind, len(n.Items))
		}
		for i, item := range n.Items {
			if d := nodeDiffers(item, o.Content[i]); d != "" {
				return d
			}
		}
	case yamlv4.ScalarNode:
		style := document.Plain
		switch {
		case o.Style&(yamlv4.LiteralStyle|yamlv4.FoldedStyle) != 0:
			style = document.Block
		case o.Style&(yamlv4.DoubleQuotedStyle|yamlv4.SingleQuotedStyle) != 0:
			style = document.Quoted
		}
		if n.Kind != document.Scalar && n.Kind != document.Null {
			return here("a scalar there, %s here", n.Kind)
		}
		if n.Value != o.Value || n.Style != style {
			return here("%q (%d) there, %q (%d) here", o.Value, style, n.Value, n.Style)
		}
		if (n.Value != "" || style != document.Plain) && (n.Pos.Line != o.Line || n.Pos.Column != o.Column) {
			return here("another place of %q", n.Value)
		}
	default:
		return here("kind %d", o.Kind)
	}
	return ""
}

func TestSecondReaderAgrees(t *testing.T) {
	for _, s := range seeds {
		nodes, err := Parse("f", []byte(s))
		if err != nil {
			continue
		}
		if diff := differs(nodes, []byte(s)); diff != "" {
			t.Errorf("%q: %s", strings.TrimSpace(s), diff)
		}
	}
}
