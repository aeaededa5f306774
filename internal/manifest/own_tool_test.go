package manifest_test

import (
	"slices"
	"strings"
	"testing"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
)

// The product's own tool is upgraded by one command: what belongs to a run makes
// no sense there.
func TestOwnTool(t *testing.T) {
	for _, tt := range []struct {
		step string
		bad  bool
	}{
		{"{run: [apt-get, install, -y, tool], as: root}", false},
		{"{run: [apt-get, install, -y, tool], as: root, within: 5m, title: The tool}", false},
		{"{tell: upgrade the tool}", true},
		{"{run: [x], as: root, undo: none}", true},
		{"{run: [x], as: root, once: tool}", true},
		{"{run: [x], as: root, when: {fact: a}}", true},
	} {
		text := "product: {id: a, versions: semver}\nfacts: {a: {exists: /a}}\ncomponents: {app: {kind: tree, at: /srv/a}}\nself-upgrade: " + tt.step + "\n"
		nodes, err := yaml.Parse("p.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := manifest.Decode(document.Source{Name: "p.yaml", Text: []byte(text)}, nodes)
		if err != nil {
			t.Errorf("%s: %v", tt.step, err)
			continue
		}
		bad := slices.ContainsFunc(manifest.Lint(p, nil), func(f manifest.Finding) bool {
			return f.Level == manifest.LevelError && strings.Contains(f.Error(), "self-upgrade is one command")
		})
		if bad != tt.bad {
			t.Errorf("%s: refused: %v", tt.step, bad)
		}
	}
}
