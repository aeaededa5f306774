package requirements

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/document/yaml"
)

func TestMutants(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"keys", "a: 1\nb: 2\n", `
1 a: 1
  b: 2
2 b: 2
  a: 1`},
		{"with what belongs to it", "a:\n  x: 1\n  w: 2\nb: 3\n", `
1 a:
  b: 3
2 x: 1
  a:
    w: 2
  b: 3
3 w: 2
  a:
    x: 1
  b: 3
4 b: 3
  a:
    x: 1
    w: 2`},
		{"items", "- a\n- b\n", `
1 - a
  - b
2 - b
  - a`},
		{"items under a key, not indented", "k:\n- a\n- b\nm: 1\n", `
1 k:
  m: 1
2 - a
  k:
  - b
  m: 1
3 - b
  k:
  - a
  m: 1
4 m: 1
  k:
  - a
  - b`},
		{"first key of an item", "- id: x\n  as: w\n- id: z\n", `
1 - id: x
  - id: z
1 id: x
  - as: w
  - id: z
2 as: w
  - id: x
  - id: z
3 - id: z
  - id: x
    as: w`},
		{"an only child goes with its parent", "a:\n  x: 1\nb: 2\n", `
1 a:
  b: 2
3 b: 2
  a:
    x: 1`},
		{"documents", "a: 1\nb: 2\n---\nc: 3\nd: 4\n", `
1 a: 1
  b: 2
  ---
  c: 3
  d: 4
2 b: 2
  a: 1
  ---
  c: 3
  d: 4
4 c: 3
  a: 1
  b: 2
  ---
  d: 4
5 d: 4
  a: 1
  b: 2
  ---
  c: 3`},
		{"comments stay", "# a: no\na: 1 # x: w\n# of b\nb: 2\n", `
2 a: 1 # x: w
  # a: no
  # of b
  b: 2
4 b: 2
  # a: no
  a: 1 # x: w
  # of b`},
		{"flow stays whole", "a: {x: 1,\n  w: [2,\n  3]}\nb: \"c: {\"\n", `
1 a: {x: 1,
  b: "c: {"
4 b: "c: {"
  a: {x: 1,
    w: [2,
    3]}`},
		{"text stays whole", "a: |\n  x: 1\n  w: 2\nb: 3\n", `
1 a: |
  b: 3
4 b: 3
  a: |
    x: 1
    w: 2`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			for _, m := range Mutants("x.yaml", tt.text) {
				fmt.Fprintf(&b, "\n%d %s", m.Line, m.Gone)
				for line := range strings.Lines(m.Without) {
					b.WriteString("\n  " + strings.TrimRight(line, "\n"))
				}
			}
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestMutantsOfExamples shows that the documents of the examples can be taken
// apart: every mutant is YAML and has less than the whole.
func TestMutantsOfExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := Mutants(file, string(text))
		if len(got) < 3 {
			t.Errorf("%s: only %d mutants", file, len(got))
		}
		for _, m := range got {
			if len(m.Without) >= len(text) {
				t.Errorf("%s:%d: nothing was taken away", file, m.Line)
			}
		}
	}
}

func FuzzMutants(f *testing.F) {
	f.Add("a:\n  - x: 1\n    y: |\n      z: 2\n---\nb: {c: [1,\n 2]}\n")
	f.Add("- - a\n  - b: c\n# x\n-\n  d: e\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range Mutants("x.yaml", text) {
			if len(m.Without) >= len(text) {
				t.Errorf("line %d: nothing was taken away", m.Line)
			}
			if _, err := yaml.Parse("x.yaml", []byte(m.Without)); err != nil {
				t.Errorf("line %d: %v", m.Line, err)
			}
		}
	})
}
