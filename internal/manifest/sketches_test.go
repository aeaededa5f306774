package manifest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
)

// load reads a manifest that has no mistake of shape.
func load(t testing.TB, path string) (*manifest.Product, *manifest.Release) {
	t.Helper()
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
	return p, r
}

func sketches(t testing.TB) []string {
	t.Helper()
	list, err := filepath.Glob("testdata/sketches/*.yaml")
	if err != nil || len(list) != 6 {
		t.Fatalf("found %d sketches, want 6 (%v)", len(list), err)
	}
	return list
}

// golden compares what was read with what is known to be right.
func golden(t *testing.T, path string, values ...any) {
	t.Helper()
	got, err := json.MarshalIndent(values, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestSketches: the six products that fix what the format must say are read
// without a mistake, and lint has no error for them. Three of them refer to what
// they do not declare, which is a warning.
func TestSketches(t *testing.T) {
	warnings := map[string][]string{
		"000-itop.yaml":     {"the trigger model-push needs the entitlement designer, which is no fact of the product: its runs are refused"},
		"002-jp1-itdm.yaml": {`${dir.install} refers to the folder "install", which is not declared`},
		"003-altazion.yaml": {`${param.database} refers to the parameter "database", which is not declared`},
	}
	for _, path := range sketches(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p, r := load(t, path)
			if p.ID == "" || len(p.Components) == 0 || r.Version == "" || len(r.Routes) == 0 {
				t.Errorf("read only %+v %+v", p, r)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".json", p, r)
			var got []string
			for _, f := range manifest.Lint(p, r) {
				if f.Level == manifest.LevelError {
					t.Error(f.Error())
				}
				got = append(got, f.Msg)
			}
			if diff := cmp.Diff(warnings[filepath.Base(path)], got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestExamplesLintClean(t *testing.T) {
	for _, path := range []string{"../../examples/miniflux/upkeep.yaml"} {
		p, r := load(t, path)
		for _, f := range manifest.Lint(p, r) {
			t.Error(f.Error())
		}
	}
	p, _ := load(t, "../../examples/notes/product.yaml")
	releases, err := filepath.Glob("../../examples/notes/releases/*/release.yaml")
	if err != nil || len(releases) == 0 {
		t.Fatalf("%d releases, %v", len(releases), err)
	}
	for _, path := range releases {
		_, r := load(t, path)
		for _, f := range manifest.Lint(p, r) {
			t.Error(f.Error())
		}
		for _, f := range manifest.Lint(nil, r) {
			t.Error(f.Error())
		}
	}
	for _, f := range manifest.Lint(p, nil) {
		t.Error(f.Error())
	}
}
