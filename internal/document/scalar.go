package document

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// String reads a text. A plain number, truth value, null or date is an error,
// although its characters are known: other readers of YAML, and the people who
// write it, take 7.10 for 7.1 and no for false.
func (d *Decoder) String(n *Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind == Scalar {
		if trap := n.Trap(); trap != "" {
			d.Errorf(n.Pos, fmt.Sprintf("%s: %q", quoteWhat(what), n.Value), "%s is %s, where a text is wanted", what, trap)
			return ""
		}
		return n.Value
	}
	if n.Kind == Null && n.Value != "" {
		d.Errorf(n.Pos, fmt.Sprintf("quote it if the word is meant: %q", n.Value), "%s is null, where a text is wanted", what)
		return ""
	}
	d.wrongKind(n, what, "a text")
	return ""
}

func quoteWhat(what string) string {
	if strings.Contains(what, "version") {
		return "quote the version"
	}
	return "quote it"
}

func (d *Decoder) wrongKind(n *Node, what, want string) {
	if n.Kind == Null {
		d.Errorf(n.Pos, "give it one or remove the key", "%s has no value", what)
		return
	}
	d.Errorf(n.Pos, "", "%s must be %s, not %s", what, want, describe(n))
}

// Scalar reads a single value of any type, exactly as it was written.
func (d *Decoder) Scalar(n *Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind != Scalar {
		d.wrongKind(n, what, "a single value")
		return ""
	}
	return n.Value
}

// Bool reads a plain true or false.
func (d *Decoder) Bool(n *Node, what string) bool {
	if n == nil {
		return false
	}
	if n.Kind != Scalar {
		d.wrongKind(n, what, "true or false")
		return false
	}
	if n.Style == Plain {
		switch n.Value {
		case "true":
			return true
		case "false":
			return false
		}
	}
	hint := ""
	if s := strings.ToLower(n.Value); s == "true" || s == "false" {
		hint = "write " + s + ", without quotes and in small letters"
	}
	d.Errorf(n.Pos, hint, "%s must be true or false, not %q", what, n.Value)
	return false
}

// Int reads a plain decimal number from low to high.
func (d *Decoder) Int(n *Node, what string, low, high int) int {
	if n == nil {
		return 0
	}
	if n.Kind != Scalar {
		d.wrongKind(n, what, "a whole number")
		return 0
	}
	i, err := strconv.Atoi(n.Value)
	switch {
	case err != nil || n.Style != Plain || strconv.Itoa(i) != n.Value:
		d.Errorf(n.Pos, "", "%s must be a whole number, not %q", what, n.Value)
	case i < low || i > high:
		d.Errorf(n.Pos, "", "%s must be from %d to %d, not %d", what, low, high, i)
	default:
		return i
	}
	return 0
}

// Duration reads a span of time; see ParseDuration.
func (d *Decoder) Duration(n *Node, what string) time.Duration {
	text := d.Scalar(n, what)
	if text == "" {
		return 0
	}
	span, err := ParseDuration(text)
	if err != nil {
		d.Errorf(n.Pos, "", "%s: %s", what, err)
	}
	return span
}

// Bytes reads a size; see ParseBytes.
func (d *Decoder) Bytes(n *Node, what string, unit Unit) int64 {
	text := d.Scalar(n, what)
	if text == "" {
		return 0
	}
	size, err := ParseBytes(text, unit)
	if err != nil {
		d.Errorf(n.Pos, "", "%s: %s", what, err)
	}
	return size
}

// Trap says what another reader of YAML could take a plain scalar for: "a
// number", "a truth value", "null" or "a date"; "" when it is a text for
// everybody. Both YAML 1.1 and 1.2 are considered.
func (n *Node) Trap() string {
	if n == nil || n.Kind != Scalar || n.Style != Plain {
		return ""
	}
	return trap(n.Value)
}

func trap(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n":
		return "a truth value"
	case "null", "~", "":
		return "null"
	case ".nan", ".inf", "+.inf", "-.inf":
		return "a number"
	}
	if looksLikeDate(s) {
		return "a date"
	}
	if looksLikeNumber(s) {
		return "a number"
	}
	return ""
}

// looksLikeNumber knows what YAML 1.1 and 1.2 resolve to numbers: 12, 0644,
// 0x1f, 0o17, 0b1, 1_000, 1.5, .5, 5., 1e3, and 1:30 in base 60.
func looksLikeNumber(s string) bool {
	s = strings.ReplaceAll(strings.TrimLeft(s, "+-"), "_", "")
	if s == "" {
		return false
	}
	if len(s) > 2 && s[0] == '0' && strings.ContainsRune("xXoObB", rune(s[1])) {
		_, err := strconv.ParseUint(s[2:], 16, 64)
		return err == nil
	}
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' || c == ':':
		case (c == 'e' || c == 'E') && digits > 0:
			return strings.Count(s[:i], ".") <= 1 && !strings.Contains(s[:i], ":") && isExponent(s[i+1:])
		default:
			return false
		}
	}
	if strings.Contains(s, ":") {
		return sexagesimal(s)
	}
	return digits > 0 && strings.Count(s, ".") <= 1
}

func isExponent(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// sexagesimal: digits, then parts of one or two digits below 60, the last with
// an optional fraction. 1:30 is 90 in YAML 1.1; 8080:80 is a text.
func sexagesimal(s string) bool {
	s, fraction, _ := strings.Cut(s, ".")
	if strings.Contains(fraction, ":") || strings.Contains(fraction, ".") {
		return false
	}
	parts := strings.Split(s, ":")
	for i, p := range parts {
		if p == "" || (i > 0 && (len(p) > 2 || (len(p) == 2 && p[0] > '5'))) {
			return false
		}
	}
	return true
}

// looksLikeDate knows 2020-05-01 and what follows a T or a space.
func looksLikeDate(s string) bool {
	date, rest := s, ""
	if i := strings.IndexAny(s, "Tt "); i >= 0 {
		date, rest = s[:i], s[i+1:]
	}
	parts := strings.Split(date, "-")
	if len(parts) != 3 || len(parts[0]) != 4 {
		return false
	}
	for _, p := range parts {
		if p == "" || len(p) > 4 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return rest == "" || (rest[0] >= '0' && rest[0] <= '9' && strings.Contains(rest, ":"))
}
