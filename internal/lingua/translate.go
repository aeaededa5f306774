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

// begun is how many letters at its beginning let a short format end in anything.
const begun = 6

// longest bounds what is looked at as one text, and most how many texts are
// looked up for one: what others write may look like many of ours at once.
const (
	longest = 4 << 10
	most    = 2000
)

// reading is the translation of one text, with what was found out about parts of it.
type reading struct {
	*Language
	seen map[string]finding
	left int
}

type finding struct {
	to    string
	ok    bool
	cover int // how many of its letters are of known texts
}

func (l *Language) read() *reading {
	return &reading{l, map[string]finding{}, most}
}

// known translates a text of which the format is known.
func (l *reading) known(text string, depth int) (string, bool) {
	f := l.find(text, depth)
	return f.to, f.ok
}

func (l *reading) find(text string, depth int) finding {
	if to, ok := l.exact[text]; ok {
		return finding{to, true, letters(text)}
	}
	if depth > deepest || len(text) > longest {
		return finding{}
	}
	if f, ok := l.seen[text]; ok {
		return f
	}
	if l.left--; l.left < 0 {
		return finding{}
	}
	f := l.search(text, depth)
	l.seen[text] = f
	return f
}

func (l *reading) search(text string, depth int) finding {
	if f := l.formatted(text, depth); f.ok {
		return f
	}
	for _, end := range []string{".", ":"} {
		cut, ok := strings.CutSuffix(text, end)
		if !ok || strings.HasSuffix(cut, end) {
			continue
		}
		if f := l.find(cut, depth+1); f.ok {
			f.to += strings.TrimRight(l.mark(end+" "), " ")
			return f
		}
	}
	if m := counted.FindStringSubmatch(text); m != nil {
		to, ok := l.exact[m[2]]
		if !ok {
			to, ok = l.terms[m[2]]
		}
		if ok {
			return finding{m[1] + " " + to, true, letters(text)}
		}
	}
	if r, n := utf8.DecodeRuneInString(text); unicode.IsUpper(r) {
		small := string(unicode.ToLower(r)) + text[n:]
		f := finding{l.exact[small], true, letters(small)}
		if f.to == "" {
			f = l.formatted(small, depth)
		}
		if f.ok {
			r, n := utf8.DecodeRuneInString(f.to)
			f.to = string(unicode.ToUpper(r)) + f.to[n:]
			return f
		}
	}
	return finding{}
}

// several bounds how many formats are tried that a text may have been made of.
const several = 16

// formatted translates a text that was made of a format with values. Of
// several formats the one counts that explains most of the text.
func (l *reading) formatted(text string, depth int) finding {
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
		return strings.Compare(a.key, b.key)
	})
	best, tried, all := finding{}, 0, letters(text)
	for _, p := range found {
		values, ok := p.match(text, func(v string, n int) bool {
			last := n > 0 && n == len(p.verbs)-1 && letters(p.from[0]) >= begun && strings.HasSuffix(p.from[n], ": ") // an error and what it wraps
			return l.fits(v, p.verbs[n], p.letters < enough && !last)
		})
		if !ok {
			continue
		}
		cover := p.letters
		said := make([]finding, len(values))
		for i, v := range values {
			said[i] = l.value(v, p.verbs[i], depth)
			cover += said[i].cover
		}
		if !best.ok || cover > best.cover {
			best = finding{p.fill(said, l.elided), true, cover}
		}
		if tried++; best.cover == all || tried == several {
			break
		}
	}
	return best
}

var (
	whole    = regexp.MustCompile(`^-?\d+$`)
	decimal  = regexp.MustCompile(`^-?\d+(\.\d+)?$`)
	counted  = regexp.MustCompile(`^(\d+) (\pL[\pL ]*)$`)
	span     = regexp.MustCompile(`^\d+(\.\d)? \pL+( \d+ \pL+)?$`)
	position = regexp.MustCompile(`:\d+$`)
	grouped  = regexp.MustCompile(`^\d{1,3}(,\d{3})+$`)
	measure  = regexp.MustCompile(`^(-?\d+)(?:\.(\d+))? ([A-Za-z]+)$`)
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
	if strings.Count(v, "(") != strings.Count(v, ")") { // it begins or ends in the middle of something
		return false
	}
	if !weak || !strings.ContainsAny(v, " \n") || span.MatchString(v) {
		return true
	}
	_, ok := l.exact[v]
	return ok
}

// value translates a value, where it is a text of ours.
func (l *reading) value(v string, verb byte, depth int) finding {
	switch verb {
	case 'f', 'g':
		return finding{to: strings.Replace(v, ".", l.decimal, 1)}
	case 's', 'v', 'w':
		if f := l.find(v, depth+1); f.ok {
			return f
		}
		return l.parts(v, depth+1)
	}
	return finding{to: v}
}

// joints are what joins texts that were made one by one.
var joints = []string{"\n", " — ", " · ", "; ", ". ", ": ", ", ", " ("}

// noBreak is a blank before a mark.
const noBreak = "\u202f"

// parts translates what it knows of a text that was put together.
func (l *reading) parts(text string, depth int) finding {
	if m := measure.FindStringSubmatch(text); m != nil {
		return finding{to: l.amount(m)}
	}
	if grouped.MatchString(text) {
		return finding{to: strings.ReplaceAll(text, ",", l.thousands)}
	}
	if depth > deepest {
		return finding{to: text}
	}
	for _, joint := range joints {
		for at := 0; ; {
			i := strings.Index(text[at:], joint)
			if i < 0 {
				break
			}
			at += i
			left, right, end := text[:at], text[at+len(joint):], ""
			at += len(joint)
			mark := joint
			switch joint {
			case ". ":
				left, mark = left+".", " "
			case ": ":
				if position.MatchString(left) { // a place in a file, as programs read it
					mark = ""
				}
			case " (":
				if !strings.HasSuffix(right, ")") {
					continue
				}
				right, end = right[:len(right)-1], ")"
			}
			before, after := l.find(left, depth+1), l.find(right, depth+1)
			if !before.ok && !after.ok || joint == ", " && !(before.ok && after.ok) { // commas stand in sentences of others, too
				continue
			}
			if !before.ok {
				before = l.parts(left, depth+1)
			}
			if !after.ok {
				after = l.parts(right, depth+1)
			}
			if mark == "" {
				mark = joint
			} else {
				mark = l.mark(mark)
			}
			return finding{to: strings.TrimRight(before.to, noBreak) + mark + after.to + end, cover: before.cover + after.cover}
		}
	}
	return finding{to: text}
}

func letters(text string) (n int) {
	for _, r := range text {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}

// elided is what stands before a text that begins with a vowel.
func (l *Language) elided(before, text string) string {
	first, _ := utf8.DecodeRuneInString(text)
	if !strings.ContainsRune(l.vowels, first) {
		return before
	}
	for long, short := range l.elisions {
		if cut, ok := strings.CutSuffix(before, long); ok && (cut == "" || strings.HasSuffix(cut, " ")) {
			return cut + short
		}
	}
	return before
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
