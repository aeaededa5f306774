package yaml

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// checkText looks at the bytes before YAML does, and gives the text with plain
// line ends. It is false when nothing further can be read.
func (r *reader) checkText(text []byte) (string, bool) {
	switch {
	case len(text) > MaxBytes:
		r.errorf(r.pos(0, 0), "", "the file is larger than %d bytes", MaxBytes)
		return "", false
	case bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")):
		r.errorf(r.pos(1, 1), "save it as UTF-8", "the file is written in UTF-16")
		return "", false
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		r.errorf(r.pos(1, 1), "save it as UTF-8 without BOM", "the file begins with a byte order mark")
		return "", false
	}
	source := strings.ReplaceAll(string(text), "\r\n", "\n")
	// Only these lines are needed until the text is known to be good.
	line, column := 1, 1
	for i := 0; i < len(source); {
		c, size := utf8.DecodeRuneInString(source[i:])
		if what, hint := refused(c, size); what != "" {
			r.lines = nil
			r.errorf(r.pos(line, column), hint, "%s", what)
			if len(r.errs) >= 10 || c == utf8.RuneError {
				return "", false
			}
		}
		column++
		if c == '\n' {
			line, column = line+1, 1
		}
		i += size
	}
	return source, len(r.errs) == 0
}

// refused says why a character cannot stand anywhere in a document.
func refused(c rune, size int) (what, hint string) {
	switch {
	case c == '\n':
	case c == utf8.RuneError && size == 1:
		return "a byte that is not UTF-8", "save the file as UTF-8"
	case c == '\t':
		return "a tab", `use spaces; inside double quotes write \t`
	case c == '\r':
		return "a carriage return without line feed", "save the file with line feeds"
	case c < ' ' || (c >= 0x7f && c <= 0x9f):
		return "a control character", `inside double quotes write \x and its two digits`
	case c == 0x2028 || c == 0x2029:
		return "a Unicode line separator", "use a line feed"
	case c == 0xfeff:
		return "a byte order mark", "remove it"
	case c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069:
		// What is read must be what is shown: https://trojansource.codes
		return "a character that changes the direction of the text shown", "remove it"
	}
	return "", ""
}
