package document

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// scalar builds nodes by hand: this package knows no file format.
func scalar(value string) *Node { return &Node{Kind: Scalar, Value: value, Pos: Pos{"f", 1, 1}} }

func quoted(value string) *Node {
	return &Node{Kind: Scalar, Value: value, Style: Quoted, Pos: Pos{"f", 1, 1}}
}

func list(items ...*Node) *Node { return &Node{Kind: List, Items: items, Pos: Pos{"f", 1, 1}} }

// mapping takes keys and values in turn; keys stand in lines of their own.
func mapping(pairs ...any) *Node {
	m := &Node{Kind: Map, Pos: Pos{"f", 1, 1}}
	for i := 0; i < len(pairs); i += 2 {
		key := scalar(pairs[i].(string))
		key.Pos.Line = i/2 + 1
		m.Pairs = append(m.Pairs, Pair{key, pairs[i+1].(*Node)})
	}
	return m
}

func texts(err error) []string {
	var all Errors
	if !errors.As(err, &all) {
		return nil
	}
	var lines []string
	for _, e := range all {
		lines = append(lines, e.Error())
	}
	return lines
}

func TestDecoderErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		decode func(d *Decoder)
		want   []string
	}{
		{"unknown key", func(d *Decoder) {
			m := d.Map(mapping("id", scalar("x"), "verison", scalar("y")), "a product")
			m.String("id")
			m.String("version")
			m.Done()
		}, []string{`f:2:1: a product has no key "verison"; did you mean "version"?`}},
		{"far key", func(d *Decoder) {
			m := d.Map(mapping("banana", scalar("x")), "a product")
			m.String("id")
			m.Done()
		}, []string{`f:1:1: a product has no key "banana"; known: id`}},
		{"required", func(d *Decoder) { d.Map(mapping(), "a product").Required("id", "versions") },
			[]string{`f:1:1: a product needs "id"`, `f:1:1: a product needs "versions"`}},
		{"not a map", func(d *Decoder) {
			m := d.Map(scalar("x"), "a product")
			m.Required("id")
			m.Done()
		}, []string{`f:1:1: a product must be a map, not a single value`}},
		{"number for version", func(d *Decoder) { d.String(scalar("20.5"), `"version"`) },
			[]string{`f:1:1: "version" is a number, where a text is wanted; quote the version: "20.5"`}},
		{"truth value for text", func(d *Decoder) { d.String(scalar("True"), `"title"`) },
			[]string{`f:1:1: "title" is a truth value, where a text is wanted; quote it: "True"`}},
		{"date for text", func(d *Decoder) { d.String(scalar("2020-05-01"), `"published"`) },
			[]string{`f:1:1: "published" is a date, where a text is wanted; quote it: "2020-05-01"`}},
		{"null for text", func(d *Decoder) { d.String(&Node{Kind: Null, Value: "~", Pos: Pos{"f", 1, 1}}, `"title"`) },
			[]string{`f:1:1: "title" is null, where a text is wanted; quote it if the word is meant: "~"`}},
		{"no value", func(d *Decoder) { d.String(&Node{Pos: Pos{"f", 1, 1}}, `"title"`) },
			[]string{`f:1:1: "title" has no value; give it one or remove the key`}},
		{"list for text", func(d *Decoder) { d.String(list(), `"title"`) }, []string{`f:1:1: "title" must be a text, not a list`}},
		{"text for list", func(d *Decoder) { d.Strings(scalar("a"), `"run"`) },
			[]string{`f:1:1: "run" must be a list, not a single value; write it in brackets: [ … ]`}},
		{"number in list", func(d *Decoder) { d.Strings(list(scalar("sleep"), scalar("5")), `"run"`) },
			[]string{`f:1:1: an item of "run" is a number, where a text is wanted; quote it: "5"`}},
		{"quoted truth value", func(d *Decoder) { d.Bool(quoted("true"), `"optional"`) },
			[]string{`f:1:1: "optional" must be true or false, not "true"; write true, without quotes and in small letters`}},
		{"no truth value", func(d *Decoder) { d.Bool(scalar("maybe"), `"optional"`) },
			[]string{`f:1:1: "optional" must be true or false, not "maybe"`}},
		{"no number", func(d *Decoder) { d.Int(scalar("0644"), `"keep"`, 0, 9) },
			[]string{`f:1:1: "keep" must be a whole number, not "0644"`}},
		{"number too large", func(d *Decoder) { d.Int(scalar("10"), `"keep"`, 0, 9) },
			[]string{`f:1:1: "keep" must be from 0 to 9, not 10`}},
		{"duration", func(d *Decoder) { d.Duration(scalar("10"), `"within"`) },
			[]string{`f:1:1: "within": "10" has no unit: write a span of time such as 90s, 10m or 1d`}},
		{"bytes", func(d *Decoder) { d.Bytes(scalar("10 bananas"), `"transfer"`, Decimal) },
			[]string{`f:1:1: "transfer": "10 bananas" is not a size such as 30MB or 2.4GiB`}},
		{"one of", func(d *Decoder) { d.OneOf(scalar("blokcer"), `"level"`, "blocker", "warning", "info") },
			[]string{`f:1:1: "level" cannot be "blokcer"; did you mean "blocker"?`}},
		{"number as key", func(d *Decoder) { d.Map(mapping("1", scalar("x")), "versions").Each(func(string, *Node, *Node) {}) },
			[]string{`f:1:1: the key 1 is a number, not a text; quote it: "1"`}},
		{"all together, by place", func(d *Decoder) {
			d.Errorf(Pos{"f", 3, 1}, "", "c")
			d.Errorf(Pos{"f", 1, 2}, "", "b")
			d.Add(Pos{"f", 1, 1}, errors.New("a"))
			d.Add(Pos{"f", 9, 9}, Errors{{Pos: Pos{"f", 4, 1}, Msg: "d"}})
			d.Errorf(Pos{"f", 3, 1}, "", "c")
		}, []string{"f:1:1: a", "f:1:2: b", "f:3:1: c", "f:4:1: d"}},
		{"nothing wrong", func(d *Decoder) { d.String(scalar("3.2.1"), "x") }, nil},
	} {
		d := NewDecoder(Source{Name: "f"})
		c.decode(d)
		if diff := cmp.Diff(c.want, texts(d.Err())); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

func TestManyErrorsAreBounded(t *testing.T) {
	d := NewDecoder(Source{Name: "f"})
	for i := range 5000 {
		d.Errorf(Pos{"f", i + 1, 1}, "", "wrong")
	}
	got := texts(d.Err())
	if len(got) != maxErrors+1 || !strings.Contains(got[maxErrors], "900 more mistakes") {
		t.Errorf("%d errors, the last: %s", len(got), got[len(got)-1])
	}
}

func TestTrap(t *testing.T) {
	for want, values := range map[string][]string{
		"a number": {"0", "7.10", "20.5", "0644", "0x1F", "0o17", "0b11", "1_000", "1e3", "1.5E-3", "-1", "+.5", "5.", ".inf", "-.INF",
			".NaN", "10:30", "1:20:30", "190:20:30.15", "-0", "1e+3"},
		"a truth value": {"true", "False", "YES", "no", "On", "off", "y", "N"},
		"null":          {"null", "Null", "~"},
		"a date":        {"2020-05-01", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43"},
		"": {"2.3.4", "09-51", "10-00", "7.1 SP2", "v1", "1.2.3-rc1", "e3", ".", "-", "-y", "8080:80", "0xzz", "yesno", "1:60", "20GB", "10m",
			"2020-05-01 was a Friday", "..", "1.2e3.4", "1.2.3e4", "127.0.0.1", "::1", "nil"},
	} {
		for _, v := range values {
			if got := scalar(v).Trap(); got != want {
				t.Errorf("%q is %q, want %q", v, got, want)
			}
			if got := quoted(v).Trap(); got != "" {
				t.Errorf("quoted %q is %q", v, got)
			}
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "10m": 10 * time.Minute, "1h30m": 90 * time.Minute, "1d": 24 * time.Hour, "1.5d": 36 * time.Hour,
		"2w": 14 * 24 * time.Hour, "250ms": 250 * time.Millisecond, "0s": 0,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "10", "-1s", "1x", "s", "1s1", ". s", "1 s", "1..5s", "99999999999w", "4000d", "1e9s", "1S"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is accepted as %s", text, got)
		}
	}
}

func TestParseBytes_S2_6(t *testing.T) {
	for _, c := range []struct {
		text string
		unit Unit
		want int64
	}{
		{"20GB", Binary, 20 << 30}, {"20GB", Decimal, 20e9}, {"2.4GB", Binary, 2576980378}, {"30MB", Decimal, 30e6},
		{"1KiB", Decimal, 1024}, {"1.5 TiB", Decimal, 3 << 39}, {"7B", Binary, 7}, {"0GB", Binary, 0},
	} {
		if got, err := ParseBytes(c.text, c.unit); err != nil || got != c.want {
			t.Errorf("%q in %d: %d, %v; want %d", c.text, c.unit, got, err, c.want)
		}
	}
	for _, text := range []string{"", "20", "GB", "-1GB", "1XB", "1GBB", "1 G", "9999999TB", "1e3GB", "1  GB", "1BB", "1BiB"} {
		if got, err := ParseBytes(text, Binary); err == nil {
			t.Errorf("%q is accepted as %d", text, got)
		}
	}
}

func TestPretty(t *testing.T) {
	long := strings.Repeat("a", 200) + "X" + strings.Repeat("b", 200)
	for _, c := range []struct {
		err  Error
		want string
	}{
		{Error{Pos{"f.yaml", 12, 5}, "wrong", "did you mean this?", "  é: x"},
			"f.yaml:12:5: wrong\n   12 |   é: x\n      |     ^ did you mean this?"},
		{Error{Pos{"f.yaml", 1, 201}, "wrong", "", long},
			"f.yaml:1:201: wrong\n    1 | … " + strings.Repeat("a", 48) + "X" + strings.Repeat("b", 47) + " …\n      |   " + strings.Repeat(" ", 48) + "^"},
		{Error{Pos{"f.yaml", 0, 0}, "wrong", "do this", ""}, "f.yaml: wrong; do this"},
		{Error{Pos{"", 2, 99}, "wrong", "", "x"}, "2:99: wrong\n    2 | x\n      |  ^"},
		{Error{Msg: "wrong"}, "wrong"},
	} {
		if diff := cmp.Diff(c.want, c.err.Pretty()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	if got := Pretty(errors.New("x")); got != "x" {
		t.Error(got)
	}
}

func TestSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://u:hunter2@db/x":             "a password in a URL",
		"see https://me:p%40ss@h:1/?x":          "a password in a URL",
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE": "a private key",
		"-----BEGIN PRIVATE KEY-----":           "a private key",
		"host=db user=u password=hunter2":       "a password in a connection string",
		"Server=x;Pwd='a b';Database=y":         "a password in a connection string",
		"postgres://u@db/x":                     "",
		"postgres://u:${param.password}@db/x":   "",
		"host=db password=${param.p}":           "",
		"http://h:8080/a@b":                     "",
		"-----BEGIN CERTIFICATE-----":           "",
		"the password is asked":                 "",
	} {
		if got := SecretIn(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for name, want := range map[string]bool{"db_password": true, "password": true, "api-key": true, "licence_key": true, "token": true,
		"smtp.passwd": true, "monkey": false, "passage": false, "tokenizer": false, "database_url": false} {
		if SecretName(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

// TestNoSecretIsShown: whatever goes wrong around a secret, it is in no message
// and no excerpt.
func TestNoSecretIsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-zA-Z0-9é"\\]{1,3}XQ?Z?|[a-z]{8}"?`).Draw(t, "secret")
		line := "password: " + secret + " # " + rapid.SampledFrom([]string{"", secret, "x"}).Draw(t, "comment")
		d := NewDecoder(Source{Name: "f", Text: []byte(line)})
		n := quoted(secret)
		d.SecretRef(n, `"password"`)
		d.Errorf(Pos{"f", 1, 1}, "", "cannot use %q", secret)
		err := d.Err()
		if shown := Pretty(err) + err.Error(); strings.Contains(shown, secret) {
			t.Fatalf("shown: %s", shown)
		}
	})
}

func TestSecretsInDocument(t *testing.T) {
	text := "url: postgres://u:hunter2@db/x # hunter2"
	n := mapping("url", scalar("postgres://u:hunter2@db/x"))
	d := NewDecoder(Source{"f", []byte(text)})
	d.NoSecrets(n)
	want := "f:1:1: a password in a URL is written in the document\n    1 | url: ************************* # *******\n" +
		"      | ^ keep it in a file or the environment and refer to it: {file: PATH} or {env: NAME}"
	if diff := cmp.Diff(want, Pretty(d.Err())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSecretRef(t *testing.T) {
	for _, c := range []struct {
		node *Node
		want []string
	}{
		{mapping("file", scalar("/etc/x")), nil},
		{mapping("env", scalar("X")), nil},
		{mapping("env", scalar("X"), "file", scalar("/y")), []string{`f:1:1: "p" needs exactly one reference; write {file: PATH} or {env: NAME}`}},
		{mapping(), []string{`f:1:1: "p" needs exactly one reference; write {file: PATH} or {env: NAME}`}},
		{scalar("hunter2"), []string{`f:1:1: "p" is a secret and cannot be written in the document; write {file: PATH} or {env: NAME}`}},
	} {
		d := NewDecoder(Source{Name: "f"})
		d.SecretRef(c.node, `"p"`)
		if diff := cmp.Diff(c.want, texts(d.Err())); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"90s", "1.5d", "20GB", "2.4 GiB", "", "-1", "1e9s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDuration(s); err == nil && (d < 0 || d > MaxDuration) {
			t.Errorf("%q is %s", s, d)
		}
		if n, err := ParseBytes(s, Binary); err == nil && n < 0 {
			t.Errorf("%q is %d", s, n)
		}
		trap(s)
		Redact(s)
	})
}
