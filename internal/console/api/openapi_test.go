package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"upkeep/internal/hub/ask"
)

var update = flag.Bool("update", false, "write openapi.json anew")

type object = map[string]any

// TestSpec holds openapi.json against the routes and the types of their answers.
func TestSpec(t *testing.T) {
	got, err := json.MarshalIndent(describe(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile("openapi.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if d := cmp.Diff(string(spec), string(got)); d != "" {
		t.Errorf("openapi.json, by go test ./internal/console/api -update written anew:\n%s", d)
	}
}

// describe makes the description out of the routes.
func describe(t *testing.T) object {
	schemas := object{}
	paths := object{}
	for _, rt := range (&Machines{}).routes() {
		path := "/api/v1" + rt.path
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path].(object)[strings.ToLower(rt.method)] = operation(t, rt, schemas)
	}
	for _, v := range []any{Problem{}, Lines{}, ask.Bar{}} { // of errors and events
		refer(t, v, schemas, true)
	}
	public := func(id, summary, kind string, schema object) object {
		return object{"operationId": id, "summary": summary, "security": []any{}, "responses": object{"200": object{"description": "It", "content": object{kind: object{"schema": schema}}}}}
	}
	paths["/api/v1/openapi.json"] = object{"get": public("openapi", "This description", "application/vnd.oai.openapi+json;version=3.1", object{"type": "object"})}
	paths["/api/v1/problems/{kind}"] = object{"parameters": []any{parameter("kind", "path", "Of a problem", object{"type": "string"})}, "get": public("problem", "What a kind of problem means", "text/plain", object{"type": "string"})}
	return object{
		"openapi": "3.1.0",
		"info": object{"title": "Upkeep", "version": "1", "description": "What the page of the hub looks at and does, for programs. Times of duration are nanoseconds, sizes bytes. " +
			"Fields may be added to answers; what is sent must have no others than these. Errors are problems (RFC 9457), and say what to do now."},
		"paths":    paths,
		"security": []any{object{"token": []string{}}},
		"components": object{"schemas": schemas,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "Of upkeep hub token add. x-role of an operation says what role it takes at least."}},
			"responses":       object{"Problem": object{"description": "What went wrong", "content": object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}}},
		},
	}
}

func parameter(name, in, text string, schema object) object {
	return object{"name": name, "in": in, "description": text, "required": in == "path", "schema": schema}
}

func operation(t *testing.T, rt route, schemas object) object {
	role := rt.role
	if role == "" {
		role = ask.Viewer
	}
	op := object{"operationId": rt.id, "summary": rt.summary, "x-role": role}
	if rt.text != "" {
		op["description"] = rt.text
	}
	var params []any
	if strings.Contains(rt.path, "{id}") {
		params = append(params, parameter("id", "path", "Of the installation, as in the overview", object{"type": "string"}))
	}
	if strings.Contains(rt.path, "{run}") {
		params = append(params, parameter("run", "path", "Of the run, whole", object{"type": "string"}))
	}
	for _, p := range rt.query {
		schema := object{"type": "integer"}
		if p.words != nil {
			schema = object{"type": "string", "enum": p.words}
		}
		params = append(params, parameter(p.name, "query", p.text, schema))
	}
	if rt.key {
		params = append(params, parameter("Idempotency-Key", "header", "A new one for each start; the same one when it is asked again", object{"type": "string", "maxLength": 255}))
	}
	if rt.stream {
		params = append(params, parameter("Last-Event-ID", "header", "Of the last event that has come", object{"type": "integer"}))
	}
	if params != nil {
		op["parameters"] = params
	}
	if rt.body != nil {
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": refer(t, rt.body, schemas, false)}}}
	}
	good := object{"description": "The answer"}
	switch {
	case rt.stream:
		good["content"] = object{"text/event-stream": object{"schema": object{"type": "string"}}}
	case rt.files != nil:
		content := object{}
		for _, kind := range rt.files {
			content[kind] = object{"schema": object{}}
		}
		good["content"] = content
		good["headers"] = object{"Content-Disposition": object{"description": "With the name of the file", "schema": object{"type": "string"}}}
	case rt.status == http.StatusNoContent:
		good["description"] = "It is done"
	default:
		good["content"] = object{"application/json": object{"schema": refer(t, rt.answer, schemas, true)}}
	}
	if rt.key {
		good["headers"] = object{"Location": object{"description": "Where it goes on", "schema": object{"type": "string"}}}
	}
	status := max(rt.status, 200)
	op["responses"] = object{strconv.Itoa(status): good, "default": object{"$ref": "#/components/responses/Problem"}}
	return op
}

// refer puts the schema of a value's type among the schemas, and refers to it.
func refer(t *testing.T, v any, schemas object, more bool) object {
	r := &jsonschema.Reflector{Anonymous: true, AllowAdditionalProperties: more, Mapper: mapped}
	s := r.ReflectFromType(reflect.TypeOf(v))
	for name, def := range s.Definitions {
		raw, err := json.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		raw = bytes.ReplaceAll(raw, []byte("#/$defs/"), []byte("#/components/schemas/"))
		var out object
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatal(err)
		}
		if had := schemas[name]; had != nil && !reflect.DeepEqual(had, out) {
			t.Errorf("there are two types called %s", name)
		}
		schemas[name] = out
	}
	return object{"$ref": strings.Replace(s.Ref, "#/$defs/", "#/components/schemas/", 1)}
}

// mapped gives types of a few words their words, and durations their unit.
func mapped(t reflect.Type) *jsonschema.Schema {
	words := func(list ...any) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Enum: list} }
	switch t {
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{Type: "integer", Description: "Nanoseconds"}
	case reflect.TypeFor[ask.Role]():
		return words(all(ask.Roles())...)
	case reflect.TypeFor[ask.NoticeKind]():
		return words(all(ask.NoticeKinds())...)
	case reflect.TypeFor[ask.Status]():
		return words(all(ask.Statuses())...)
	case reflect.TypeFor[ask.Part]():
		return words(all(ask.Parts())...)
	case reflect.TypeFor[ask.Choice]():
		return words(all(ask.Choices())...)
	case reflect.TypeFor[ask.ProvenBy]():
		return words(all(ask.Provens())...)
	case reflect.TypeFor[ask.ErrandKind](): // of an errand that is none, too
		return words(append(all(ask.ErrandKinds()), "")...)
	case reflect.TypeFor[ask.BatchState]():
		return words(all(ask.BatchStates())...)
	case reflect.TypeFor[ask.Stage]():
		return words(all(ask.Stages())...)
	case reflect.TypeFor[ask.AskedKind]():
		return words(all(ask.AskedKinds())...)
	case reflect.TypeFor[ask.Judgement]():
		return words(all(ask.Judgements())...)
	case reflect.TypeFor[ask.ActResult]():
		return words(all(ask.ActResults())...)
	case reflect.TypeFor[ask.Currency]():
		return words(ask.UpToDate, ask.Behind, ask.CurrencyUnknown)
	case reflect.TypeFor[ask.Going]():
		return words(ask.UnderWay, ask.AsksPerson, ask.WaitsChoice, ask.Interrupted)
	case reflect.TypeFor[ask.Result]():
		return words(ask.ResultNew, ask.ResultOld, ask.ResultMilestone)
	case reflect.TypeFor[ask.Kind]():
		var kinds []any
		for _, s := range sorts() {
			kinds = append(kinds, s.kind)
		}
		return words(kinds...)
	}
	return nil
}

func all[T any](list []T) []any {
	var out []any
	for _, x := range list {
		out = append(out, x)
	}
	return out
}
