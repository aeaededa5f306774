package lingua

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is a format and its translation: the texts around the values.
type pattern struct {
	key      string   // the format as it is written
	from, to []string // one more than there are values
	number   []int    // of each value of from, which may name one twice
	order    []int    // which value stands at which place of to
	verbs    []byte
	words    []string // of from, that no value can touch
	letters  int      // of from: how much it says itself
	marks    int      // its other signs
	plain    int      // values that can be anything
}

// parse reads a format with its translation. A format that goes on from what
// stands before it (it begins with a blank or a mark), or before which
// something goes on, has a value there that needs no verb.
func parse(from, to string) (*pattern, error) {
	p := &pattern{key: from}
	var order []int
	var err error
	before, after := open(from)
	wrap := func(s string) string {
		if before {
			s = "%s" + s
		}
		if after {
			s += "%s"
		}
		return s
	}
	if before && numbered(to) || after && numbered(to) {
		return nil, fmt.Errorf("%q: a text that goes on from another cannot number its values", from)
	}
	if p.from, p.verbs, order, err = split(wrap(from)); err != nil {
		return nil, err
	}
	p.number = order
	first := map[int]int{} // where a value stands in the source, which may name one twice
	for i, n := range order {
		if _, ok := first[n]; !ok {
			first[n] = i
		}
	}
	var numbers []int
	if p.to, _, numbers, err = split(wrap(to)); err != nil {
		return nil, err
	}
	used := map[int]bool{}
	for _, n := range numbers {
		at, ok := first[n]
		if !ok {
			return nil, fmt.Errorf("%q: the translation has a value more", from)
		}
		p.order, used[n] = append(p.order, at), true
	}
	for n := range first {
		if !used[n] {
			return nil, fmt.Errorf("%q: value %d is lost in the translation", from, n+1)
		}
	}
	for _, verb := range p.verbs {
		if verb != 'd' && verb != 'q' {
			p.plain++
		}
	}
	for i, text := range p.from {
		p.words = append(p.words, words(text, i > 0, i < len(p.from)-1)...)
		for _, r := range text {
			if unicode.IsLetter(r) {
				p.letters++
			} else {
				p.marks++
			}
		}
	}
	return p, nil
}

func numbered(format string) bool { return strings.Contains(format, "%[") }

// open says at which end of a format something else stands.
func open(format string) (before, after bool) {
	first, _ := utf8.DecodeRuneInString(format)
	last, _ := utf8.DecodeLastRuneInString(format)
	return strings.ContainsRune(" ,;:.)", first), last == ' '
}

// split cuts a format at its verbs.
func split(format string) (texts []string, verbs []byte, order []int, err error) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		j, at := i+1, len(verbs)
		for j < len(format) && strings.IndexByte("+-# 0123456789.*", format[j]) >= 0 {
			j++
		}
		if j < len(format) && format[j] == '[' {
			end := strings.IndexByte(format[j:], ']')
			if end < 0 {
				return nil, nil, nil, fmt.Errorf("%q: a number without its end", format)
			}
			n, err := strconv.Atoi(format[j+1 : j+end])
			if err != nil || n < 1 {
				return nil, nil, nil, fmt.Errorf("%q: no number of a value", format)
			}
			at, j = n-1, j+end+1
		}
		if j == len(format) {
			return nil, nil, nil, fmt.Errorf("%q ends in %%", format)
		}
		if format[j] == '%' {
			b.WriteByte('%')
		} else {
			texts, verbs, order = append(texts, b.String()), append(verbs, format[j]), append(order, at)
			b.Reset()
		}
		i = j
	}
	return append(texts, b.String()), verbs, order, nil
}

// words are the words of a text; one that touches a value may be a part of one.
func words(text string, before, after bool) []string {
	var out []string
	at := 0
	for at < len(text) {
		for at < len(text) && !letter(text[at]) {
			at++
		}
		begin := at
		for at < len(text) && letter(text[at]) {
			at++
		}
		if begin < at && (begin > 0 || !before) && (at < len(text) || !after) {
			out = append(out, text[begin:at])
		}
	}
	return out
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 }

// match finds the values of a text that was made of the format.
func (p *pattern) match(text string, fits func(value string, n int) bool) ([]string, bool) {
	if len(text) < len(p.from[0]) || text[:len(p.from[0])] != p.from[0] || !strings.HasSuffix(text, p.from[len(p.from)-1]) {
		return nil, false
	}
	values := make([]string, len(p.verbs))
	tries := 200
	var from func(n int, rest string) bool
	from = func(n int, rest string) bool {
		if n == len(p.verbs) {
			return rest == ""
		}
		next := p.from[n+1]
		if n == len(p.verbs)-1 {
			if !strings.HasSuffix(rest, next) || !fits(rest[:len(rest)-len(next)], n) {
				return false
			}
			values[n] = rest[:len(rest)-len(next)]
			return true
		}
		if next == "" && n+2 <= len(p.verbs) { // two values side by side: the second begins with a blank or a mark, or says nothing
			next = p.from[n+2]
			for at := 0; tries > 0; tries-- {
				i := strings.Index(rest[at:], next)
				if n+2 == len(p.verbs) {
					i = len(rest) - len(next) - at
				}
				if i < 0 || !strings.HasPrefix(rest[at+i:], next) {
					return false
				}
				both := rest[:at+i]
				cut := strings.IndexAny(both, " ,;:(\n")
				if quoted, err := strconv.QuotedPrefix(both); err == nil && p.verbs[n] == 'q' {
					cut = len(quoted)
				}
				if cut < 0 {
					cut = len(both)
				}
				values[n], values[n+1] = both[:cut], both[cut:]
				if fits(values[n], n) && fits(values[n+1], n+1) && from(n+2, rest[at+i+len(next):]) {
					return true
				}
				if at += i + 1; n+2 == len(p.verbs) || at > len(rest) {
					return false
				}
			}
			return false
		}
		for at := 0; tries > 0; {
			tries--
			i := strings.Index(rest[at:], next)
			if i < 0 {
				return false
			}
			values[n] = rest[:at+i]
			if fits(values[n], n) && from(n+1, rest[at+i+len(next):]) {
				return true
			}
			at += i + 1
		}
		return false
	}
	if !from(0, text[len(p.from[0]):]) {
		return nil, false
	}
	said := map[int]string{}
	for i, v := range values {
		if before, twice := said[p.number[i]]; twice && before != v {
			return nil, false
		}
		said[p.number[i]] = v
	}
	return values, true
}

// fill puts values into the translation. Where a value is a text of ours, and
// not a name, a word before it may be elided.
func (p *pattern) fill(values []finding, elided func(before, value string) string) string {
	var b strings.Builder
	for i, text := range p.to {
		if i == len(p.order) {
			b.WriteString(text)
			break
		}
		v := values[p.order[i]]
		if v.ok {
			text = elided(text, v.to)
		}
		b.WriteString(text + v.to)
	}
	return b.String()
}
