package yaml

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/document"
)

// TestRefused: every construct that is refused says where, what and what
// to do (requirements, pitfall 29).
func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"duplicate key", "a: x\nb: {c: x, c: y}\na: z\n", `f:2:11: the key "c" stands here twice, first in line 2; remove one of them` + "\n" +
			`f:3:1: the key "a" stands here twice, first in line 1; remove one of them`},
		{"bare on", "on: x\n", `f:1:1: the bare word on is a truth value for some readers of YAML and a text for others; quote it ("on") or use true or false`},
		{"bare No", "a: [No]\n", `f:1:5: the bare word No is a truth value for some readers of YAML and a text for others; quote it ("No") or use true or false`},
		{"bare y", "a: {b: y}\n", `f:1:8: the bare word y is a truth value for some readers of YAML and a text for others; quote it ("y") or use true or false`},
		{"anchor", "a: &x y\n", `f:1:4: anchors (&) are not used here; write the value out where it is needed, or quote a text that begins with &`},
		{"alias", "a: *x\n", `f:1:4: aliases (*) are not used here; write the value out, or quote a text that begins with *`},
		{"merge key", "<<: {a: b}\n", `f:1:1: merge keys (<<) are not used here; write the keys out`},
		{"tag", "a: !!str x\n", `f:1:4: tags (!) are not used here; quote a text that begins with !`},
		{"question mark key", "? a\n: b\n", `f:1:1: a question mark begins a key in YAML; quote a text that begins with ?`},
		{"question mark in flow", "a: {b: .*?x}\n", `f:1:8: a question mark in a text without quotes inside { } or [ ]; quote the text`},
		{"question mark in flow text", "a: {b: x?y}\n", `f:1:8: a question mark in a text without quotes inside { } or [ ]; quote the text`},
		{"reference in flow", "a: {b: ${c.d}}\n", `f:1:8: a reference inside { } or [ ] without quotes; quote it: "${…}"`},
		{"colon in flow", "a: [b:c]\n", `f:1:5: a colon in a text without quotes inside { } or [ ]; put a space behind the colon of a key, or quote the text`},
		{"tab", "a:\tb\n", `f:1:3: a tab; use spaces; inside double quotes write \t`},
		{"byte order mark", "\ufeffa: b\n", `f:1:1: the file begins with a byte order mark; save it as UTF-8 without BOM`},
		{"UTF-16", "\xff\xfea\x00", `f:1:1: the file is written in UTF-16; save it as UTF-8`},
		{"not UTF-8", "a: b\nc: \xff\n", `f:2:4: a byte that is not UTF-8; save the file as UTF-8`},
		{"control character", "a: \x1b[0m\n", `f:1:4: a control character; inside double quotes write \x and its two digits`},
		{"direction", "a: x\u202ey\n", `f:1:5: a character that changes the direction of the text shown; remove it`},
		{"no YAML", "a: b: c\n", `f:1:4: this is not YAML: mapping value is not allowed in this context`},
		{"open bracket", "a: [b\n", `f:1:4: this is not YAML: sequence end token ']' not found`},
		{"closing bracket", "a: b\n}\n", `f:2:1: a text without quotes cannot begin with "}"; quote the text`},
		{"text", "just a text\n", `f:1:1: the document is a single text, not a map or a list; a key ends with a colon and a space`},
		{"directive", "%YAML 1.2\n---\na: b\n", `f:1:1: directives are not used here; remove the line, or quote the text`},
		{"text after mark", "--- a: b\n", `f:1:5: text after ---; begin the document on the next line`},
		{"end mark", "a: b\n...\n", `f:2:1: a line cannot begin with ...; remove it: the next --- or the end of the file ends a document; quote a text`},
		{"at sign", "a: @b\n", `f:1:4: this is not YAML: '@' is a reserved character; quote the text`},
		{"unknown escape", "a: \"C:\\dir\"\n", `f:1:8: this is not YAML: found unknown escape character 'd'; write \\ for a backslash, or use single quotes`},
		{"long text", "a: b\n  c\n", `f:1:4: a text without quotes goes on in the next line; quote it, or begin a block with > or |`},
		{"long quoted text", "a: 'b\n  c'\n", `f:1:4: a text in quotes does not end in its line; end it there, or begin a block with > or |`},
		{"empty block", "a: |\n\nb: c\n", `f:1:4: a block begins with an empty line; write "" for an empty text`},
		{"spaces in block", "a: |\n  b  \n", `f:2:5: a line of a block ends with spaces; remove them, or use double quotes`},
		{"wrong indentation", "a:\n  b: c\n d: e\n", `f:3:2: this is not YAML: value is not allowed in this context`},
		{"long line", "a: " + strings.Repeat("x", MaxLine) + "\n", `f:1:1: the line is longer than 4096 bytes`},
		{"too large", strings.Repeat("#", MaxBytes+1), `f: the file is larger than 1048576 bytes`},
		{"too deep", strings.Repeat("[", 100), `f:1:65: maps and lists are nested deeper than 64`},
	} {
		nodes, err := Parse("f", []byte(c.text))
		if err == nil {
			t.Errorf("%s: accepted: %+v", c.name, nodes)
			continue
		}
		if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

// TestScalars: the exact text is kept, and how it was written, so that who reads
// it can tell 7.10 from "7.10".
func TestScalars(t *testing.T) {
	text := "plain: 7.10\r\nquoted: \"7.10\"\nsingle: 'it''s \\d'\noctal: 0644\nlarge: 123456789012345678901234567890\nhex: 0X1f\n" +
		"truth: True\nfloat: 1E3\nblock: |\n  a\n   b\nfolded: >-\n  a\n  b\nempty:\nnull: ~\nurl: http://x:1/?q=1#f # c\n\"a b\": ''\n" +
		"infinite: -.INF\nunder: 1_000\ndate: 2020-05-01\nsixty: 10:30\n"
	nodes, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(document.Pretty(err))
	}
	type value struct {
		Key, Text string
		Style     document.Style
		Line      int
	}
	var got []value
	for _, p := range nodes[0].Pairs {
		got = append(got, value{p.Key.Value, p.Value.Value, p.Value.Style, p.Value.Pos.Line})
	}
	want := []value{
		{"plain", "7.10", document.Plain, 1}, {"quoted", "7.10", document.Quoted, 2}, {"single", `it's \d`, document.Quoted, 3},
		{"octal", "0644", document.Plain, 4}, {"large", "123456789012345678901234567890", document.Plain, 5}, {"hex", "0X1f", document.Plain, 6},
		{"truth", "True", document.Plain, 7}, {"float", "1E3", document.Plain, 8}, {"block", "a\n b\n", document.Block, 9},
		{"folded", "a b", document.Block, 12}, {"empty", "", document.Plain, 15}, {"null", "~", document.Plain, 16},
		{"url", "http://x:1/?q=1#f", document.Plain, 17}, {"a b", "", document.Quoted, 18}, {"infinite", "-.INF", document.Plain, 19},
		{"under", "1_000", document.Plain, 20}, {"date", "2020-05-01", document.Plain, 21}, {"sixty", "10:30", document.Plain, 22},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDocuments(t *testing.T) {
	for _, c := range []struct {
		text string
		want []document.Kind
	}{
		{"", []document.Kind{document.Null}},
		{"# nothing\n", []document.Kind{document.Null}},
		{"a: b\n", []document.Kind{document.Map}},
		{"# c\n---\na: b\n---\n- c\n", []document.Kind{document.Map, document.List}},
		{"a: b\n---\n---\n# c\nd: e\n", []document.Kind{document.Map, document.Null, document.Map}},
	} {
		nodes, err := Parse("f", []byte(c.text))
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		var got []document.Kind
		for _, n := range nodes {
			got = append(got, n.Kind)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.text, diff)
		}
	}
	nodes, err := Parse("f", []byte("a: b\n---\n\nc:\n  - d\n"))
	if err != nil || nodes[1].Pairs[0].Value.Items[0].Pos != (document.Pos{File: "f", Line: 5, Column: 5}) {
		t.Errorf("%v, %+v", err, nodes)
	}
}

// TestExcerpt: the error shows the line, a caret at the place, and no secret.
func TestExcerpt(t *testing.T) {
	_, err := Parse("site.yaml", []byte("x: z\nparams: {db: \"pg://u:hunter2@h/d\", password: hunter3, é: no}\n"))
	want := `site.yaml:2:62: the bare word no is a truth value for some readers of YAML and a text for others
    2 | params: {db: "pg://u:*******@h/d", password: *******, é: no}
      |                                                          ^ quote it ("no") or use true or false`
	if diff := cmp.Diff(strings.Replace(want, ":2:62:", ":2:58:", 1), document.Pretty(err)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSketchesParse(t *testing.T) {
	files, err := filepath.Glob("../../manifest/testdata/sketches/*.yaml")
	if err != nil || len(files) != 6 {
		t.Fatalf("%d sketches, %v", len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := Parse(filepath.Base(f), text)
		if err != nil {
			t.Errorf("%s", document.Pretty(err))
		}
		if len(nodes) != 2 {
			t.Errorf("%s has %d documents", f, len(nodes))
		}
	}
}

func TestErrorsAreTyped(t *testing.T) {
	_, err := Parse("f", []byte("a: &b c\nd: *b\n"))
	var all document.Errors
	if !errors.As(err, &all) || len(all) != 2 {
		t.Errorf("%T: %v", err, err)
	}
}
