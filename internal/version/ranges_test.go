package version

import (
	"testing"

	"pgregory.net/rapid"
)

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		order, spec, version string
		want                 bool
	}{
		{"dotted", "*", "0", true},
		{"dotted", ">= 2.5.0", "2.5", true},
		{"dotted", ">= 2.5.0", "2.4.9", false},
		{"dotted", ">= 2.5.0", "2.5.0-rc1", false},
		{"dotted", ">=8.1", "8.2.29", true},
		{"dotted", "2.5.0", "2.5", true},
		{"dotted", "= 2.5.0", "2.5.1", false},
		{"dotted", ">= 2.5.0, < 3, != 2.6", "2.6.0", false},
		{"dotted", ">= 2.5.0, < 3, != 2.6", "2.6.1", true},
		{"dashed", ">= 09-50", "09-51", true},
		{"dashed", "< 10-00", "10-00", false},
		{"debian", "> 2.2.6-1", "2.2.6-1+b4", true},
		{"semver", "<= 1.0.0", "1.0.0-rc.1", true},
		{"listed", ">= 7.1, < 7.1 SP2 MP1.1", "7.1 SP2", true},
		{"listed", ">= 7.1, < 7.1 SP2 MP1.1", "7.1 SP2 MP1.1", false},
		{"listed", "7.1 SP2 MP1.1", "7.1 SP2 MP1.1", true},
		{"listed", ">= 7.5, < 7.5 HF6", "7.5 SP1", false},
		{"listed", "> 7.5", "7.5 SP1", true},
	} {
		o := itms(t)
		if c.order != "listed" {
			o = mustParse(t, c.order)
		}
		r, err := o.ParseRange(c.spec)
		if err != nil {
			t.Errorf("%q: %v", c.spec, err)
			continue
		}
		if got, err := r.Contains(c.version); err != nil || got != c.want {
			t.Errorf("%q contains %q: %v, %v; want %v", c.spec, c.version, got, err, c.want)
		}
	}
}

func TestBadRanges(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{"", `the range is empty: write "*" for every version`},
		{">=", `cannot read range ">=": a version must follow ">="`},
		{">= 7.5,", `cannot read range ">= 7.5,": a term between commas is empty`},
		{">= 7.5, *", `cannot read range ">= 7.5, *": "*" stands alone`},
		{"== 7.5", `cannot read range "== 7.5": "==" is no operator: did you mean "="?`},
		{">= 7.5 SP3", `cannot read range ">= 7.5 SP3": version "7.5 SP3" is not listed; the nearest known one is "7.5 SP1"`},
		{"=> 7.5", `cannot read range "=> 7.5": version "> 7.5" is not listed; the nearest known one is "7.5"`},
	} {
		if _, err := itms(t).ParseRange(c.spec); err == nil || err.Error() != c.want {
			t.Errorf("%q: %v\nwant %s", c.spec, err, c.want)
		}
	}
	if _, err := (Order{}).ParseRange("*"); err == nil {
		t.Error("the zero order reads a range")
	}
	if _, err := (Range{}).Contains("1"); err == nil {
		t.Error("the zero range contains something")
	}
}

func TestEmptyRanges(t *testing.T) {
	for _, c := range []struct {
		listed bool
		spec   string
		want   bool
	}{
		{false, "*", false},
		{false, "> 2, < 1", true},
		{false, ">= 2, <= 2", false},
		{false, ">= 2, < 2", true},
		{false, "2, 3", true},
		{false, "2, != 2", true},
		{false, "!= 2", false},
		{false, "> 1, != 2, < 3", false},
		{true, "> 7.5 HF6, < 7.5 SP1", true},
		{true, "> 7.5, < 7.5 SP1", false},
		{true, "> 7.5 SP1", true},
	} {
		o := mustParse(t, "dotted")
		if c.listed {
			o = itms(t)
		}
		r, err := o.ParseRange(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		if r.Empty() != c.want {
			t.Errorf("%q empty: %v, want %v", c.spec, r.Empty(), c.want)
		}
	}
}

// TestRangeAgreesWithCompare: a range says of a version what its terms say by
// comparison, one term and two; it can be read back from its string; and a
// range that contains something is not called empty.
func TestRangeAgreesWithCompare(t *testing.T) {
	type op struct {
		text  string
		holds func(int) bool
	}
	ops := rapid.SampledFrom([]op{
		{">=", func(c int) bool { return c >= 0 }}, {">", func(c int) bool { return c > 0 }},
		{"<=", func(c int) bool { return c <= 0 }}, {"<", func(c int) bool { return c < 0 }},
		{"=", func(c int) bool { return c == 0 }}, {"", func(c int) bool { return c == 0 }},
		{"!=", func(c int) bool { return c != 0 }},
	})
	for name, versions := range generators() {
		o := mustParse(t, name)
		rapid.Check(t, func(t *rapid.T) {
			v, a, b := versions.Draw(t, "v"), versions.Draw(t, "a"), versions.Draw(t, "b")
			opA, opB := ops.Draw(t, "opA"), ops.Draw(t, "opB")
			r, err := o.ParseRange(opA.text + " " + a + " , " + opB.text + b)
			if err != nil {
				t.Fatal(err)
			}
			ca, _ := o.Compare(v, a)
			cb, _ := o.Compare(v, b)
			got, err := r.Contains(v)
			if want := opA.holds(ca) && opB.holds(cb); err != nil || got != want {
				t.Fatalf("%s: %q contains %q: %v, %v; want %v", name, r, v, got, err, want)
			}
			if got && r.Empty() {
				t.Fatalf("%s: %q contains %q but is called empty", name, r, v)
			}
			again, err := o.ParseRange(r.String())
			if err != nil || !again.Equal(r) {
				t.Fatalf("%s: %q reads back as %q, %v", name, r, again, err)
			}
		})
	}
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"*", ">= 1, < 2", "1.0-rc1", "!= 1:2-3", "== 1", ",", "7.5 HF6"} {
		f.Add(s)
	}
	orders := []Order{itms(f)}
	for _, name := range Names() {
		orders = append(orders, mustParse(f, name))
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, o := range orders {
			r, err := o.ParseRange(s)
			if err != nil {
				continue
			}
			again, err := o.ParseRange(r.String())
			if err != nil || !again.Equal(r) {
				t.Errorf("%s: %q became %q and reads back as %q, %v", o, s, r, again, err)
			}
		}
	})
}
