// Package expect is the grammar of what a probe's value must be: literals,
// words, ranges and regular expressions, any one of a list. The reference is
// docs/reference/probes.md.
//
// It is pure: no I/O, no clock. It imports the standard library and
// internal/version.
package expect

import (
	"fmt"
	"regexp"
	"strings"

	"upkeep/internal/version"
)

// MaxLength is the longest alternative, in bytes.
const MaxLength = 4096

// Options say how ranges are read.
type Options struct {
	// Order is the order in which versions compare; the zero value is dotted.
	Order version.Order
	// Compare fixes how both sides of a range are read: version, number,
	// size, time or duration. Empty: the bound's own form decides.
	Compare string
}

// Expect is what a value must be. The zero value accepts every value that is
// present. Values are immutable and safe to share.
type Expect struct {
	alternatives []alternative
}

// alternative is one entry of the list. match says whether the value is as
// wanted, and why not where that is more than "it is another one".
type alternative interface {
	match(text string, present bool) (ok bool, why string)
	String() string
}

// Parse reads a list of alternatives, of which one must hold. An empty list
// accepts every value that is present.
//
//	present, *        there is a value
//	none              there is no value
//	>= 8.1, < 9       a range; >= > <= < = !=, and ≥ ≤; the comma means and
//	/pattern/         a regular expression (RE2) that occurs in the value
//	anything else     the value itself
func Parse(list []string, o Options) (Expect, error) {
	if o.Order.IsZero() {
		dotted, err := version.Parse("dotted")
		if err != nil {
			return Expect{}, err
		}
		o.Order = dotted
	}
	switch o.Compare {
	case "", kindVersion, kindNumber, kindSize, kindTime, kindDuration:
	default:
		return Expect{}, fmt.Errorf("cannot compare as %q: use version, number, size, time or duration", o.Compare)
	}
	var e Expect
	for _, text := range list {
		a, err := parse(strings.TrimSpace(text), o)
		if err != nil {
			return Expect{}, fmt.Errorf("cannot read expectation %q: %w", shorten(text), err)
		}
		e.alternatives = append(e.alternatives, a)
	}
	return e, nil
}

func parse(text string, o Options) (alternative, error) {
	switch {
	case len(text) > MaxLength:
		return nil, fmt.Errorf("it is longer than %d bytes", MaxLength)
	case text == "":
		return nil, fmt.Errorf("it is empty: write none for no value, or present for any")
	case text == "present" || text == "*":
		return presence(true), nil
	case text == "none":
		return presence(false), nil
	case len(text) > 2 && text[0] == '/' && text[len(text)-1] == '/':
		re, err := regexp.Compile("(?m)" + text[1:len(text)-1])
		if err != nil {
			return nil, fmt.Errorf("cannot compile the regular expression: %w", err)
		}
		return pattern{text, re}, nil
	case operatorOf(text) != "":
		return parseRange(text, o)
	}
	return literal(text), nil
}

// Match reports whether the value is as wanted. why explains a no in half a
// sentence where more can be said than that the value is another one, as when
// it is no version at all.
func (e Expect) Match(text string, present bool) (ok bool, why string) {
	if len(e.alternatives) == 0 {
		return presence(true).match(text, present)
	}
	for _, a := range e.alternatives {
		ok, w := a.match(text, present)
		if ok {
			return true, ""
		}
		if w != "" {
			why = w
		}
	}
	return false, why
}

// String is what is wanted, for a person: "8.1 or >= 8.3".
func (e Expect) String() string {
	if len(e.alternatives) == 0 {
		return "present"
	}
	words := make([]string, len(e.alternatives))
	for i, a := range e.alternatives {
		words[i] = a.String()
	}
	return strings.Join(words, " or ")
}

// IsZero reports whether nothing but a value is wanted.
func (e Expect) IsZero() bool { return len(e.alternatives) == 0 }

type presence bool

func (p presence) match(text string, present bool) (bool, string) { return present == bool(p), "" }

func (p presence) String() string {
	if p {
		return "present"
	}
	return "none"
}

type literal string

func (l literal) match(text string, present bool) (bool, string) {
	return present && text == string(l), ""
}

func (l literal) String() string { return string(l) }

type pattern struct {
	text string
	re   *regexp.Regexp
}

func (p pattern) match(text string, present bool) (bool, string) {
	return present && p.re.MatchString(text), ""
}

func (p pattern) String() string { return p.text }

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
