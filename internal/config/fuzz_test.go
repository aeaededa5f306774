package config

import (
	"bytes"
	"testing"

	"go.yaml.in/yaml/v4"
)

// fuzz: whatever the texts are, nothing panics, and the laws hold.
func fuzz(f *testing.F, format Format, seeds ...string) {
	for _, a := range seeds {
		for _, b := range seeds {
			f.Add([]byte(a), []byte(b), []byte(seeds[0]))
		}
	}
	f.Fuzz(func(t *testing.T, base, site, fresh []byte) {
		if r, err := Merge(base, base, fresh, format, nil); err != nil || !bytes.Equal(r.Text, fresh) {
			t.Errorf("merge(base, base, new) is %q, %v; want %q", r.Text, err, fresh)
		}
		if r, err := Merge(base, site, base, format, nil); err != nil || !bytes.Equal(r.Text, site) && r.Format == Lines {
			t.Errorf("merge(base, site, base) is %q, %v; want %q", r.Text, err, site)
		}
		r, err := Merge(base, site, fresh, format, nil)
		if err != nil {
			t.Fatal(err)
		}
		for choice := range map[string]bool{Mine: true, New: true, "=1": true} {
			choices := map[string]string{}
			for _, c := range r.Conflicts {
				choices[c.Key] = choice
			}
			if done, err := Merge(base, site, fresh, format, choices); err == nil && !done.Decided() && done.Format == r.Format {
				t.Errorf("with %v there are open conflicts: %v", choices, done.Conflicts)
			}
		}
	})
}

func FuzzYAML(f *testing.F) {
	fuzz(f, YAML, "a: 1\nb:\n  c: 2 # x\n  d: [1, 2]\n", "a: \"x # y\"\nb:\n  - 1\n# end\n", "? a\n: b\n", "--- \na: |\n  x\n  # y\nb: &x 1\nc: *x\n...\n", "'a': {b: 1}\r\nc: 1")
}

// FuzzYAMLKeys: what is read by lines is what another parser reads too: the same
// keys, in the same maps.
func FuzzYAMLKeys(f *testing.F) {
	for _, s := range []string{"a: 1\nb:\n  c: 2 # x\n  d: [1, 2]\n", "a: \"x\nb: c\"\n", "a:\n- b: 1\n  c: 2\nd: |\n  e: f\n", "---\n\"a b\" : {c: 1,\n d: 2}\n...\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		root, err := parse(yamlGrammar{}, text)
		if err != nil || bytes.ContainsAny(text, "\t\r\\'\"\u0085\u2028\u2029\ufeff") {
			return
		}
		var other yaml.Node
		if yaml.Unmarshal(text, &other) != nil || len(other.Content) == 0 || other.Content[0].Kind != yaml.MappingNode || (yamlGrammar{}).sound(text, root) != nil {
			return
		}
		var same func(n *node, o *yaml.Node)
		same = func(n *node, o *yaml.Node) {
			if o.Kind != yaml.MappingNode || len(o.Content) != 2*len(n.kids) {
				t.Fatalf("%q has %d keys here, and %d for another parser", text, len(n.kids), len(o.Content)/2)
			}
			for i, k := range n.kids {
				if o.Content[2*i].Value != k.name {
					t.Fatalf("the key %q of %q is %q for another parser", k.name, text, o.Content[2*i].Value)
				}
				if k.branch {
					same(k, o.Content[2*i+1])
				}
			}
		}
		same(root, other.Content[0])
	})
}

func FuzzJSON(f *testing.F) {
	fuzz(f, JSON, `{"a": 1, "b": {"c": [1]}}`, "{// x\n\"a\": 2,\n}", `{}`, `[1]`, `{"a": 1, "a": 2}`, "\ufeff{\"b\":{}}")
}

func FuzzXML(f *testing.F) {
	fuzz(f, XML, `<a><b c="1">x</b></a>`, `<a><add key="x" value='2'/><add key="y"/></a>`, `<a>x<b/>y</a>`, `<?xml version="1.0"?><a b = "<c>"/>`, `<a><![CDATA[x]]></a>`)
}

func FuzzINI(f *testing.F) {
	fuzz(f, INI, "[a]\nx = 1\n[b]\ny\n", "x=1\n[a]\nx=2\nx=3\n  more\n[a]\nz=1", "; c\r\n[a]\r\nb:1\r\n", "[a\n")
}

func FuzzProperties(f *testing.F) {
	fuzz(f, Properties, "a=1\nb : 2\n", "a\\=b=1\nc=x\\\n y\n! c\n", "=\n", "a=\\")
}

func FuzzKeyword(f *testing.F) {
	fuzz(f, Keyword, "a 1\nb 2 3\n", "a 1\na 2\n# c 5\nc 6", "\ta\n", "a 2\n\n")
}

func FuzzLines(f *testing.F) {
	fuzz(f, Lines, "a\nb\nc\n", "a\nx\nc", "", "b\n\n\n")
}
