package version

import (
	"fmt"
	"slices"
	"strings"
)

// dotted orders 2.4 < 2.10 < 2.10.0.1: numbers between dots compared as
// numbers, missing ones 0. A leading v is ignored. What follows the numbers is
// a suffix: one that begins with ~ or with a word for something unfinished
// (dev, alpha, beta, rc …) is older than the release, any other (-MariaDB, p1,
// +dfsg) is newer, as in PHP's version_compare and Debian's ~.
type dotted struct{}

// unfinished are the words of a suffix that come before the release, by rank.
var unfinished = [...]struct {
	word string
	rank int
}{
	{"dev", 1}, {"snapshot", 1}, {"nightly", 1}, {"canary", 1}, {"next", 1},
	{"alpha", 2}, {"a", 2}, {"beta", 3}, {"b", 3}, {"milestone", 4}, {"m", 4},
	{"preview", 5}, {"pre", 5}, {"rc", 6}, {"cr", 6}, {"c", 6},
}

const (
	rankTilde    = 0 // ~anything
	rankRelease  = 7 // no suffix
	rankFollowup = 8 // a suffix that is none of the words above
)

func (dotted) valid(v string) error {
	numbers, suffix := splitDotted(v)
	if numbers == nil {
		return fmt.Errorf("%q is not a dotted version: it needs numbers between dots, such as 2.10.1", v)
	}
	for i := range len(suffix) {
		if c := suffix[i]; !digit(c) && !letter(c) && !strings.ContainsRune(".-+~_:", rune(c)) {
			return fmt.Errorf("%q is not a dotted version: %q cannot stand in it", v, string(rune(c)))
		}
	}
	return nil
}

func (dotted) compare(a, b string) int {
	na, sa := splitDotted(a)
	nb, sb := splitDotted(b)
	if c := compareParts(na, nb); c != 0 {
		return c
	}
	ra, wa := rankSuffix(sa)
	rb, wb := rankSuffix(sb)
	if ra != rb {
		return sign(ra - rb)
	}
	return slices.CompareFunc(wa, wb, compareWords)
}

// splitDotted gives the numbers of v and the suffix after them; the numbers are
// nil when v does not begin with one.
func splitDotted(v string) (numbers []string, suffix string) {
	rest := withoutV(v)
	for {
		n := leadingDigits(rest)
		if n == 0 {
			return nil, ""
		}
		numbers, rest = append(numbers, rest[:n]), rest[n:]
		if len(rest) < 2 || rest[0] != '.' || !digit(rest[1]) {
			return numbers, rest
		}
		rest = rest[1:]
	}
}

// rankSuffix gives the suffix's place relative to the release and its words,
// which decide among suffixes of one rank.
func rankSuffix(suffix string) (rank int, words []string) {
	words = splitWords(suffix)
	switch {
	case suffix == "":
		return rankRelease, nil
	case suffix[0] == '~':
		rank = rankTilde
	case suffix[0] == '+' || len(words) == 0:
		return rankFollowup, words
	default:
		rank = rankFollowup
	}
	if len(words) > 0 {
		for _, u := range unfinished {
			if words[0] == u.word {
				return u.rank, words[1:]
			}
		}
	}
	return rank, words
}

// splitWords cuts a suffix into runs of letters (in lower case) and of digits;
// whatever stands between them separates.
func splitWords(s string) (words []string) {
	s = strings.ToLower(s)
	for len(s) > 0 {
		n := leadingDigits(s)
		for n < len(s) && letter(s[n]) && !digit(s[0]) {
			n++
		}
		if n == 0 {
			s = s[1:]
			continue
		}
		words, s = append(words, s[:n]), s[n:]
	}
	return words
}

// compareWords compares numbers as numbers, words by bytes, and puts words
// before numbers (one of the two ways it must be).
func compareWords(a, b string) int {
	switch {
	case digit(a[0]) && digit(b[0]):
		return compareNumbers(a, b)
	case digit(a[0]):
		return 1
	case digit(b[0]):
		return -1
	}
	return strings.Compare(a, b)
}
