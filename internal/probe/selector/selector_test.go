package selector

import (
	"strings"
	"testing"
)

const phpConfig = `<?php
/**
 * 'db_name' => 'in a comment'
 */
$MySettings = array(
	// 'db_name' => 'commented out',
	'app_root_url' => 'https://itop.example/o\'neil/',
	'db_name' => "itop",
	'timeout' => 30,
	'debug' => false,
	'nothing' => null,
);
$version = '3.2.0';
define('DB_HOST', 'localhost');
`

const iniConfig = `; a comment
# another
top = first
[mysqld]
port = 3306
datadir = "/var/lib/my sql"   # quoted
[client]
port: 3307
`

const yamlConfig = `# comment
version: 1.10
on: yes
server: &base
  host: localhost
  ports: [80, "443"]
other:
  <<: *base
  host: remote
alias: *base
list:
  - name: a
  - name: b
text: |
  two
  lines
nothing: ~
"dotted.key": x
`

func TestApply(t *testing.T) {
	for _, c := range []struct {
		format       Format
		sel          string
		text         string
		want         string // "" is: no value
		wantErr      string
		wantParseErr string
	}{
		// the whole text
		{Text, "", "  1.2.3\n", "1.2.3", "", ""},
		{JSON, "", " {} ", "{}", "", ""},
		{Text, "", " \n", "", "", ""},
		// regular expressions
		{Text, "^ldap$", "json\nldap\nxml\n", "ldap", "", ""},
		{Text, "^ldap$", "openldap\n", "", "", ""},
		{Text, `Candidate: .*?([\d.]+)`, "Installed: 1.0\nCandidate: 2.3.4-1\n", "2.3.4", "", ""},
		{Text, `/a(b)?(c)?/`, "xac", "c", "", ""},
		{INI, `/^port\s*=\s*(\d+)/`, iniConfig, "3306", "", ""},
		{Text, "(", "", "", "", "cannot compile"},
		// JSON
		{JSON, "version", `{"version": "2.3.4"}`, "2.3.4", "", ""},
		{JSON, ".a.b", `{"a": {"b": 1.10}}`, "1.10", "", ""},
		{JSON, "$.a[1].b", `{"a": [1, {"b": true}]}`, "true", "", ""},
		{JSON, "a.1", `{"a": ["x", "y"]}`, "y", "", ""},
		{JSON, `a."b.c"`, `{"a": {"b.c": "z"}}`, "z", "", ""},
		{JSON, "a", `{"a": [1, 2]}`, "[1,2]", "", ""},
		{JSON, "a", `{"a": null}`, "", "", ""},
		{JSON, "a.b.c", `{"a": 5}`, "", "", ""},
		{JSON, "a[7]", `{"a": [1]}`, "", "", ""},
		{JSON, "a", "\ufeff{\"a\": 12345678901234567890}", "12345678901234567890", "", ""},
		{JSON, "a", `{"a": `, "", "cannot read the text as JSON", ""},
		{JSON, "a..b", `{}`, "", "", "a key is empty"},
		{JSON, "a.", `{}`, "", "", "a key must follow each dot"},
		{JSON, "a[x]", `{}`, "", "", "no place in a list"},
		{JSON, `"a`, `{}`, "", "", "a quote is not closed"},
		// the text decides
		{Auto, "version", ` [{"version": 1}]`, "", "", ""},
		{Auto, "0.version", ` [{"version": 1}]`, "1", "", ""},
		{Auto, "ok", "all is ok here", "ok", "", ""},
		{Auto, "v([0-9.]+)", "<p>v1.2</p>", "1.2", "", ""},
		{Auto, `/"version":\s*"(.*?)"/`, `{"version": "1"}`, "1", "", ""},
		// YAML
		{YAML, "version", yamlConfig, "1.10", "", ""},
		{YAML, "on", yamlConfig, "yes", "", ""},
		{YAML, "server.host", yamlConfig, "localhost", "", ""},
		{YAML, "server.ports[1]", yamlConfig, "443", "", ""},
		{YAML, "other.host", yamlConfig, "remote", "", ""},
		{YAML, "other.ports.0", yamlConfig, "80", "", ""},
		{YAML, "alias.host", yamlConfig, "localhost", "", ""},
		{YAML, "list[1].name", yamlConfig, "b", "", ""},
		{YAML, "text", yamlConfig, "two\nlines", "", ""},
		{YAML, "nothing", yamlConfig, "", "", ""},
		{YAML, `"dotted.key"`, yamlConfig, "x", "", ""},
		{YAML, "missing.deeper", yamlConfig, "", "", ""},
		{YAML, "server", yamlConfig, "", "ends at a map or a list", ""},
		{YAML, "a", "a: [1", "", "cannot read the text as YAML", ""},
		{YAML, "a", strings.Repeat("[", 5000), "", "nested deeper", ""},
		// INI and relatives
		{INI, "top", iniConfig, "first", "", ""},
		{INI, "mysqld.port", iniConfig, "3306", "", ""},
		{INI, "client.port", iniConfig, "3307", "", ""},
		{INI, "datadir", iniConfig, "/var/lib/my sql", "", ""},
		{INI, "port", iniConfig, "", "with different values, in lines 5 and 8", ""},
		{INI, "top", "top=a\ntop = a\n", "a", "", ""},
		{INI, "por", iniConfig, "", "", ""},
		{INI, "URL", "export URL=postgres://u@h/db#frag\n", "postgres://u@h/db#frag", "", ""},
		{INI, "port", "port 6379\n", "6379", "", ""},
		{INI, "listen", "server {\n  listen 80;\n}\n", "80", "", ""},
		{INI, "empty", "empty =\n", "", "", ""},
		{INI, "a(b)", "", "", "", "write a regular expression as /…/"},
		// properties
		{Properties, "a.b", "# x\na.b = c d \n", "c d", "", ""},
		{Properties, "long", "long = one, \\\n   two\n", "one, two", "", ""},
		{Properties, "k:y", `k\:y=v\u00e9`, "vé", "", ""},
		{Properties, "path", `path C:\\x`, `C:\x`, "", ""},
		{Properties, "a", "a=1\na=2", "", "with different values", ""},
		// PHP
		{PHP, "app_root_url", phpConfig, "https://itop.example/o'neil/", "", ""},
		{PHP, "db_name", phpConfig, "itop", "", ""},
		{PHP, "timeout", phpConfig, "30", "", ""},
		{PHP, "debug", phpConfig, "false", "", ""},
		{PHP, "nothing", phpConfig, "", "", ""},
		{PHP, "version", phpConfig, "3.2.0", "", ""},
		{PHP, "DB_HOST", phpConfig, "localhost", "", ""},
		{PHP, "absent", phpConfig, "", "", ""},
		{XML, "//*[@path]", `<a path="x"/>`, "x", "", ""},
		{Text, "//item", "<item>x</item>", "x", "", ""},
		{XML, `/path="(.*?)"/`, `<a path="x"/>`, "x", "", ""},
		{Text, strings.Repeat("x", MaxLength+1), "", "", "", "longer than"},
	} {
		s, err := Parse(c.sel, c.format)
		if !says(err, c.wantParseErr) {
			t.Errorf("%s %q: parse error %v, want %q", c.format, c.sel, err, c.wantParseErr)
		}
		if err != nil {
			continue
		}
		got, found, err := s.Apply([]byte(c.text))
		if !says(err, c.wantErr) {
			t.Errorf("%s %q: error %v, want %q", c.format, c.sel, err, c.wantErr)
		}
		if got != c.want || found != (c.want != "") {
			t.Errorf("%s %q: got %q (%v), want %q", c.format, c.sel, got, found, c.want)
		}
	}
}

func says(err error, want string) bool {
	if err == nil || want == "" {
		return err == nil && want == ""
	}
	return strings.Contains(err.Error(), want)
}

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]Format{"/etc/a.JSON": JSON, "x.yml": YAML, "/etc/my.cnf": INI, ".env": INI, "a.properties": Properties,
		`C:\conf\config-itop.php`: PHP, "VERSION": Text, `D:\applicationspath.config`: XML, "a.txt": Text} {
		if got := FormatOf(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if _, err := ParseFormat("toml"); err == nil {
		t.Error("an unknown format is accepted")
	}
}

func FuzzApply(f *testing.F) {
	for _, text := range []string{phpConfig, iniConfig, yamlConfig, `{"a": [1, {"b": null}]}`, "a: &x\n  b: *x\n", "<<: *a\n", "k\\", "? [", "a: !!t &b *b"} {
		for _, sel := range []string{"a", "a.b[0]", "/(x)|y/", "port", ".a", `"q"`} {
			f.Add(sel, text)
		}
	}
	f.Fuzz(func(t *testing.T, sel, text string) {
		for _, format := range []Format{Auto, Text, JSON, YAML, INI, Properties, PHP, XML} {
			s, err := Parse(sel, format)
			if err != nil {
				continue
			}
			value, found, err := s.Apply([]byte(text))
			if found != (value != "") || err != nil && found {
				t.Errorf("%s %q: %q, %v, %v", format, sel, value, found, err)
			}
		}
	})
}
