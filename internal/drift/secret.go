package drift

import (
	"regexp"
	"strings"
)

// hidden stands for a value that is not shown.
const hidden = "•••"

// key is a name that a secret goes by.
const key = `(?i:[\w.$-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w.$-]*)`

var (
	// named is a secret's name, something that gives it a value, and the value: a
	// quoted one, or one in a text like key=value. The type of a column is no
	// value.
	named = regexp.MustCompile(`(` + key + `["'` + "`" + `\]]{0,2}\s*(?:=>?|:=|:|\bDEFAULT\b|\bPASSWORD\b|\bBY\b|,)\s*[eE]?)('(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s'",;:)=>]{4,})`)
	// quoted is a value that follows a secret's name with no sign between them:
	// OPTIONS (password 'x'), IDENTIFIED BY 'x'.
	quoted = regexp.MustCompile(`((?:` + key + `|(?i:identified\s+by))["` + "`" + `]?\s+[eE]?)('(?:[^'\\]|''|\\.)*')`)
	// preset is the default of a column.
	preset = regexp.MustCompile(`(` + key + `[^'"]*\bDEFAULT\s+[eE]?)('(?:[^'\\]|''|\\.)*')`)
	// address is a URL with a password in it.
	address = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@'"]*:)([^\s/@'"]+)@`)
	// pem is a line of a key in PEM.
	pem = regexp.MustCompile(`^[-+\s'"]*[A-Za-z0-9+/]{48,}={0,2}['"]?$`)
)

// Redact hides the values of what looks like secrets in a line of a definition
// or of a file, by the names that they go by, by the form of an address with a
// password, and by that of a key's body.
func Redact(line string) string {
	line = named.ReplaceAllString(line, "${1}"+hidden)
	line = preset.ReplaceAllString(line, "${1}"+hidden)
	line = quoted.ReplaceAllString(line, "${1}"+hidden)
	line = address.ReplaceAllString(line, "${1}"+hidden+"@")
	if pem.MatchString(line) {
		return hidden
	}
	return line
}

// redacted hides secrets in a comparison. A line in which nothing else was changed
// says so: it must not look as if it were the same.
func redacted(lines []Line) []Line {
	out := make([]Line, len(lines))
	before := map[string]bool{}
	for i, l := range lines {
		out[i] = Line{l.Op, Redact(l.Text)}
		if l.Op == '-' && out[i].Text != l.Text {
			before[out[i].Text] = true
		}
	}
	for i, l := range out {
		if l.Op == '+' && before[l.Text] {
			out[i].Text = strings.Replace(l.Text, hidden, hidden+" (changed)", 1)
		}
	}
	return out
}
