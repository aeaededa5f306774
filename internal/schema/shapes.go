package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"upkeep/internal/manifest"
)

func listOf(item *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "array", Items: item}
}

func oneOrMany() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, listOf(&jsonschema.Schema{Type: "string"})}}
}

func text() *jsonschema.Schema { return &jsonschema.Schema{Type: "string"} }

func atLeast(n uint64) *uint64 { return &n }

// special adds the definitions of the types whose documents do not look like
// their Go types.
func (b *builder) special() {
	b.defs["Duration"] = &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$`, Description: "a span of time such as 90s, 10m or 1d"}
	b.defs["Literal"] = &jsonschema.Schema{Type: "", AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "integer"}, {Type: "boolean"}}}
	b.defs["Command"] = &jsonschema.Schema{Type: "array", Items: text(), MinItems: atLeast(1), Description: "a program and its arguments; there is no shell"}
	b.defs["VersionOrder"] = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Enum: orders()}, {Type: "array", Items: text(), MinItems: atLeast(1)}},
		Description: "an order, or the versions themselves in ascending order"}
	b.defs["Value"] = value()
	b.defs["Condition"] = condition()
	b.defs["Probe"] = probe()
	b.defs["Step"] = step()
	b.defs["Undo"] = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Enum: []any{"restore", "none"}}, ref("Step")}, Description: "what takes the step back"}
	procedure := object()
	steps := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{listOf(ref("Step")), {Enum: []any{"none"}}}}
	for _, p := range phaseNames() {
		procedure.Properties.Set(p, steps)
	}
	b.defs["Procedure"] = procedure
}

func value() *jsonschema.Schema {
	secret := object()
	secret.Properties.Set("file", &jsonschema.Schema{Type: "string", Description: "file that holds the secret"})
	secret.Properties.Set("env", &jsonschema.Schema{Type: "string", Pattern: "^[A-Za-z_][A-Za-z0-9_]*$", Description: "environment variable that holds the secret"})
	secret.OneOf = required("file", "env")
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{ref("Literal"), secret}, Description: "a value, or where the secret lies"}
}

func condition() *jsonschema.Schema {
	c := object()
	for _, word := range manifest.Conditions() {
		switch word {
		case "all", "any":
			c.Properties.Set(word, listOf(ref("Condition")))
		case "not":
			c.Properties.Set(word, ref("Condition"))
		default:
			c.Properties.Set(word, text())
		}
	}
	c.Properties.Set("is", ref("Literal"))
	c.OneOf = required(manifest.Conditions()...)
	c.DependentSchemas = map[string]*jsonschema.Schema{"is": {AnyOf: required("param", "fact")}}
	return c
}

func probe() *jsonschema.Schema {
	p := object()
	extra := map[string][]string{} // key to the sources that take it
	for source, keys := range manifest.SourceKeys() {
		for _, key := range keys {
			extra[key] = append(extra[key], source)
		}
	}
	for _, source := range manifest.Sources() {
		switch source {
		case "command":
			p.Properties.Set(source, ref("Command"))
		case "port", "udp":
			p.Properties.Set(source, ref("Literal"))
		case "log":
			p.Properties.Set(source, &jsonschema.Schema{AnyOf: []*jsonschema.Schema{text(), {Type: "array", Items: text(), MinItems: atLeast(1)}}})
		default:
			p.Properties.Set(source, text())
		}
	}
	p.Properties.Set("select", text())
	p.Properties.Set("expect", &jsonschema.Schema{AnyOf: []*jsonschema.Schema{ref("Literal"), {Type: "array", Items: ref("Literal"), MinItems: atLeast(1)}}})
	p.Properties.Set("as", text())
	p.Properties.Set("role", oneOrMany())
	p.Properties.Set("timeout", ref("Duration"))
	p.Properties.Set("compare", &jsonschema.Schema{Enum: []any{"version", "number", "size", "time", "duration"}})
	p.DependentSchemas = map[string]*jsonschema.Schema{}
	for _, key := range slices.Sorted(maps.Keys(extra)) {
		if strings.HasSuffix(key, ".") {
			p.PatternProperties = map[string]*jsonschema.Schema{"^" + strings.TrimSuffix(key, ".") + `\..+$`: text()}
			continue
		}
		p.Properties.Set(key, ref("Literal"))
		if key == "from" {
			p.Properties.Set(key, ref("Probe"))
		}
		slices.Sort(extra[key])
		p.DependentSchemas[key] = &jsonschema.Schema{AnyOf: required(extra[key]...)}
	}
	p.OneOf = required(manifest.Sources()...)
	p.Description = "how one value is read: a source, and what the value must be"
	return p
}

func step() *jsonschema.Schema {
	s := object()
	for _, verb := range manifest.Verbs() {
		s.Properties.Set(verb, argument(verb))
	}
	for _, key := range []string{"id", "as", "once", "retry-from", "after", "to", "reference", "title", "scripts"} {
		s.Properties.Set(key, text())
	}
	for _, key := range []string{"repeatable", "optional"} {
		s.Properties.Set(key, &jsonschema.Schema{Type: "boolean"})
	}
	for _, key := range []string{"within", "outage"} {
		s.Properties.Set(key, ref("Duration"))
	}
	s.Properties.Set("role", oneOrMany())
	s.Properties.Set("until", &jsonschema.Schema{AnyOf: []*jsonschema.Schema{text(), ref("Probe")}})
	s.Properties.Set("when", ref("Condition"))
	s.Properties.Set("undo", ref("Undo"))
	s.Properties.Set("on-failure", &jsonschema.Schema{Enum: []any{"back", "warn", "continue"}})
	s.Properties.Set("during", listOf(ref("Step")))
	s.Properties.Set("or", ref("Step"))
	s.Properties.Set("outputs", listOf(text()))
	s.Properties.Set("client", &jsonschema.Schema{Enum: []any{"native"}})
	s.Properties.Set("soak", ref("Duration"))
	s.Properties.Set("of", listOf(text()))
	retry := object()
	retry.Properties.Set("times", &jsonschema.Schema{Type: "integer", Minimum: "1", Maximum: "100"})
	retry.Properties.Set("every", ref("Duration"))
	retry.Required = []string{"times", "every"}
	s.Properties.Set("retry", retry)
	s.DependentSchemas = map[string]*jsonschema.Schema{}
	for key, verbs := range manifest.OwnKeys() {
		s.DependentSchemas[key] = &jsonschema.Schema{AnyOf: required(verbs...)}
	}
	s.OneOf = verbs()
	s.Not = &jsonschema.Schema{Required: []string{"run", "tell"}}
	s.Description = "one verb and what belongs to it"
	return s
}

// verbs are the alternatives of a step: one verb, with a method where it takes
// one; or a command, a person or a reading back alone.
func verbs() []*jsonschema.Schema {
	var alternatives, main []*jsonschema.Schema
	for _, verb := range manifest.Verbs() {
		if verb == "run" || verb == "tell" || verb == "verify" {
			continue
		}
		one := &jsonschema.Schema{Required: []string{verb}}
		main = append(main, one)
		if !slices.Contains(manifest.Methods(), verb) {
			one = &jsonschema.Schema{Required: []string{verb}, Not: &jsonschema.Schema{AnyOf: required("run", "tell")}}
		}
		alternatives = append(alternatives, one)
	}
	return append(alternatives, &jsonschema.Schema{AnyOf: required("run", "tell", "verify"), Not: &jsonschema.Schema{AnyOf: main}})
}

// argument is what stands behind a verb.
func argument(verb string) *jsonschema.Schema {
	switch verb {
	case "run":
		return ref("Command")
	case "tell", "access", "migrate", "reboot":
		return text()
	case "wait":
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{ref("Duration"), {Type: "string", Pattern: `\$\{`}}}
	case "upgrade":
		return &jsonschema.Schema{Enum: []any{manifest.Again}}
	case "drain":
		return ref("Probe")
	case "verify":
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{listOf(ref("Probe")), ref("Probe")}}
	case "hold":
		h := object()
		for _, kind := range manifest.HoldKinds() {
			h.Properties.Set(kind, text())
		}
		h.OneOf = required(manifest.HoldKinds()...)
		return h
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{text(), {Type: "array", Items: text(), MinItems: atLeast(1)}}}
}
