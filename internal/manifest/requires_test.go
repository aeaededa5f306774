package manifest_test

import (
	"strings"
	"testing"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
)

func TestRequires(t *testing.T) {
	const head = "product: {id: a, versions: semver}\ncomponents: {app: {kind: tree, at: /srv/a}}\n---\nrelease: {product: a, version: \"2.0.0\"}\n"
	for _, tt := range []struct{ text, lowest, want string }{
		{"", "", ""},
		{`requires: {upkeep: "1.4.0"}`, "1.4.0", ""},
		{`requires: {upkeep: ">= 1.4"}`, ">= 1.4", "is no version of Upkeep"},
		{`requires: {upkeep: soon}`, "soon", "is no version of Upkeep"},
		{`requires: {}`, "", "upkeep"},
		{`requires: {upkeep: "1.4.0", linux: 6}`, "1.4.0", "linux"},
		{"requires: {upkeep: \"9.0.0\"}\nwhat-only-nine-knows: [1]", "9.0.0", "what-only-nine-knows"},
		{`requires: [upkeep]`, "", "map"},
	} {
		nodes, err := yaml.Parse("upkeep.yaml", []byte(head+tt.text))
		if err != nil {
			t.Fatal(err)
		}
		if need := manifest.PrerequisiteOf(nodes); need.Upkeep != tt.lowest || need.Upkeep != "" && (need.Product != "a" || need.Release != "2.0.0") {
			t.Errorf("%s: %+v", tt.text, need)
		}
		_, r, err := manifest.Decode(document.Source{Name: "upkeep.yaml", Text: []byte(head + tt.text)}, nodes)
		if tt.want == "" && (err != nil || r.Requires.Upkeep != tt.lowest) || tt.want != "" && (err == nil || !strings.Contains(document.Pretty(err), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.text, err, tt.want)
		}
	}
}
