package site_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/site"
)

func read(t testing.TB, text string) (*site.Installation, *document.Node, error) {
	t.Helper()
	nodes, err := yaml.Parse("i.yaml", []byte(text))
	if err != nil {
		return nil, nil, err
	}
	in, err := site.Decode(document.Source{Name: "i.yaml", Text: []byte(text)}, nodes)
	return in, nodes[0], err
}

// A parameter gets another value, and nothing else changes.
func TestSetParams(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"plain":           {"installation: {id: i, product: p}\nparams:\n  url: http://a/\n  port: \"80\"\n", "installation: {id: i, product: p}\nparams:\n  url: \"b # c\"\n  port: \"80\"\n"},
		"comments stay":   {"# mine\ninstallation: {id: i, product: p}\nparams:\n  # the address\n  url: 'it''s # one' # old\n", "# mine\ninstallation: {id: i, product: p}\nparams:\n  # the address\n  url: \"b # c\" # old\n"},
		"quoted":          {"installation: {id: i, product: p}\nparams:\n  url: \"a \\\" # b\"   # why\n", "installation: {id: i, product: p}\nparams:\n  url: \"b # c\" # why\n"},
		"not there yet":   {"installation: {id: i, product: p}\nparams:\n    port: \"80\"\n", "installation: {id: i, product: p}\nparams:\n    url: \"b # c\"\n    port: \"80\"\n"},
		"no params":       {"installation: {id: i, product: p}\n", "installation: {id: i, product: p}\nparams:\n  url: \"b # c\"\n"},
		"no end of line":  {"installation: {id: i, product: p}", "installation: {id: i, product: p}\nparams:\n  url: \"b # c\"\n"},
		"on one line":     {"installation: {id: i, product: p}\nparams: {url: a, port: \"80\"}\n", ""},
		"added to a line": {"installation: {id: i, product: p}\nparams: {port: \"80\"}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, root, err := read(t, c.doc)
			if err != nil {
				t.Fatal(err)
			}
			got, err := site.SetParams([]byte(c.doc), root, map[string]string{"url": "b # c"})
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), "by hand") {
					t.Errorf("%q, %v, want an error that says to do it by hand", got, err)
				}
				return
			}
			if err != nil || string(got) != c.want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, c.want)
			}
		})
	}
}

// Whatever a parameter holds, the document that is composed or edited reads
// back as just that.
func FuzzParams(f *testing.F) {
	for _, v := range []string{"a", "", "yes", "# no", "it's \"quoted\"", "\x00\x7f\u2028", "${param.x}", "a: b", "- c", "é\n\tz", "\\", "\xff"} {
		f.Add(v, v)
	}
	f.Fuzz(func(t *testing.T, v, other string) {
		if !utf8.ValidString(v) || !utf8.ValidString(other) {
			return // values are texts
		}
		text := site.Compose(site.Draft{ID: "i", Product: "p", Title: other, Params: []site.DraftParam{{ID: "a", Comment: other, Value: &site.Value{Text: v}}, {ID: "b", Comment: v}, {ID: "c", Value: &site.Value{Text: other}}}})
		in, root, err := read(t, string(text))
		if err != nil {
			return // too long, or what no document may hold
		}
		if in.Params["a"].Text != v || in.Params["c"].Text != other || len(in.Params) != 2 {
			t.Fatalf("%q and %q read back as %+v from\n%s", v, other, in.Params, text)
		}
		edited, err := site.SetParams(text, root, map[string]string{"a": other, "d": v})
		if err != nil {
			t.Fatalf("%v of\n%s", err, text)
		}
		if in, _, err = read(t, string(edited)); err != nil {
			return
		}
		if in.Params["a"].Text != other || in.Params["c"].Text != other || in.Params["d"].Text != v {
			t.Fatalf("%q and %q read back as %+v from\n%s", v, other, in.Params, edited)
		}
	})
}
