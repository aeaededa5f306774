package version

import (
	"fmt"
	"strings"
)

// debian orders as dpkg does: epoch, upstream version, revision, each of the
// latter compared in turns of non-digits (letters before everything else, ~
// before even the end) and numbers. Source: deb-version(7).
type debian struct{}

func (debian) valid(v string) error {
	epoch, upstream, revision := splitDebian(v)
	bad := func(why string) error { return fmt.Errorf("%q is not a Debian version: %s", v, why) }
	switch {
	case strings.Contains(v, ":") && (epoch == "" || leadingDigits(epoch) != len(epoch)):
		return bad("the epoch before the colon must be a number")
	case len(strings.TrimLeft(epoch, "0")) > 9:
		return bad("the epoch is too large")
	case upstream == "" || !digit(upstream[0]):
		return bad("it must begin with a digit")
	case strings.Contains(v, "-") && strings.HasSuffix(v, "-"):
		return bad("the revision after the dash is empty")
	}
	for i := range len(upstream) {
		if c := upstream[i]; !digit(c) && !letter(c) && !strings.ContainsRune(".+-~:", rune(c)) {
			return bad(fmt.Sprintf("%q cannot stand in it", string(rune(c))))
		}
	}
	for i := range len(revision) {
		if c := revision[i]; !digit(c) && !letter(c) && !strings.ContainsRune(".+~", rune(c)) {
			return bad(fmt.Sprintf("%q cannot stand in its revision", string(rune(c))))
		}
	}
	return nil
}

func splitDebian(v string) (epoch, upstream, revision string) {
	upstream = v
	if i := strings.IndexByte(upstream, ':'); i >= 0 {
		epoch, upstream = upstream[:i], upstream[i+1:]
	}
	if i := strings.LastIndexByte(upstream, '-'); i >= 0 {
		upstream, revision = upstream[:i], upstream[i+1:]
	}
	return epoch, upstream, revision
}

func (debian) compare(a, b string) int {
	epochA, upA, revA := splitDebian(a)
	epochB, upB, revB := splitDebian(b)
	if c := compareNumbers(epochA, epochB); c != 0 {
		return c
	}
	if c := compareDebianPart(upA, upB); c != 0 {
		return c
	}
	return compareDebianPart(revA, revB)
}

func compareDebianPart(a, b string) int {
	for a != "" || b != "" {
		for (a != "" && !digit(a[0])) || (b != "" && !digit(b[0])) {
			if c := debianWeight(a) - debianWeight(b); c != 0 {
				return sign(c)
			}
			a, b = a[1:], b[1:]
		}
		na, nb := leadingDigits(a), leadingDigits(b)
		if c := compareNumbers(a[:na], b[:nb]); c != 0 {
			return c
		}
		a, b = a[na:], b[nb:]
	}
	return 0
}

// debianWeight is the rank of the first character of s among non-digits; the
// end and a digit weigh 0.
func debianWeight(s string) int {
	switch {
	case s == "" || digit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case letter(s[0]):
		return int(s[0])
	}
	return int(s[0]) + 256
}
