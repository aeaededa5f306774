package manifest_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
)

// FuzzDecode: whatever YAML says, decoding and lint end without a panic, an
// error is of a document and has a place in it, and what was accepted can be
// written as JSON.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/sketches/*.yaml", "testdata/mistakes/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		nodes, err := yaml.Parse("f", text)
		if err != nil {
			return
		}
		p, r, err := manifest.Decode(document.Source{Name: "f", Text: text}, nodes)
		if err != nil {
			var all document.Errors
			if !errors.As(err, &all) || len(all) == 0 || p != nil || r != nil {
				t.Fatalf("%T %v, %v, %v", err, err, p, r)
			}
			for _, e := range all {
				if e.Msg == "" || e.Pos.File != "f" {
					t.Fatalf("%#v", e)
				}
			}
			_ = all.Pretty()
			return
		}
		for _, finding := range manifest.Lint(p, r) {
			if finding.ID == "" || finding.Msg == "" || finding.Pos.Line == 0 {
				t.Fatalf("%#v", finding)
			}
		}
		if _, err := json.Marshal([]any{p, r}); err != nil {
			t.Fatal(err)
		}
	})
}
