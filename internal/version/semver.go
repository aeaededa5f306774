package version

import (
	"fmt"
	"strings"
)

// semver orders as Semantic Versioning 2.0.0 does, rule 11: numbers, then a
// pre-release before its release; build metadata does not count. A leading v
// is ignored.
type semver struct{}

func (semver) valid(v string) error {
	core, pre, build := splitSemver(v)
	if strings.Count(core, ".") != 2 {
		return fmt.Errorf("%q is not a semver version: it needs three numbers, such as 2.10.1", v)
	}
	for p := range strings.SplitSeq(core, ".") {
		if !plainNumber(p) {
			return fmt.Errorf("%q is not a semver version: %q is not a number without leading zeros", v, p)
		}
	}
	if err := identifiers(v, "pre-release", pre, true); err != nil {
		return err
	}
	return identifiers(v, "build", build, false)
}

// plainNumber reports whether s is a number without leading zeros.
func plainNumber(s string) bool {
	return s != "" && leadingDigits(s) == len(s) && (s == "0" || s[0] != '0')
}

// identifiers checks what stands behind - or +; text includes that sign.
func identifiers(v, what, text string, numbers bool) error {
	if text == "" {
		return nil
	}
	for id := range strings.SplitSeq(text[1:], ".") {
		if id == "" {
			return fmt.Errorf("%q is not a semver version: its %s part has an empty identifier", v, what)
		}
		for i := range len(id) {
			if !digit(id[i]) && !letter(id[i]) && id[i] != '-' {
				return fmt.Errorf("%q is not a semver version: %q cannot stand in its %s part", v, string(rune(id[i])), what)
			}
		}
		if numbers && leadingDigits(id) == len(id) && !plainNumber(id) {
			return fmt.Errorf("%q is not a semver version: %q has a leading zero", v, id)
		}
	}
	return nil
}

// splitSemver cuts before the first - and +, and keeps both signs.
func splitSemver(v string) (core, pre, build string) {
	v = withoutV(v)
	if i := strings.IndexByte(v, '+'); i >= 0 {
		v, build = v[:i], v[i:]
	}
	if i := strings.IndexByte(v, '-'); i >= 0 {
		v, pre = v[:i], v[i:]
	}
	return v, pre, build
}

func (semver) compare(a, b string) int {
	coreA, preA, _ := splitSemver(a)
	coreB, preB, _ := splitSemver(b)
	for coreA != "" || coreB != "" { // both have three numbers
		var numberA, numberB string
		numberA, coreA, _ = strings.Cut(coreA, ".")
		numberB, coreB, _ = strings.Cut(coreB, ".")
		if c := compareNumbers(numberA, numberB); c != 0 {
			return c
		}
	}
	switch {
	case preA == preB:
		return 0
	case preA == "":
		return 1
	case preB == "":
		return -1
	}
	idsA, idsB := strings.Split(preA[1:], "."), strings.Split(preB[1:], ".")
	for i := range min(len(idsA), len(idsB)) {
		if c := compareIdentifiers(idsA[i], idsB[i]); c != 0 {
			return c
		}
	}
	return sign(len(idsA) - len(idsB))
}

// compareIdentifiers puts numbers before words.
func compareIdentifiers(a, b string) int {
	numA, numB := leadingDigits(a) == len(a), leadingDigits(b) == len(b)
	switch {
	case numA && numB:
		return compareNumbers(a, b)
	case numA:
		return -1
	case numB:
		return 1
	}
	return strings.Compare(a, b)
}
