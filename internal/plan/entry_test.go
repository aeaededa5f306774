package plan_test

import (
	"strings"
	"testing"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

func TestEntry(t *testing.T) {
	for entry, want := range map[string]string{
		"":                                "",
		"http://127.0.0.1:${param.port}/": "http://127.0.0.1:8090/",
		"https://shop.example/setup?a=1":  "https://shop.example/setup?a=1",
		"http://[::1]:80/":                "http://[::1]:80/",
		"javascript:alert(1)":             `error: it begins with "javascript"`,
		"JAVASCRIPT:alert(1)":             `error: it begins with "javascript"`,
		"//shop.example/":                 `error: it begins with ""`,
		"shop.example":                    `error: it begins with ""`,
		"https://anna:secret@shop/":       "error: it holds a name or a password",
		"http:///setup":                   "error: it names no computer",
		"http://:80/":                     "error: it names no computer",
		"http://shop/\x1b[2J":             "error: it cannot be read",
		"http://shop/a b":                 "error: it cannot be read",
		"http://shop/\u00a0x":             "http://shop/\u00a0x", // as people write paths
		"${param.token}":                  "error: ",
		"${param.nowhere}":                "error: ",
	} {
		p := &manifest.Product{ID: "shop", Entry: entry, Params: map[string]manifest.Param{"port": {}, "token": {Type: "secret"}}}
		s := &site.Installation{ID: "shop", Params: map[string]site.Value{"port": {Text: "8090"}}}
		r, err := plan.NewResolver(p, s, plan.Facts{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Entry()
		if err != nil {
			got = "error: " + strings.TrimPrefix(err.Error(), "the product's own address is not linked: ")
		}
		if strings.Contains(got, "secret@") || !strings.HasPrefix(got, want) || want == "" && got != "" || want == "error: " && err == nil {
			t.Errorf("%q: %q, want %q", entry, got, want)
		}
	}
}
