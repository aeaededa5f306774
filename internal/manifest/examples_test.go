package manifest_test

import (
	"os"
	"testing"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
)

func TestExamples(t *testing.T) {
	for _, path := range []string{"../../examples/miniflux/upkeep.yaml", "../../examples/notes/product.yaml", "../../examples/notes/releases/1.0/release.yaml", "../../examples/notes/releases/2.0/release.yaml", "../../examples/notes/releases/3.1/release.yaml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := yaml.Parse(path, text)
		if err != nil {
			t.Fatal(document.Pretty(err))
		}
		if _, _, err := manifest.Decode(document.Source{Name: path, Text: text}, nodes); err != nil {
			t.Error(document.Pretty(err))
		}
	}
}
