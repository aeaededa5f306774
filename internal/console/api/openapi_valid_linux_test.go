//go:build openapi

package api

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

// TestOpenAPI has a validator of OpenAPI read openapi.json, and compare all
// questions and answers with it. It takes minutes to build, so it has a build tag.
func TestOpenAPI(t *testing.T) {
	v := openAPI(t, spec)
	if ok, problems := v.ValidateDocument(); !ok {
		for _, p := range problems {
			t.Errorf("%s: %s %v", p.Message, p.Reason, p.SchemaValidationErrors)
		}
	}
	broken := bytes.Replace(spec, []byte(`"description": "The answer"`), []byte(`"x-answer": "It"`), 1)
	if ok, _ := openAPI(t, broken).ValidateDocument(); ok {
		t.Error("the validator finds nothing")
	}
	s := open(t, false)
	for _, tt := range asked() {
		r, w := s.put(tt)
		r.Body = io.NopCloser(strings.NewReader(tt.body))
		if ok, problems := v.ValidateHttpRequestResponse(r, w.Result()); !ok {
			for _, p := range problems {
				t.Errorf("%s: %s: %s %v\n%s", tt.id, p.Message, p.Reason, p.SchemaValidationErrors, w.Body)
			}
		}
	}
	r := s.request("GET", "/api/v1/who", "")
	w := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{"name":7}`))}
	if ok, _ := v.ValidateHttpResponse(r, w); ok {
		t.Error("the validator accepts anything")
	}
}

func openAPI(t *testing.T, raw []byte) validator.Validator {
	t.Helper()
	doc, err := libopenapi.NewDocument(raw)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(doc)
	for _, err := range errs {
		t.Fatal(err)
	}
	return v
}
