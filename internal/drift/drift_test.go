package drift

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func schema(objects ...Object) Schema {
	return Schema{Kind: "postgres", Server: "15", Objects: objects}
}

func TestCompare(t *testing.T) {
	standard := schema(Object{Kind: "table", Name: "a", Definition: "A"}, Object{Kind: "trigger", Name: "t", On: "a", Definition: "T"}, Object{Kind: "view", Name: "v", Definition: "V"})
	actual := schema(Object{Kind: "view", Name: "v", Definition: "V2"}, Object{Kind: "table", Name: "a", Definition: "A"}, Object{Kind: "trigger", Name: "t", On: "b", Definition: "T"})
	var got []string
	for _, d := range Compare(standard, actual) {
		got = append(got, d.String())
	}
	if diff := cmp.Diff([]string{"trigger t on a: missing", "trigger t on b: added", "view v: changed"}, got); diff != "" {
		t.Error(diff)
	}
	if got := Compare(standard, standard); got != nil {
		t.Errorf("a schema differs from itself: %v", got)
	}
	shuffled := schema(standard.Objects[2], standard.Objects[0], standard.Objects[1])
	if shuffled.Digest() != standard.Digest() || standard.Digest() == actual.Digest() {
		t.Error("the digest is that of the order, or not that of the content")
	}
	for _, other := range []Schema{{Kind: "postgres", Server: "16"}, {Kind: "mariadb", Server: "15"}} {
		if Comparable(standard, other) == nil {
			t.Errorf("compared with %s %s", other.Kind, other.Server)
		}
	}
}

func TestDiff(t *testing.T) {
	var want, have []string
	for i := range 20 {
		want = append(want, string(rune('a'+i)))
	}
	have = slices.Clone(want)
	have[1] = "changed"
	have = slices.Insert(have, 12, "more")
	d := Difference{Kind: "view", Name: "app.v", How: Changed, Want: strings.Join(want, "\n"), Have: strings.Join(have, "\n")}
	got := d.Diff()
	if diff := cmp.Diff(`--- view app.v (standard)
+++ view app.v (here)
@@ -1,5 +1,5 @@
 a
-b
+changed
 c
 d
 e
@@ -10,6 +10,7 @@
 j
 k
 l
+more
 m
 n
 o
`, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(d.Hunks(), ParseDiff(got)); diff != "" {
		t.Errorf("read back: %s", diff)
	}
	added := Difference{Kind: "view", Name: "v", How: Added, Have: "x\ny"}
	if diff := cmp.Diff("--- view v (standard)\n+++ view v (here)\n@@ -0,0 +1,2 @@\n+x\n+y\n", added.Diff()); diff != "" {
		t.Error(diff)
	}
}

// Both texts can be read out of their comparison, and out of no shorter one.
func TestLines(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.Map(rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", ""})), func(l []string) string { return strings.Join(append(l, "end"), "\n") })
		want, have := text.Draw(r, "want"), text.Draw(r, "have")
		var a, b []string
		changes := 0
		for _, l := range Lines(want, have) {
			if l.Op != '+' {
				a = append(a, l.Text)
			}
			if l.Op != '-' {
				b = append(b, l.Text)
			}
			if l.Op != ' ' {
				changes++
			}
		}
		if strings.Join(a, "\n") != want || strings.Join(b, "\n") != have {
			r.Fatalf("%q and %q", a, b)
		}
		if (changes == 0) != (want == have) {
			r.Fatalf("%d changes between %q and %q", changes, want, have)
		}
	})
}

func TestLinesLarge(t *testing.T) {
	lines := func(prefix string) string { return strings.Repeat(prefix+"\n", 5000) }
	if got := Lines("same\n"+lines("a"), "same\n"+lines("b")); len(got) != 10001 || got[0].Op != ' ' {
		t.Errorf("%d lines", len(got))
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"  column password character varying(40)":                    "  column password character varying(40)",
		"  column api_key text DEFAULT 'sk-123456'::text":            "  column api_key text DEFAULT •••::text",
		"password = hunter2":                                         "password = •••",
		"db_password: \"hun'ter\"":                                   "db_password: •••",
		"\"client_secret\": \"abcdef\",":                             "\"client_secret\": •••,",
		"$config['smtp_password'] = 'x';":                            "$config['smtp_password'] = •••;",
		"define('AUTH_TOKEN', 'abc');":                               "define('AUTH_TOKEN', •••);",
		"SERVER far OPTIONS (user 'a', password 'it''s')":            "SERVER far OPTIONS (user 'a', password •••)",
		"ALTER USER x IDENTIFIED BY 'pw'":                            "ALTER USER x IDENTIFIED BY •••",
		"perform dblink('postgres://me:hunter2@db/x')":               "perform dblink('postgres://me:•••@db/x')",
		"+MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDabc123": "•••",
		"SELECT name FROM users WHERE password IS NOT NULL":          "SELECT name FROM users WHERE password IS NOT NULL",
		"  OPTION password=hunter2":                                  "  OPTION password=•••",
		"host=db password=hunter2 dbname=x":                          "host=db password=••• dbname=x",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%s) = %s, want %s", in, got, want)
		}
	}
	d := Difference{Kind: "function", Name: "f", How: Changed, Want: "secret := 'old-value'", Have: "secret := 'new-value'"}
	if got := d.Diff(); strings.Contains(got, "value") || !strings.Contains(got, "-secret := •••\n+secret := ••• (changed)\n") {
		t.Errorf("a secret is shown, or that it changed is not:\n%s", got)
	}
	if r := d.Redacted(); r.Want == r.Have || r.Diff() != d.Diff() || strings.Contains(r.Want+r.Have, "value") {
		t.Errorf("redacted it is %+v", r)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("password = 'x'")
	f.Fuzz(func(t *testing.T, line string) {
		if got := Redact("password='" + strings.NewReplacer("'", "", `\`, "", "\n", "").Replace(line) + "xyz'"); strings.Contains(got, "xyz") {
			t.Errorf("shown: %s", got)
		}
	})
}

func TestStandard(t *testing.T) {
	s := schema(Object{Kind: "view", Name: "public.v", Definition: "SELECT 1 < 2"}, Object{Kind: "table", Name: "public.log_1", Definition: "TABLE"},
		Object{Kind: "trigger", Name: "t", On: "public.log_1", Definition: "TRIGGER"})
	text, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(text)
	if err != nil || got.Digest() != s.Digest() || s.File() != "postgres-15.json" || !strings.Contains(string(text), "1 < 2") {
		t.Errorf("%v, read back as %+v from %s", err, got, text)
	}
	for _, c := range []struct {
		patterns []string
		left     int
	}{{nil, 3}, {[]string{"public.log_*"}, 1}, {[]string{"table public.log_?"}, 2}, {[]string{"trigger t on *"}, 2}, {[]string{"*"}, 0}, {[]string{"["}, 3}} {
		if n := len(s.Without(c.patterns).Objects); n != c.left {
			t.Errorf("without %q there are %d objects, want %d", c.patterns, n, c.left)
		}
	}
	if CheckPattern("[") == nil || CheckPattern(" ") == nil || CheckPattern("public.log_*") != nil {
		t.Error("patterns are not judged")
	}
	for _, bad := range []string{"", "{}", `{"kind": "oracle", "server": "1", "objects": []}`, `{"kind": "sqlite", "server": "", "objects": []}`, string(text) + "{}",
		`{"kind": "sqlite", "server": "3", "more": 1}`, `{"kind": "sqlite", "server": "3", "objects": [{"kind": "table", "name": "a"}]}`,
		`{"kind": "sqlite", "server": "3", "objects": [{"kind": "a", "name": "a", "definition": "x"}, {"kind": "a", "name": "a", "definition": "y"}]}`} {
		if got, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"kind": "sqlite", "server": "3", "objects": [{"kind": "table", "name": "a", "definition": "x"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		out, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(out); err != nil || again.Digest() != s.Digest() {
			t.Errorf("%s: %v", out, err)
		}
	})
}
