package expect

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"upkeep/internal/version"
)

func order(t testing.TB, name string) version.Order {
	t.Helper()
	o, err := version.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

const absent = "\x00absent"

func TestMatch(t *testing.T) {
	listed, err := version.Listed([]string{"7.1", "7.1 SP2", "7.1 SP2 MP1.1", "7.5", "7.5 HF6", "7.5 SP1"})
	if err != nil {
		t.Fatal(err)
	}
	odd, err := version.Listed([]string{"10", "9"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want  string // alternatives, separated by |
		value string
		ok    bool
		o     Options
	}{
		// words
		{want: "present", value: "x", ok: true},
		{want: "present", value: absent, ok: false},
		{want: "*", value: "x", ok: true},
		{want: "none", value: absent, ok: true},
		{want: "none", value: "x", ok: false},
		{want: "free", value: "free", ok: true},
		{want: "running", value: "stopped", ok: false},
		// literals and lists
		{want: "true", value: "true", ok: true},
		{want: "true", value: "True", ok: false},
		{want: "378389|378675|378758", value: "378675", ok: true},
		{want: "378389|378675|378758", value: "378676", ok: false},
		{want: "a|none", value: absent, ok: true},
		{want: " spaced ", value: "spaced", ok: true},
		// regular expressions
		{want: "/^ok$/", value: "first\nok\nlast", ok: true},
		{want: "/^ok$/", value: "not ok", ok: false},
		{want: "/(?i)READY/", value: "is ready", ok: true},
		{want: "/.*/", value: absent, ok: false},
		{want: "/etc", value: "/etc", ok: true},
		{want: "= /var/www/", value: "/var/www/", ok: true},
		// versions
		{want: ">= 8.1", value: "8.1", ok: true},
		{want: ">= 8.1", value: "8.10", ok: true},
		{want: ">= 8.9", value: "8.10", ok: true},
		{want: ">= 8.1", value: "8.0.30", ok: false},
		{want: "≥ 8.1, < 9", value: "8.4.2", ok: true},
		{want: "≥ 8.1, < 9", value: "9.0", ok: false},
		{want: ">= 5.7", value: "10.11.6-MariaDB-0+deb12u1", ok: true},
		{want: ">= 8", value: "8.1.2", ok: true},
		{want: "< 8", value: "8.1.2", ok: false},
		{want: "= 2.3.4", value: "v2.3.4", ok: true},
		{want: "!= 2.3.4", value: "2.3.5", ok: true},
		{want: ">= 8.1", value: "unknown", ok: false},
		{want: ">= 8.1", value: absent, ok: false},
		{want: "< 8.1", value: absent, ok: false},
		{want: "> 09-51", value: "10-10", ok: true, o: Options{Order: order(t, "dashed")}},
		{want: ">= 7.5", value: "7.1 SP2 MP1.1", ok: false, o: Options{Order: listed}},
		{want: ">= 7.5", value: "7.5 HF6", ok: true, o: Options{Order: listed}},
		{want: "> 10", value: "9", ok: true, o: Options{Order: odd}},
		// numbers
		{want: "> 9", value: "10", ok: true},
		{want: "> -5", value: "-1", ok: true},
		{want: "< 0.8", value: "0.75", ok: true, o: Options{Compare: "number"}},
		{want: ">= 100", value: "99999999999999999999999", ok: true},
		{want: "> 5", value: "five", ok: false, o: Options{Compare: "number"}},
		// sizes: GB is 2^30 in a minimum
		{want: ">= 2.4GB", value: "2576980378", ok: true},
		{want: ">= 2.4GB", value: "2576980377", ok: false},
		{want: ">= 2.4GB", value: "2400000000", ok: false},
		{want: ">= 2.4 GiB", value: "2.4GB", ok: true},
		{want: "< 1kB", value: "1023", ok: true},
		{want: "< 1kB", value: "1024B", ok: false},
		{want: "> 1GB", value: "lots", ok: false},
		// times and spans
		{want: "> 2025-11-20T10:00:00Z", value: "2025-11-20T10:00:00.000000001Z", ok: true},
		{want: "> 2025-11-20T10:00:00Z", value: "2025-11-20T10:00:00Z", ok: false},
		{want: "> 2025-11-20T10:00:00Z", value: "2025-11-20T10:30:00+01:00", ok: false},
		{want: ">= 2025-11-20", value: "2025-11-20 00:00:00", ok: true},
		{want: "> 2025-11-20", value: "yesterday", ok: false},
		{want: "> 1d", value: "24h1s", ok: true},
		{want: "> 1d", value: "23h59m", ok: false},
		{want: "< 1.5h", value: "89m", ok: true},
		{want: "<= 2w", value: "14d", ok: true},
		// text that cannot be ordered
		{want: "= ready", value: "ready", ok: true},
		{want: "!= ready", value: "busy", ok: true},
		{want: "!= ready", value: "ready", ok: false},
		{want: "!= 5", value: "none at all", ok: true},
	} {
		e, err := Parse(strings.Split(c.want, "|"), c.o)
		if err != nil {
			t.Errorf("%q: %v", c.want, err)
			continue
		}
		text, present := c.value, c.value != absent
		if !present {
			text = ""
		}
		if ok, why := e.Match(text, present); ok != c.ok {
			t.Errorf("%q of %q: %v (%s), want %v", c.want, c.value, ok, why, c.ok)
		}
	}
}

func TestEmptyListWantsAValue(t *testing.T) {
	e, err := Parse(nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := e.Match("x", true); !ok || e.String() != "present" {
		t.Errorf("a value is not accepted by %s", e)
	}
	if ok, _ := e.Match("", false); ok {
		t.Error("no value is accepted")
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ want, err, compare string }{
		{want: "", err: "write none for no value"},
		{want: "/(/", err: "cannot compile the regular expression"},
		{want: ">=", err: `a value must follow ">="`},
		{want: ">= 8,", err: "a term between commas is empty"},
		{want: ">= 8, 9", err: `"9" has no operator`},
		{want: ">= > 8", err: "is no operator"},
		{want: "== 8", err: "is no operator"},
		{want: "> ready", err: `nothing can be compared with "ready"`},
		{want: "> 5", err: "is not a size", compare: "bytes-ish"},
		{want: "> x", err: "is not a number", compare: "number"},
		{want: "> 1e99", err: "nothing can be compared", compare: "number"},
		{want: strings.Repeat("x", MaxLength+1), err: "longer than"},
		{want: ">" + strings.Repeat(" 1,>", 40) + "1", err: "more than 32 terms"},
	} {
		_, err := Parse([]string{c.want}, Options{Compare: c.compare})
		if c.compare == "bytes-ish" {
			c.err = `cannot compare as "bytes-ish"`
		}
		if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: error %v, want %q", shorten(c.want), err, c.err)
		}
	}
}

func TestString(t *testing.T) {
	e, err := Parse([]string{">= 2.4GB", "≥8.1,<9", "none"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := e.String(), ">= 2.4GB (2,576,980,378 bytes) or >= 8.1, < 9 or none"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhy(t *testing.T) {
	e, err := Parse([]string{">= 8.1"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, why := e.Match("unknown", true); !strings.Contains(why, "not a dotted version") {
		t.Errorf("why = %q", why)
	}
}

// A range and its opposite never agree on a number, whatever its size.
func TestOppositeRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.StringMatching(`[0-9]{1,6}(B|kB|MB|d|h)?`).Draw(t, "bound")
		value := rapid.StringMatching(`[0-9]{1,9}`).Draw(t, "value")
		if unit := strings.TrimLeft(bound, "0123456789"); unit == "d" || unit == "h" {
			value += "s"
		}
		below, err := Parse([]string{"< " + bound}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		from, err := Parse([]string{">= " + bound}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		a, why := below.Match(value, true)
		b, _ := from.Match(value, true)
		if a == b {
			t.Fatalf("%s < %s and >= are both %v (%s)", value, bound, a, why)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{">= 8.1, < 9", "/a(b)?/", "none", "2.4GB", "> 2.4GB", "> 1d2h", "!= x", "≥ 2025-11-20", "= /x/"} {
		f.Add(s, "8.1")
	}
	f.Fuzz(func(t *testing.T, want, value string) {
		for _, compare := range []string{"", "number", "size", "time", "duration", "version"} {
			e, err := Parse([]string{want}, Options{Compare: compare})
			if err != nil {
				continue
			}
			e.Match(value, true)
			if ok, _ := e.Match("", false); ok && strings.TrimSpace(want) != "none" {
				t.Errorf("%q accepts no value", want)
			}
			_ = e.String()
		}
	})
}

// What nothing can meet is refused, whatever it compares.
func TestContradictions(t *testing.T) {
	for text, bad := range map[string]bool{
		">= 2.0, < 1.0": true, "> 2.0, < 2.0": true, ">= 2.0, <= 2.0": false, ">= 2.0, < 2.0": true, "< 1.0, >= 2.0": true, ">= 1.0, < 2.0": false,
		"= 3.0, < 2.0": true, "= 1.0, < 2.0": false, "= 1.0, != 1.0": true, "= 1.0, = 2.0": true, "!= 1.0, != 2.0": false,
		">= 2GB, < 1GB": true, ">= 1024MB, <= 1GB": false, "> 1d, < 20h": true, "> 2026-01-02, < 2026-01-01": true, ">= 10, < 9": true, ">= 9, < 10": false,
		">= 2GB, < 1d": false, ">= 1.0, < 2.0, > 2.0": true,
	} {
		_, err := Parse([]string{text}, Options{})
		if (err != nil) != bad || bad && !strings.Contains(err.Error(), "nothing is both ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
