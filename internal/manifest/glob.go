package manifest

import (
	"errors"
	"unicode/utf8"
)

// ErrPattern says that a text is no pattern of file names.
var ErrPattern = errors.New("not a pattern of file names")

// MatchName reports whether a file's name fits a pattern of the shell: * for
// any characters, ? for one, [a-z_] for one of a set and [!a-z] for one that is
// not in it; a - at either end of a set is a -, as in [_-], which path.Match
// refuses. A backslash takes a sign's meaning away. Names hold no slashes.
func MatchName(pattern, name string) (bool, error) {
	if err := checkPattern(pattern); err != nil {
		return false, err
	}
	return matchName(pattern, name), nil
}

// matchName goes back to the last star only: that is enough, because a star
// takes as little as it can first.
func matchName(pattern, name string) bool {
	starPattern, starName := "", ""
	star := false
	for name != "" || pattern != "" {
		if pattern != "" && pattern[0] == '*' {
			pattern = pattern[1:]
			star, starPattern, starName = true, pattern, name
			continue
		}
		if name != "" && pattern != "" {
			if ok, rest := matchOne(pattern, name); ok {
				_, size := utf8.DecodeRuneInString(name)
				pattern, name = rest, name[size:]
				continue
			}
		}
		if !star || starName == "" {
			return false
		}
		_, size := utf8.DecodeRuneInString(starName)
		starName = starName[size:]
		pattern, name = starPattern, starName
	}
	return true
}

// matchOne compares the first element of a pattern, which is no star, with the
// first character of a name.
func matchOne(pattern, name string) (ok bool, rest string) {
	c, _ := utf8.DecodeRuneInString(name)
	switch pattern[0] {
	case '?':
		return true, pattern[1:]
	case '[':
		return matchSet(pattern, c)
	case '\\':
		pattern = pattern[1:]
	}
	p, size := utf8.DecodeRuneInString(pattern)
	return p == c, pattern[size:]
}

// matchSet takes a checked pattern that begins with [.
func matchSet(pattern string, c rune) (in bool, rest string) {
	rest, negated := pattern[1:], false
	if rest[0] == '!' || rest[0] == '^' {
		rest, negated = rest[1:], true
	}
	for first := true; first || rest[0] != ']'; first = false {
		low, size := setRune(rest)
		rest = rest[size:]
		high := low
		if rest[0] == '-' && rest[1] != ']' {
			high, size = setRune(rest[1:])
			rest = rest[1+size:]
		}
		in = in || (low <= c && c <= high)
	}
	return in != negated, rest[1:]
}

// setRune is the next character of a set, and how long it is written.
func setRune(s string) (c rune, size int) {
	if s[0] == '\\' {
		c, size = utf8.DecodeRuneInString(s[1:])
		return c, size + 1
	}
	return utf8.DecodeRuneInString(s)
}

// checkPattern makes sure that every set and escape of a pattern ends.
func checkPattern(pattern string) error {
	if pattern == "" || !utf8.ValidString(pattern) {
		return ErrPattern
	}
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '/':
			return ErrPattern
		case '\\':
			if i++; i == len(pattern) {
				return ErrPattern
			}
		case '[':
			end := setEnd(pattern[i:])
			if end < 0 {
				return ErrPattern
			}
			i += end
		}
	}
	return nil
}

// setEnd is the place of the bracket that ends the set at the beginning of s,
// -1 when there is none. A bracket that stands first belongs to the set.
func setEnd(s string) int {
	i := 1
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		i++
	}
	for first := true; i < len(s); i, first = i+1, false {
		switch {
		case s[i] == ']' && !first:
			return i
		case s[i] == '/':
			return -1
		case s[i] == '\\':
			if i++; i == len(s) {
				return -1
			}
		}
	}
	return -1
}
