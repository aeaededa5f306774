package manifest

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Need is what a component depends on: one other component (Name), possibly of
// some versions (Range), or all or any of several.
type Need struct {
	Name  string // of a component; empty where All or Any says it
	Range string // of its versions; empty: any
	All   []Need
	Any   []Need
}

// maxNeeds bounds how deep needs lie in one another.
const maxNeeds = 32

// ParseNeed reads a need: NAME, NAME RANGE, and these combined with &&, || and
// brackets, && before ||. A range holds no brackets, so it ends at one.
func ParseNeed(text string) (Need, error) {
	p := &needs{text: text}
	n, err := p.either(0)
	if err == nil && p.rest() != "" {
		err = p.unexpected("&& or ||")
	}
	if err != nil {
		return Need{}, fmt.Errorf("%q: %w", text, err)
	}
	return n, nil
}

// needs reads a text from left to right.
type needs struct {
	text string
	at   int // byte
}

func (p *needs) rest() string {
	s := strings.TrimLeftFunc(p.text[p.at:], unicode.IsSpace)
	p.at = len(p.text) - len(s)
	return s
}

func (p *needs) take(word string) bool {
	if !strings.HasPrefix(p.rest(), word) {
		return false
	}
	p.at += len(word)
	return true
}

func (p *needs) unexpected(want string) error {
	found := "the end"
	if s := p.rest(); s != "" {
		found = fmt.Sprintf("%q", strings.Fields(s)[0])
	}
	return fmt.Errorf("column %d: %s where %s should stand", 1+utf8.RuneCountInString(p.text[:p.at]), found, want)
}

func (p *needs) either(depth int) (Need, error) {
	return p.several("||", depth, p.both, func(list []Need) Need { return Need{Any: list} })
}

func (p *needs) both(depth int) (Need, error) {
	return p.several("&&", depth, p.one, func(list []Need) Need { return Need{All: list} })
}

// several reads parts with a word between them.
func (p *needs) several(word string, depth int, part func(int) (Need, error), of func([]Need) Need) (Need, error) {
	var list []Need
	for {
		n, err := part(depth)
		if err != nil {
			return n, err
		}
		if list = append(list, n); !p.take(word) {
			break
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return of(list), nil
}

func (p *needs) one(depth int) (Need, error) {
	if depth == maxNeeds {
		return Need{}, fmt.Errorf("brackets lie deeper in one another than %d", maxNeeds)
	}
	if p.take("(") {
		n, err := p.either(depth + 1)
		if err == nil && !p.take(")") {
			err = p.unexpected(")")
		}
		return n, err
	}
	s := p.rest()
	end := len(s)
	for _, stop := range []string{"&&", "||", "(", ")"} {
		if i := strings.Index(s, stop); i >= 0 {
			end = min(end, i)
		}
	}
	atom := strings.TrimSpace(s[:end])
	if atom == "" {
		return Need{}, p.unexpected("a component")
	}
	p.at += end
	name, rng := atom, ""
	if i := strings.IndexFunc(atom, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("<>=!", r) }); i >= 0 {
		name, rng = atom[:i], strings.TrimSpace(atom[i:])
	}
	if name == "" {
		p.at -= end
		return Need{}, p.unexpected("a component")
	}
	return Need{Name: name, Range: rng}, nil
}

// Each calls f for every component that the need names, in order.
func (n Need) Each(f func(name, rng string)) {
	if n.Name != "" {
		f(n.Name, n.Range)
	}
	for _, list := range [][]Need{n.All, n.Any} {
		for _, sub := range list {
			sub.Each(f)
		}
	}
}

// String writes the need as ParseNeed reads it.
func (n Need) String() string {
	switch {
	case n.Name != "":
		return strings.TrimSpace(n.Name + " " + strings.Join(strings.Fields(n.Range), " "))
	case n.All != nil:
		return joined(n.All, " && ", func(sub Need) bool { return sub.Any != nil })
	}
	return joined(n.Any, " || ", func(Need) bool { return false })
}

func joined(list []Need, with string, brackets func(Need) bool) string {
	var parts []string
	for _, sub := range list {
		text := sub.String()
		if brackets(sub) {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, with)
}
