package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
)

func compile(t testing.TB, text []byte, err error) *jsonschema.Schema {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:test", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:test")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func manifestSchema(t testing.TB) *jsonschema.Schema {
	text, err := Manifest()
	return compile(t, text, err)
}

func installationSchema(t testing.TB) *jsonschema.Schema {
	text, err := Installation()
	return compile(t, text, err)
}

// plain gives a node as another reader of YAML would: what is not quoted may be
// a number, a truth value or nothing.
func plain(n *document.Node) any {
	switch n.Kind {
	case document.Map:
		m := map[string]any{}
		for _, p := range n.Pairs {
			m[p.Key.Value] = plain(p.Value)
		}
		return m
	case document.List:
		l := []any{}
		for _, i := range n.Items {
			l = append(l, plain(i))
		}
		return l
	case document.Null:
		return nil
	}
	switch {
	case n.Trap() == "":
		return n.Value
	case n.Value == "true" || n.Value == "false":
		return n.Value == "true"
	}
	number := json.Number(n.Value)
	if _, err := number.Float64(); err != nil {
		return n.Value
	}
	return number
}

func documents(t testing.TB, path string) []any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := yaml.Parse(path, text)
	if err != nil {
		return nil
	}
	var all []any
	for _, n := range nodes {
		all = append(all, plain(n))
	}
	return all
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	return files
}

// TestSketchesAndExamples: every manifest and installation that we have agrees
// with its schema.
func TestSketchesAndExamples(t *testing.T) {
	s := manifestSchema(t)
	for _, pattern := range []string{"../manifest/testdata/sketches/*.yaml", "../../examples/miniflux/upkeep.yaml",
		"../../examples/notes/product.yaml", "../../examples/notes/releases/*/release.yaml", "../../examples/itms/product.yaml", "../../examples/wordpress/product.yaml", "../../examples/wordpress/releases/*/release.yaml", "../../examples/itms/releases/*/release.yaml"} {
		for _, file := range glob(t, pattern) {
			for i, doc := range documents(t, file) {
				if err := s.Validate(doc); err != nil {
					t.Errorf("%s, document %d: %v", file, i+1, err)
				}
			}
		}
	}
	site := installationSchema(t)
	for _, file := range glob(t, "../../examples/*/installation.yaml") {
		for _, doc := range documents(t, file) {
			if err := site.Validate(doc); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// TestMistakesAreSeen: a mistake of shape, which a decoder refuses, is refused
// by the schema too, so that both do not drift apart. Of some mistakes a schema
// cannot know.
func TestMistakesAreSeen(t *testing.T) {
	for _, c := range []struct {
		schema  *jsonschema.Schema
		folder  string
		unknown []string
	}{
		{manifestSchema(t), "../manifest/testdata/mistakes", []string{
			"after-elsewhere", "bad-names", "like", "other-product", "private-key", "secret-default", "secret-written", "service-shapes",
			"two-products", "password-written"}},
		{installationSchema(t), "../site/testdata/mistakes", []string{
			"head", "instances-twice", "secret-elsewhere", "two", "empty", "node-names"}},
	} {
		seen := 0
		for _, file := range glob(t, c.folder+"/*.yaml") {
			name := strings.TrimSuffix(filepath.Base(file), ".yaml")
			report, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if bytes.HasPrefix(report, []byte("error ")) || bytes.HasPrefix(report, []byte("warning ")) || slices.Contains(c.unknown, name) {
				continue // a finding of lint
			}
			docs := documents(t, file)
			if docs == nil {
				continue // not even YAML
			}
			valid := true
			for _, doc := range docs {
				valid = valid && c.schema.Validate(doc) == nil
			}
			if valid {
				t.Errorf("%s: the schema accepts what the decoder refuses", file)
			}
			seen++
		}
		if seen < 5 {
			t.Errorf("%s: only %d mistakes were tried", c.folder, seen)
		}
	}
}

// TestFindingsAreOfValidDocuments: what only lint finds has the right shape.
func TestFindingsAreOfValidDocuments(t *testing.T) {
	for _, c := range []struct {
		schema *jsonschema.Schema
		folder string
	}{{manifestSchema(t), "../manifest/testdata/mistakes"}, {installationSchema(t), "../site/testdata/mistakes"}} {
		for _, file := range glob(t, c.folder+"/*.golden") {
			report, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(report, []byte("error ")) && !bytes.HasPrefix(report, []byte("warning ")) {
				continue
			}
			for _, doc := range documents(t, strings.TrimSuffix(file, ".golden")+".yaml") {
				if err := c.schema.Validate(doc); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
		}
	}
}

// TestSchemaIsStable: the same bytes every time, with the draft and no loose
// ends.
func TestSchemaIsStable(t *testing.T) {
	for name, make := range map[string]func() ([]byte, error){"manifest": Manifest, "installation": Installation} {
		first, err := make()
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if again, err := make(); err != nil || !bytes.Equal(first, again) {
				t.Fatalf("%s differs from one time to the next, %v", name, err)
			}
		}
		var doc struct {
			Schema string                     `json:"$schema"`
			Defs   map[string]json.RawMessage `json:"$defs"`
		}
		if err := json.Unmarshal(first, &doc); err != nil || doc.Schema != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("%s: %s, %v", name, doc.Schema, err)
		}
		for def := range doc.Defs {
			if !bytes.Contains(first, []byte(`"#/$defs/`+def+`"`)) {
				t.Errorf("%s: nothing refers to %s", name, def)
			}
		}
	}
}
