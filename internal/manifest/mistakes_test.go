package manifest_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// report is what a vendor sees of a manifest: mistakes of shape or, where there
// are none, the findings of lint.
func report(name string, text []byte) string {
	src := document.Source{Name: name, Text: text}
	nodes, err := yaml.Parse(name, text)
	if err != nil {
		return document.Pretty(err) + "\n"
	}
	p, r, err := manifest.Decode(src, nodes)
	if err != nil {
		return document.Pretty(err) + "\n"
	}
	var b strings.Builder
	for _, f := range manifest.Lint(p, r) {
		b.WriteString(f.Level + " " + f.ID + "\n" + f.In(src).Pretty() + "\n\n")
	}
	return b.String()
}

// TestMistakes: each file of testdata/mistakes holds one kind of mistake; what
// is said about it stands beside it.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := report(name+".yaml", text)
			if got == "" {
				t.Fatal("no mistake is found")
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
