package version

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustParse(t testing.TB, name string) Order {
	t.Helper()
	o, err := Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// itms is the order of the IT Management Suite's releases.
func itms(t testing.TB) Order {
	t.Helper()
	o, err := Listed([]string{"7.1", "7.1 SP2", "7.1 SP2 MP1.1", "7.5", "7.5 HF6", "7.5 SP1"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Each line ascends; "=" joins versions that are equal.
var ascending = []struct{ order, versions string }{
	{"semver", "0.0.1 < 1.0.0-alpha < 1.0.0-alpha.1 < 1.0.0-alpha.beta < 1.0.0-beta < 1.0.0-beta.2 < 1.0.0-beta.11 < 1.0.0-rc.1 < 1.0.0 < 1.0.1 < 1.2.0 < 1.10.0 < 2.0.0"},
	{"semver", "1.0.0 = v1.0.0 = 1.0.0+build.1"},
	{"semver", "1.0.0-1 < 1.0.0-2 < 1.0.0-10 < 1.0.0-a < 1.0.0-b"},
	{"dotted", "2 = 2.0 = v2.0.0 = 02"},
	{"dotted", "2.4 < 2.5.0 < 2.10 < 2.10.0.1 < 20.5 < 99999999999999999999.1"},
	{"dotted", "3.2.0~x < 3.2.0-dev < 3.2.0-alpha = 3.2.0a < 3.2.0-beta1 < 3.2.0-beta2 < 3.2.0-beta10 < 3.2.0-rc < 3.2.0-rc1 = 3.2.0RC1 = 3.2rc1 < 3.2.0 < 3.2.0-1 < 3.2.0-2 < 3.2.1"},
	{"dotted", "5.7 < 10.11.5 < 10.11.6 < 10.11.6-MariaDB < 10.12"},
	{"dotted", "1.2.2 < 1.2.3~rc1 = 1.2.3-rc1 < 1.2.3 < 1.2.3+dfsg"},
	{"dashed", "09-00 < 09-50 < 09-51 < 10-00 = 10 < 10-00-01 < 10-10 < 10-10-01 < 110-00"},
	{"debian", "1.0~rc1 < 1.0 = 1.0-0 = 0:1.0 < 1.0-0.1 < 1.0-1 < 1.0a < 1.0+b < 1.0.1 < 1.10 < 1:0.5"},
	{"debian", "2.2.6-1~bpo12+1 < 2.2.6-1 < 2.2.6-1+b4 < 2.2.6-2 < 2.3.4-1"},
}

func TestOrders(t *testing.T) {
	for _, c := range ascending {
		o := mustParse(t, c.order)
		classes := strings.Split(c.versions, " < ")
		for i, a := range classes {
			for j, b := range classes {
				for _, va := range strings.Split(a, " = ") {
					for _, vb := range strings.Split(b, " = ") {
						got, err := o.Compare(va, vb)
						if err != nil || got != sign(i-j) {
							t.Errorf("%s: Compare(%q, %q) = %d, %v; want %d", c.order, va, vb, got, err, sign(i-j))
						}
					}
				}
			}
		}
	}
}

func TestListed_S4_2(t *testing.T) {
	o := itms(t)
	shuffled := []string{"7.5 SP1", "7.1 SP2", "7.5", "7.1", "7.5 HF6", "7.1 SP2 MP1.1"}
	slices.SortFunc(shuffled, func(a, b string) int {
		c, err := o.Compare(a, b)
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
	if got := strings.Join(shuffled, " < "); got != o.String() {
		t.Errorf("sorted %s, want %s", got, o)
	}
	if !slices.Equal(o.Versions(), shuffled) {
		t.Errorf("Versions() = %q", o.Versions())
	}
}

func TestInvalidVersions(t *testing.T) {
	for _, c := range []struct{ order, version, want string }{
		{"semver", "1.2", `"1.2" is not a semver version: it needs three numbers, such as 2.10.1`},
		{"semver", "01.2.3", `"01.2.3" is not a semver version: "01" is not a number without leading zeros`},
		{"semver", "1.2.3-", `"1.2.3-" is not a semver version: its pre-release part has an empty identifier`},
		{"semver", "1.2.3-01", `"1.2.3-01" is not a semver version: "01" has a leading zero`},
		{"semver", "1.2.3+a b", `"1.2.3+a b" is not a semver version: " " cannot stand in its build part`},
		{"dotted", "latest", `"latest" is not a dotted version: it needs numbers between dots, such as 2.10.1`},
		{"dotted", "v", `"v" is not a dotted version: it needs numbers between dots, such as 2.10.1`},
		{"dotted", "7.5 SP1", `"7.5 SP1" is not a dotted version: " " cannot stand in it`},
		{"dashed", "10.10", `"10.10" is not a dashed version: it needs numbers between dashes, such as 09-51`},
		{"dashed", "10-", `"10-" is not a dashed version: it needs numbers between dashes, such as 09-51`},
		{"debian", "a1", `"a1" is not a Debian version: it must begin with a digit`},
		{"debian", "x:1", `"x:1" is not a Debian version: the epoch before the colon must be a number`},
		{"debian", "1-", `"1-" is not a Debian version: the revision after the dash is empty`},
		{"debian", "1_0", `"1_0" is not a Debian version: "_" cannot stand in it`},
		{"dotted", "", `the version is empty`},
		{"dotted", strings.Repeat("1", 200), `version "1111111111111111"… is longer than 128 bytes`},
	} {
		err := mustParse(t, c.order).Valid(c.version)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %q: %v\nwant %s", c.order, c.version, err, c.want)
		}
	}
	for _, c := range []struct{ version, want string }{
		{"7.5 SP2", `version "7.5 SP2" is not listed; the nearest known one is "7.5 SP1"`},
		{"7.1 sp2 mp1.1", `version "7.1 sp2 mp1.1" is not listed; the nearest known one is "7.1 SP2 MP1.1"`},
		{"unknown", `version "unknown" is not listed; known are "7.1" to "7.5 SP1"`},
	} {
		if err := itms(t).Valid(c.version); err == nil || err.Error() != c.want {
			t.Errorf("%q: %v\nwant %s", c.version, err, c.want)
		}
	}
	if err := (Order{}).Valid("1"); err == nil {
		t.Error("the zero order accepts a version")
	}
}

func TestBadOrders(t *testing.T) {
	if _, err := Parse("semvar"); err == nil || err.Error() != `unknown version order "semvar": did you mean "semver"?` {
		t.Error(err)
	}
	if _, err := Parse("by date"); err == nil || !strings.Contains(err.Error(), "list the versions in ascending order") {
		t.Error(err)
	}
	for _, c := range []struct {
		list []string
		want string
	}{
		{nil, "the list of versions is empty"},
		{[]string{"1", ""}, "a listed version is empty"},
		{[]string{"1", "2", "1"}, `version "1" is listed twice`},
		{[]string{"1, 2"}, `version "1, 2" cannot be listed: commas, < > * and a leading = or ! belong to ranges`},
		{[]string{"../1"}, `version "../1" cannot be listed: it becomes a file name, so no slashes and no dot in front`},
		{[]string{" 1"}, `version " 1" begins or ends with a space`},
		{[]string{"1\n"}, `version "1\n" contains a character that cannot be printed`},
	} {
		if _, err := Listed(c.list); err == nil || err.Error() != c.want {
			t.Errorf("%q: %v\nwant %s", c.list, err, c.want)
		}
	}
}

// TestDebianAgainstDpkg takes dpkg itself as the judge.
func TestDebianAgainstDpkg(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		t.Skip("dpkg is not on this machine; the table in TestOrders stands alone")
	}
	versions := []string{"1.0", "1.0~", "1.0~~", "1.0~a", "1.0-1", "1.0-1~", "1.0a", "1.0+", "1.0.", "1.0-a", "1:0", "01.0", "1.00", "1.0-0", "1.0-00a"}
	o := mustParse(t, "debian")
	for i, a := range versions {
		b := versions[(i*7+3)%len(versions)]
		got, err := o.Compare(a, b)
		if err != nil {
			t.Fatal(err)
		}
		op := map[int]string{-1: "lt", 0: "eq", 1: "gt"}[got]
		if err := exec.Command(dpkg, "--compare-versions", a, op, b).Run(); err != nil {
			t.Errorf("dpkg says that %q %s %q is wrong", a, op, b)
		}
	}
}

// generators draw valid versions of each order out of few pieces, so that equal
// and nearly equal ones are frequent.
func generators() map[string]*rapid.Generator[string] {
	return map[string]*rapid.Generator[string]{
		"semver": rapid.StringMatching(`v?[01]\.(0|2|10)\.[01](-(rc|a|1)(\.(2|10|b))?)?(\+x)?`),
		"dotted": rapid.StringMatching(`v?[0-2](\.(0|1|10|01)){0,3}(([-~.]?(rc|alpha|a|b|p|x))?[-.]?[01]?|\+d|~~?z?)`),
		"dashed": rapid.StringMatching(`(0[19]|1|10)(-(00|0|10)){0,2}`),
		"debian": rapid.StringMatching(`([01]:)?[01]([.+~a][01a~]?){0,2}(-[0a~][.1~]?)?`),
	}
}

func TestTotalOrder(t *testing.T) {
	for name, versions := range generators() {
		o := mustParse(t, name)
		rapid.Check(t, func(t *rapid.T) {
			a, b, c := versions.Draw(t, "a"), versions.Draw(t, "b"), versions.Draw(t, "c")
			compare := func(x, y string) int {
				n, err := o.Compare(x, y)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return n
			}
			if compare(a, a) != 0 {
				t.Fatalf("%s: %q is not equal to itself", name, a)
			}
			if compare(a, b) != -compare(b, a) {
				t.Fatalf("%s: %q and %q compare differently both ways", name, a, b)
			}
			if compare(a, b) <= 0 && compare(b, c) <= 0 && compare(a, c) > 0 {
				t.Fatalf("%s: %q <= %q <= %q, but not the first <= the last", name, a, b, c)
			}
			if compare(a, b) == 0 && compare(a, c) != compare(b, c) {
				t.Fatalf("%s: %q = %q, but %q compares differently", name, a, b, c)
			}
		})
	}
}

func FuzzCompare(f *testing.F) {
	for _, c := range ascending {
		for _, v := range strings.Fields(c.versions) {
			f.Add(v, "1.0.0")
		}
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, name := range Names() {
			o := mustParse(t, name)
			ab, err := o.Compare(a, b)
			ba, errBA := o.Compare(b, a)
			if (err == nil) != (errBA == nil) || ab != -ba {
				t.Errorf("%s: %q %q: %d %v, %d %v", name, a, b, ab, err, ba, errBA)
			}
		}
	})
}
