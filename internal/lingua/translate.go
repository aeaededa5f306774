package lingua

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// deepest bounds texts in texts: errors wrap errors.
const deepest = 12

// enough is how many letters a format has that says something by itself. One
// with fewer could be found in any sentence, so its values must be names or
// known texts.
const enough = 8

// longest bounds what is looked at as one text, and most how many texts are
// looked up for one: what others write may look like many of ours at once.
const (
	longest = 4 << 10
	most    = 300
)

// reading is the translation of one text, with what was found out about parts of it.
type reading struct {
	*Language
	seen map[string]finding
	left int
}

type finding struct {
	to string
	ok bool
}

func (l *Language) read() *reading {
	return &reading{l, map[string]finding{}, most}
}

// known translates a text of which the format is known.
func (l *reading) known(text string, depth int) (string, bool) {
	if to, ok := l.exact[text]; ok {
		return to, true
	}
	if depth > deepest || len(text) > longest {
		return "", false
	}
	if f, ok := l.seen[text]; ok {
		return f.to, f.ok
	}
	if l.left--; l.left < 0 {
		return "", false
	}
	to, ok := l.search(text, depth)
	l.seen[text] = finding{to, ok}
	return to, ok
}

func (l *reading) search(text string, depth int) (string, bool) {
	if to, ok := l.formatted(text, depth); ok {
		return to, true
	}
	if cut, ok := strings.CutSuffix(text, "."); ok && !strings.HasSuffix(cut, ".") {
		if to, ok := l.known(cut, depth+1); ok {
			return to + ".", true
		}
	}
	if cut, ok := strings.CutSuffix(text, ":"); ok {
		if to, ok := l.known(cut, depth+1); ok {
			return to + strings.TrimRight(l.mark(": "), " "), true
		}
	}
	if m := counted.FindStringSubmatch(text); m != nil {
		to, ok := l.exact[m[2]]
		if !ok {
			to, ok = l.terms[m[2]]
		}
		if ok {
			return m[1] + " " + to, true
		}
	}
	if r, n := utf8.DecodeRuneInString(text); unicode.IsUpper(r) {
		small := string(unicode.ToLower(r)) + text[n:]
		to, ok := l.exact[small]
		if !ok {
			to, ok = l.formatted(small, depth)
		}
		if ok {
			r, n := utf8.DecodeRuneInString(to)
			return string(unicode.ToUpper(r)) + to[n:], true
		}
	}
	return "", false
}

// formatted translates a text that was made of a format with values. Of
// several formats the one counts that leaves least to its values.
func (l *reading) formatted(text string, depth int) (string, bool) {
	var found []*pattern
	for _, w := range words(text, false, false) {
		for _, p := range l.formats[w] {
			if len(text) >= p.letters && !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	found = append(found, l.rest...)
	slices.SortFunc(found, func(a, b *pattern) int {
		if by := cmp.Or(b.letters-a.letters, b.marks-a.marks, a.plain-b.plain); by != 0 {
			return by
		}
		return strings.Compare(strings.Join(a.from, "%"), strings.Join(b.from, "%"))
	})
	for _, p := range found {
		values, ok := p.match(text, func(v string, verb byte) bool { return l.fits(v, verb, p.letters < enough) })
		if !ok {
			continue
		}
		for i, v := range values {
			values[i] = l.value(v, p.verbs[i], depth)
		}
		return p.fill(values), true
	}
	return "", false
}

var (
	whole   = regexp.MustCompile(`^-?\d+$`)
	decimal = regexp.MustCompile(`^-?\d+(\.\d+)?$`)
	counted = regexp.MustCompile(`^(\d+) (\pL[\pL ]*)$`)
	span    = regexp.MustCompile(`^\d+(\.\d)? \pL+( \d+ \pL+)?$`)
	measure = regexp.MustCompile(`^(-?\d+)(?:\.(\d+))? ([A-Za-z]+)$`)
)

// fits says whether a value can have been written by a verb.
func (l *Language) fits(v string, verb byte, weak bool) bool {
	switch verb {
	case 'd':
		return whole.MatchString(v)
	case 'f', 'g':
		return decimal.MatchString(v)
	case 'q':
		if len(v) >= 2 && v[0] == '"' {
			_, err := strconv.Unquote(v)
			return err == nil
		}
		return strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") // a list
	}
	if !weak || !strings.ContainsAny(v, " \n") || span.MatchString(v) {
		return true
	}
	_, ok := l.exact[v]
	return ok
}

// value translates a value, where it is a text of ours.
func (l *reading) value(v string, verb byte, depth int) string {
	switch verb {
	case 'f', 'g':
		return strings.Replace(v, ".", l.decimal, 1)
	case 's', 'v', 'w':
		if to, ok := l.known(v, depth+1); ok {
			return to
		}
		return l.parts(v, depth+1)
	}
	return v
}

// joints are what joins texts that were made one by one. Commas are not among
// them: they stand in sentences of others, too.
var joints = []string{"\n", " — ", " · ", "; ", ". ", ": ", " ("}

// parts translates what it knows of a text that was put together.
func (l *reading) parts(text string, depth int) string {
	if m := measure.FindStringSubmatch(text); m != nil {
		return l.amount(m)
	}
	if depth > deepest {
		return text
	}
	for _, joint := range joints {
		for at := 0; ; {
			i := strings.Index(text[at:], joint)
			if i < 0 {
				break
			}
			at += i
			left, right, close := text[:at], text[at+len(joint):], ""
			if joint == ". " {
				left += "."
			}
			if joint == " (" {
				if !strings.HasSuffix(right, ")") {
					break
				}
				right, close = right[:len(right)-1], ")"
			}
			l1, ok1 := l.known(left, depth+1)
			l2, ok2 := l.known(right, depth+1)
			if ok1 || ok2 {
				if !ok1 {
					l1 = l.parts(left, depth+1)
				}
				if !ok2 {
					l2 = l.parts(right, depth+1)
				}
				mark := joint
				if joint == ". " {
					mark = " "
				}
				return l1 + l.mark(mark) + l2 + close
			}
			at += len(joint)
		}
	}
	return text
}

// mark is how the language writes what joins two texts.
func (l *Language) mark(joint string) string {
	if to, ok := l.marks[joint]; ok {
		return to
	}
	return joint
}

// amount writes a number with its unit.
func (l *Language) amount(m []string) string {
	unit := m[3]
	if to, ok := l.units[unit]; ok {
		unit = to
	} else if m[2] == "" || unit != "s" {
		return m[0]
	}
	if m[2] == "" {
		return m[1] + " " + unit
	}
	return m[1] + l.decimal + m[2] + " " + unit
}
