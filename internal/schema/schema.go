// Package schema makes the JSON Schemas (draft 2020-12) of the documents from
// the Go types that they are read into, so that editors complete and check them
// while they are written. The decoders stay the authority: a schema knows the
// shape of a document, not what its parts mean together.
//
// It is an edge: the only package that imports github.com/invopop/jsonschema.
// Of the project it imports manifest and site.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"

	"upkeep/internal/manifest"
	"upkeep/internal/site"
)

// Manifest returns the schema of the two documents of a manifest: each of them
// is either a product document or a release document.
func Manifest() ([]byte, error) {
	b := newBuilder()
	b.reflect(manifest.Product{}, "Product")
	b.reflect(manifest.Release{}, "Release")
	b.special()
	b.nest("Product", "product", "id", "vendor", "versions", "entry", "lang")
	b.nest("Release", "release", "product", "version", "published", "notes", "withdrawn", "fix")
	b.manifestRules()
	root := &jsonschema.Schema{Version: jsonschema.Version, ID: "urn:upkeep:schema:manifest", Title: "Upkeep: product and release documents",
		OneOf: []*jsonschema.Schema{ref("Product"), ref("Release")}, Definitions: b.defs}
	return b.encode(root)
}

// Installation returns the schema of the installation document.
func Installation() ([]byte, error) {
	b := newBuilder()
	b.reflect(site.Installation{}, "Installation")
	b.special()
	b.nest("Installation", "installation", "id", "product", "state")
	b.installationRules()
	root := &jsonschema.Schema{Version: jsonschema.Version, ID: "urn:upkeep:schema:installation", Title: "Upkeep: installation document",
		Ref: "#/$defs/Installation", Definitions: b.defs}
	return b.encode(root)
}

// builder collects definitions. The first error is kept: a rule about a key
// that the Go type does not have means that both have drifted apart.
type builder struct {
	reflector jsonschema.Reflector
	defs      jsonschema.Definitions
	err       error
}

func newBuilder() *builder {
	b := &builder{defs: jsonschema.Definitions{}}
	b.reflector = jsonschema.Reflector{Anonymous: true, Mapper: mapped}
	return b
}

// mapped gives the types whose documents do not look like their Go types.
func mapped(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return ref("Duration")
	case reflect.TypeFor[manifest.Probe]():
		return ref("Probe")
	case reflect.TypeFor[manifest.Step]():
		return ref("Step")
	case reflect.TypeFor[manifest.When]():
		return ref("Condition")
	case reflect.TypeFor[manifest.Undo]():
		return ref("Undo")
	case reflect.TypeFor[manifest.ParamDefault]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{ref("Literal"), ref("Probe")}}
	case reflect.TypeFor[manifest.At]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, ref("Probe")}}
	case reflect.TypeFor[manifest.VersionOrder]():
		return ref("VersionOrder")
	case reflect.TypeFor[manifest.Procedure]():
		return ref("Procedure")
	case reflect.TypeFor[site.Value]():
		return ref("Value")
	}
	return nil
}

func ref(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }

// reflect adds the definitions of a type and all types below it.
func (b *builder) reflect(v any, name string) {
	s := b.reflector.Reflect(v)
	for id, def := range s.Definitions {
		b.defs[id] = def
	}
	if b.defs[name] == nil {
		b.fail("the type %s has no definition", name)
	}
}

func (b *builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("cannot make the schema: "+format, args...)
	}
}

// nest moves keys of a type into the map at the head of its document.
func (b *builder) nest(def, head string, keys ...string) {
	doc := b.defs[def]
	if doc == nil {
		b.fail("there is no definition %s", def)
		return
	}
	inner := object()
	for _, key := range keys {
		p, ok := doc.Properties.Get(key)
		if !ok {
			b.fail("%s has no key %s", def, key)
			return
		}
		inner.Properties.Set(key, p)
		doc.Properties.Delete(key)
	}
	var outside []string
	for _, r := range doc.Required {
		if _, moved := inner.Properties.Get(r); moved {
			inner.Required = append(inner.Required, r)
		} else {
			outside = append(outside, r)
		}
	}
	doc.Required = append([]string{head}, outside...)
	doc.Properties.Set(head, inner)
	if err := doc.Properties.MoveToFront(head); err != nil {
		b.fail("cannot put %s first: %w", head, err)
	}
}

// object is a map with no further keys than those that are added.
func object() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
}

func (b *builder) encode(root *jsonschema.Schema) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	if err := b.prune(root); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot write the schema: %w", err)
	}
	return append(text, '\n'), nil
}

// prune drops the definitions that the root does not lead to.
func (b *builder) prune(root *jsonschema.Schema) error {
	top := *root
	top.Definitions = nil
	reached, next := map[string]bool{}, []*jsonschema.Schema{&top}
	for len(next) > 0 {
		text, err := json.Marshal(next[0])
		if err != nil {
			return fmt.Errorf("cannot write the schema: %w", err)
		}
		next = next[1:]
		for name, def := range b.defs {
			if !reached[name] && bytes.Contains(text, []byte(`"#/$defs/`+name+`"`)) {
				reached[name], next = true, append(next, def)
			}
		}
	}
	for name := range b.defs {
		if !reached[name] {
			delete(b.defs, name)
		}
	}
	return nil
}
