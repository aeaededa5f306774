package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract compares questions and answers with the description. A validator of
// OpenAPI does so as well, with the build tag openapi: it takes minutes to build.
type contract struct {
	doc     object
	schemas *jsonschema.Compiler
}

func contractOf(t *testing.T, raw []byte) contract {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := contract{doc.(object), jsonschema.NewCompiler()}
	c.schemas.AssertFormat()
	if err := c.schemas.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	for name := range c.at("components", "schemas") {
		if _, err := c.schemas.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// at gives an object of the description.
func (c contract) at(keys ...string) object {
	o := c.doc
	for _, key := range keys {
		o, _ = o[key].(object)
	}
	return o
}

// breaks says how a question or its answer breaks the description.
func (c contract) breaks(r *http.Request, body string, w *http.Response) error {
	path := c.path(r.URL)
	m := strings.ToLower(r.Method)
	op := c.at("paths", path, m)
	if op == nil {
		return fmt.Errorf("%s %s is not described", r.Method, r.URL.Path)
	}
	if err := asks(op, r.URL.Query()); err != nil {
		return err
	}
	at := "/paths/" + escaped(path) + "/" + m
	takes := c.at("paths", path, m, "requestBody")
	if (takes != nil) != (body != "") {
		return fmt.Errorf("a body is described: %t, sent: %t", takes != nil, body != "")
	}
	if takes != nil {
		if err := c.fits(at+"/requestBody/content/application~1json/schema", body); err != nil {
			return fmt.Errorf("the body: %w", err)
		}
	}
	status := strconv.Itoa(w.StatusCode)
	answer := c.at("paths", path, m, "responses", status)
	if answer == nil {
		return fmt.Errorf("the status %s is not described", status)
	}
	got, err := io.ReadAll(w.Body)
	if err != nil {
		return err
	}
	content := c.at("paths", path, m, "responses", status, "content")
	if content == nil {
		if len(got) > 0 {
			return fmt.Errorf("no answer is described, and it is %s", got)
		}
		return nil
	}
	kind, _, _ := mime.ParseMediaType(w.Header.Get("Content-Type"))
	if content[kind] == nil {
		return fmt.Errorf("the type %q is not described", kind)
	}
	if headers, _ := answer["headers"].(object); headers != nil {
		for name := range headers {
			if w.Header.Get(name) == "" {
				return fmt.Errorf("there is no %s", name)
			}
		}
	}
	if kind != "application/json" {
		return nil
	}
	return c.fits(at+"/responses/"+status+"/content/application~1json/schema", string(got))
}

// asks says what of an address is not described.
func asks(op object, query url.Values) error {
	params, _ := op["parameters"].([]any)
	known := map[string]object{}
	for _, p := range params {
		if p := p.(object); p["in"] == "query" {
			known[p["name"].(string)] = p["schema"].(object)
		}
	}
	for name, values := range query {
		schema := known[name]
		if schema == nil {
			return fmt.Errorf("%s is not described", name)
		}
		if words, ok := schema["enum"].([]any); ok && !strings.Contains(fmt.Sprint(words), values[0]) {
			return fmt.Errorf("%s is %s, of %v", name, values[0], words)
		}
	}
	return nil
}

// path gives the described path of an address: the one with most names of its own.
func (c contract) path(u *url.URL) string {
	best, most := "", -1
	parts := strings.Split(u.EscapedPath(), "/")
	for path := range c.at("paths") {
		names, own := strings.Split(path, "/"), 0
		for i, name := range names {
			switch {
			case len(names) != len(parts), !strings.HasPrefix(name, "{") && name != parts[i]:
				own = -len(names)
			case name == parts[i]:
				own++
			}
		}
		if own > most && own >= 0 && len(names) == len(parts) {
			best, most = path, own
		}
	}
	return best
}

func escaped(path string) string {
	return url.PathEscape(strings.ReplaceAll(strings.ReplaceAll(path, "~", "~0"), "/", "~1"))
}

// fits compares a value with a schema of the description.
func (c contract) fits(at, text string) error {
	s, err := c.schemas.Compile("openapi.json#" + at)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// TestContract: what breaks the description is found, or the contract is none.
func TestContract(t *testing.T) {
	c := contractOf(t, spec)
	good, _ := json.Marshal(Caller{Name: "token:ci", Role: "viewer"})
	for _, tt := range []struct {
		method, path, body string
		status             int
		kind, answer       string
		want               string
	}{
		{"GET", "/api/v1/who", "", 200, "application/json", string(good), ""},
		{"GET", "/api/v1/who", "", 200, "application/json", `{"name":7,"role":"viewer"}`, "got number, want string"},
		{"GET", "/api/v1/who", "", 200, "application/json", `{"name":"x"}`, "missing property 'role'"},
		{"GET", "/api/v1/who", "", 200, "application/json", `{"name":"x","role":"root"}`, "value must be one of"},
		{"GET", "/api/v1/who", "", 200, "text/html", string(good), "type \"text/html\" is not described"},
		{"GET", "/api/v1/who", "", 201, "application/json", string(good), "status 201 is not described"},
		{"GET", "/api/v1/who?x=1", "", 200, "application/json", string(good), "x is not described"},
		{"POST", "/api/v1/who", "", 200, "application/json", string(good), "POST /api/v1/who is not described"},
		{"GET", "/api/v1/whom", "", 200, "application/json", string(good), "is not described"},
		{"POST", base + "/runs", `{"digest":"d","x":1}`, 201, "application/json", `{"run":"r"}`, "additional properties 'x' not allowed"},
		{"POST", base + "/runs", `{"digest":"d"}`, 201, "application/json", `{"run":"r"}`, "there is no Location"},
		{"POST", base + "/runs", "", 201, "application/json", `{"run":"r"}`, "a body is described"},
		{"DELETE", base + "/schedule", "", 204, "", "", ""},
		{"DELETE", base + "/schedule", "", 204, "", "{}", "no answer is described"},
		{"GET", base + "/drift/report?format=pdf", "", 200, "text/html", "", "format is pdf"},
	} {
		r, err := http.NewRequest(tt.method, "http://"+host+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := &http.Response{StatusCode: tt.status, Header: http.Header{"Content-Type": {tt.kind}}, Body: io.NopCloser(strings.NewReader(tt.answer))}
		err = c.breaks(r, tt.body, w)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s %s: %v, want %q", tt.method, tt.path, tt.answer, err, tt.want)
		}
	}
}
