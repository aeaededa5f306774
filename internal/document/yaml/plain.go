package yaml

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"upkeep/internal/document"
)

// plainRefused says why a text cannot stand without quotes: YAML 1.2, 7.3.3,
// and inside { } and [ ] a little stricter, because readers differ there.
func plainRefused(s string, flow bool) (what, hint string) {
	const quote = "quote the text"
	switch {
	case s == "":
		return "", ""
	case strings.ContainsRune(",[]{}#&*!|>'\"%@`", rune(s[0])):
		return fmt.Sprintf("a text without quotes cannot begin with %q", s[:1]), quote
	case s == "?" || s == "-" || s == ":" || strings.HasPrefix(s, "? ") || strings.HasPrefix(s, "- ") || strings.HasPrefix(s, ": "):
		return fmt.Sprintf("%q alone means something else in YAML", s[:1]), quote
	case strings.HasSuffix(s, ":") || strings.Contains(s, ": "):
		return "a colon in a text without quotes", quote + ", or begin a map on a line of its own"
	case !flow:
		return "", ""
	case strings.Contains(s, "?"):
		return "a question mark in a text without quotes inside { } or [ ]", quote
	case strings.ContainsAny(s, ",[]{}"):
		return "a bracket or comma in a text without quotes inside { } or [ ]", quote
	case strings.Contains(strings.ReplaceAll(s, "://", ""), ":"):
		return "a colon in a text without quotes inside { } or [ ]", "put a space behind the colon of a key, or quote the text"
	}
	return "", ""
}

// checkQuoted looks at a text in quotes as it was written; the library's own
// copy of it is not reliable. It must end in its line.
func (r *reader) checkQuoted(at document.Pos) {
	written := r.from(at)
	bad, closed := "", false
	switch {
	case strings.HasPrefix(written, `"`):
		bad, closed = badEscape(written[1:])
	case strings.HasPrefix(written, "'"):
		closed = strings.Contains(strings.ReplaceAll(written[1:], "''", ""), "'")
	}
	switch {
	case bad != "":
		r.errorf(at, `write \\ for a backslash, or use single quotes`, "the text in double quotes has an unknown escape %s", bad)
	case !closed:
		r.errorf(at, "end it there, or begin a block with > or |", "a text in quotes does not end in its line")
	}
}

// badEscape finds the first escape in a text in double quotes that YAML does
// not know, and says whether the text ends in its line.
func badEscape(line string) (bad string, closed bool) {
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '"':
			return "", true
		case line[i] != '\\':
			continue
		case i+1 == len(line):
			return "", false
		}
		i++
		n := digits[line[i]]
		switch {
		case n == 0 && strings.IndexByte("0abtnvfre \"/\\N_LP", line[i]) >= 0:
		case n > 0 && i+n < len(line) && isHex(line[i+1:i+1+n]):
		default:
			c, _ := utf8.DecodeRuneInString(line[i:])
			return `\` + string(c), false
		}
	}
	return "", false
}

func isHex(s string) bool {
	for i := range len(s) {
		if strings.IndexByte("0123456789abcdefABCDEF", s[i]) < 0 {
			return false
		}
	}
	return true
}
