package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMerge: the new text, with what the site has changed.
func TestMerge(t *testing.T) {
	for name, c := range map[string]struct {
		format                Format
		base, site, new, want string
		choices               map[string]string
		conflicts, obsolete   []string
	}{
		"keyword": {format: Keyword,
			base: "# port\nport 6379\n\nsave 900 1\nsave 300 10\n# maxclients 10000\ntimeout 0\n",
			site: "# port\nport 7000\n\nsave 900 1\nsave 60 5\nmaxclients 50\ntimeout 0\n",
			new:  "# The port, TCP.\nport 6379\n\n# More words.\nsave 900 1\nsave 300 10\nsave 10 1\n# maxclients 10000\n# and more\n\ntimeout 10\n",
			want: "# The port, TCP.\nport 7000\n\n# More words.\nsave 900 1\nsave 10 1\nsave 60 5\n# maxclients 10000\nmaxclients 50\n# and more\n\ntimeout 10\n"},
		"properties": {format: Properties,
			base: "a=1\nb: 2\nc = x\\\n  y\nd=1\n",
			site: "a=1\nb: 3\nc = x\\\n  z\nd=1\nmine=yes\n",
			new:  "# new\na=9\nb: 2\nc = x\\\n  y\nd=2",
			want: "# new\na=9\nb: 3\nc = x\\\n  z\nd=2\nmine=yes"},
		"ini": {format: INI,
			base: "; c\n[main]\na = 1\nb = 2\n\n[other]\na = 1\n",
			site: "; c\n[main]\na = 5\n\n[other]\na = 1\nextra = 7\n\n[own]\nx = 1\n",
			new:  "; c\n[main]\n; about a\na = 1\nb = 2\nc = 3\n\n; about other\n[other]\na = 2\n",
			want: "; c\n[main]\n; about a\na = 5\n;b = 2\nc = 3\n\n; about other\n[other]\na = 2\nextra = 7\n[own]\nx = 1\n"},
		"yaml": {format: YAML,
			base: "server:\n  port: 80 # p\n  host: a\nlist:\n  - 1\n  - 2\nlog: info\n",
			site: "server:\n  port: 8080 # p\n  host: a\n  # ours\n  tls:\n    cert: /c\nlist:\n  - 1\n  - 3\n",
			new:  "# head\nserver:\n    # indented otherwise\n    port: 80 # the port\n    host: b\n\nlist:\n  - 1\n  - 2\nlog: info\nnew: {a: 1}\n",
			want: "# head\nserver:\n    # indented otherwise\n    port: 8080 # the port\n    host: b\n    # ours\n    tls:\n      cert: /c\n\nlist:\n  - 1\n  - 3\n#log: info\nnew: {a: 1}\n"},
		"json": {format: JSON,
			base: "{\n  \"a\": 1,\n  \"b\": {\"c\": 2},\n  \"d\": [1]\n}\n",
			site: "{\n  \"a\": 7,\n  \"b\": {\"c\": 2, \"x\": true},\n  \"own\": {\n    \"k\": 1\n  }\n}\n",
			new:  "{\n  // words\n  \"a\": 1,\n  \"b\": {\"c\": 3},\n  \"d\": [1],\n  \"e\": null\n}\n",
			want: "{\n  // words\n  \"a\": 7,\n  \"b\": {\"c\": 3, \"x\": true},\n  \"own\": {\n    \"k\": 1\n  },\n  \"e\": null\n}\n"},
		"xml": {format: XML,
			base: "<c>\n  <add key=\"a\" value=\"1\"/>\n  <add key=\"b\" value=\"1\"/>\n  <t>x</t>\n</c>\n",
			site: "<c>\n  <add key=\"a\" value=\"2\"/>\n  <add key=\"own\" value=\"1\"/>\n  <t>y</t>\n</c>\n",
			new:  "<c>\n  <!-- words -->\n  <add key='a' value='1'/>\n  <add key=\"b\" value=\"1\"/>\n  <add key=\"n\" value=\"1\"/>\n  <t>x</t>\n</c>\n",
			want: "<c>\n  <!-- words -->\n  <add key='a' value=\"2\"/>\n  <add key=\"own\" value=\"1\"/>\n  <add key=\"n\" value=\"1\"/>\n  <t>y</t>\n</c>\n"},
		"conflict, nobody decided": {format: Keyword, base: "a 1\n", site: "a 2\n", new: "a 3\n", want: "a 3\n", conflicts: []string{"a"}},
		"conflict, mine":           {format: Keyword, base: "a 1\n", site: "a 2\n", new: "a 3\n", want: "a 2\n", conflicts: []string{"a"}, choices: map[string]string{"a": Mine}},
		"conflict, new":            {format: Keyword, base: "a 1\n", site: "a 2\n", new: "a 3\n", want: "a 3\n", conflicts: []string{"a"}, choices: map[string]string{"a": New}},
		"conflict, a value":        {format: JSON, base: `{"a": 1}`, site: `{"a": 2}`, new: `{"a": 3 }`, want: `{"a": 4 }`, conflicts: []string{"a"}, choices: map[string]string{"a": "=4"}},
		"both took it out":         {format: INI, base: "[a]\nx=1\ny=1\n", site: "[a]\nx=1\n", new: "[a]\nx=2\n", want: "[a]\nx=2\n"},
		"obsolete":                 {format: INI, base: "[a]\nx=1\ny=1\n", site: "[a]\nx=1\ny=2\n", new: "[a]\nx=1\nz=1\n", want: "[a]\nx=1\ny=2\nz=1\n", obsolete: []string{"[a] y"}},
		"obsolete, dropped": {format: INI, base: "[a]\nx=1\ny=1\n", site: "[a]\nx=1\ny=2\n", new: "[a]\nx=1\nz=1\n", want: "[a]\nx=1\nz=1\n", obsolete: []string{"[a] y"},
			choices: map[string]string{"[a] y": New}},
		"removed and changed":  {format: YAML, base: "a: 1\nb: 1\n", site: "a: 1\n", new: "a: 1\nb: 2\n", want: "a: 1\n#b: 2\n", conflicts: []string{"b"}, choices: map[string]string{"b": Mine}},
		"CRLF and a mark":      {format: INI, base: "\ufeff[a]\r\nx=1\r\n", site: "\ufeff[a]\r\nx=1\r\ny=2\r\n", new: "\ufeff[a]\r\nz=1\r\nx=1\r\n", want: "\ufeff[a]\r\nz=1\r\nx=1\r\ny=2\r\n"},
		"the new one has CRLF": {format: YAML, base: "a: 1\n", site: "a: 1\nb:\n  c: 1\n", new: "a: 2\r\nd: 1\r\n", want: "a: 2\r\nb:\r\n  c: 1\r\nd: 1\r\n"},
		"lines, PHP": {format: Lines, base: "<?php\n$a = 1;\n\n$b = 1;\n", site: "<?php\n$a = 2;\n\n$b = 1;\n", new: "<?php\n// words\n$x = 0;\n$a = 1;\n\n$b = 2;\n", want: "<?php\n// words\n$x = 0;\n$a = 2;\n\n$b = 2;\n",
			conflicts: []string{"lines 2-4"}, choices: map[string]string{"lines 2-4": "=// words\n$x = 0;\n$a = 2;"}},
		"a YAML that cannot be read is merged by lines": {format: YAML, base: "a: 1\nx\n{", site: "a: 2\nx\n{", new: "a: 1\nx\n{\n# new\n", want: "a: 2\nx\n{\n# new\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Merge([]byte(c.base), []byte(c.site), []byte(c.new), c.format, c.choices)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, string(r.Text)); d != "" {
				t.Errorf("merged (-want +got), as %s %s:\n%s", r.Format, r.Why, d)
			}
			var conflicts []string
			for _, k := range r.Conflicts {
				conflicts = append(conflicts, k.Key)
			}
			if d := cmp.Diff(c.conflicts, conflicts); d != "" {
				t.Errorf("conflicts (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.obsolete, r.Obsolete); d != "" {
				t.Errorf("obsolete (-want +got):\n%s", d)
			}
		})
	}
}

// A key of the site with its comment, when the new release's text is another.
func TestCommentsComeAlong(t *testing.T) {
	base := "a 1\nb 1\n"
	site := "a 1\n\n# we need this since May\nours 5\nb 2\n"
	r, err := Merge([]byte(base), []byte(site), []byte("# all is new\na 2\nb 3\n"), Keyword, map[string]string{"b": Mine})
	if err != nil || !strings.Contains(string(r.Text), "a 2\n# we need this since May\nours 5\nb 2\n") {
		t.Errorf("merged %q, %v", r.Text, err)
	}
}

func TestChoicesThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		base, site, new string
		format          Format
		choices         map[string]string
		want            string
	}{
		{"a 1\n", "a 2\n", "a 3\n", Keyword, map[string]string{"a": "both"}, "no choice"},
		{"a 1\n", "a 2\n", "a 3\n", Keyword, map[string]string{"a": "=x\ny"}, "one line"},
		{`{"a": 1}`, `{"a": 2}`, `{"a": 3}`, JSON, map[string]string{"a": "=}"}, "cannot be written"},
		{"a: 1\n", "a: 2\n", "a: 3\n", YAML, map[string]string{"a": "=[x"}, "cannot be written"},
		{"a:\n - 1\n", "a:\n - 2\n", "a:\n - 3\n", YAML, map[string]string{"a": "=4"}, "not in one line"},
		{"1\n", "2\n", "3\n", Lines, map[string]string{"line 1": "x"}, "no choice"},
	} {
		if r, err := Merge([]byte(c.base), []byte(c.site), []byte(c.new), c.format, c.choices); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q of %v: %q, %v; want an error with %q", c.base, c.choices, r.Text, err, c.want)
		}
	}
}

func TestFormatOf(t *testing.T) {
	declared := map[string]Format{"*.conf": Keyword, "nginx/*.conf": Lines, "*.yml": Lines}
	for name, want := range map[string]Format{"a/redis.conf": Keyword, "nginx/x.conf": Lines, "x.yml": Lines, "x.yaml": YAML, "web.config": XML, "php.ini": INI, "x.php": Lines, "a.properties": Properties, "p.json": JSON} {
		if got := FormatOf(name, declared); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestDiff(t *testing.T) {
	got := strings.Join(Diff([]byte("a\nb\nc\nd\ne\nf\n"), []byte("a\nb\nX\nd\ne\nf\ng\n")), "|")
	if want := " b|-c|+X| d|…| f|+g"; got != want {
		t.Errorf("Diff is %q, want %q", got, want)
	}
}
