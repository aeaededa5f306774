package manifest_test

import (
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
)

// The six products that fix what the format must say are read without a
// mistake.
func TestSketchesDecode(t *testing.T) {
	list, err := filepath.Glob("testdata/sketches/*.yaml")
	if err != nil || len(list) != 6 {
		t.Fatalf("found %d sketches, want 6 (%v)", len(list), err)
	}
	for _, path := range list {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			nodes, err := yaml.Parse(path, text)
			if err != nil {
				t.Fatal(document.Pretty(err))
			}
			p, r, err := manifest.Decode(document.Source{Name: path, Text: text}, nodes)
			if err != nil {
				t.Fatal(document.Pretty(err))
			}
			if p.ID == "" || len(p.Components) == 0 || r.Version == "" || len(r.Routes) == 0 {
				t.Errorf("read only %+v %+v", p, r)
			}
		})
	}
}
