package version

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"upkeep/internal/document/nearest"
)

// listed orders by a list that the vendor wrote: 7.1 < 7.1 SP2 < 7.5 HF6.
type listed struct {
	versions []string
	place    map[string]int // read only after Listed
}

// Listed returns the order of the given versions, written in ascending order.
// Names may contain spaces, but nothing that a range could mistake: no comma,
// no operator in front, no "*".
func Listed(versions []string) (Order, error) {
	if len(versions) == 0 {
		return Order{}, errors.New("the list of versions is empty")
	}
	l := &listed{versions: append([]string(nil), versions...), place: make(map[string]int, len(versions))}
	for i, v := range l.versions {
		if err := listable(v); err != nil {
			return Order{}, err
		}
		if _, twice := l.place[v]; twice {
			return Order{}, fmt.Errorf("version %q is listed twice", v)
		}
		l.place[v] = i
	}
	return Order{strings.Join(l.versions, " < "), l}, nil
}

func listable(v string) error {
	switch {
	case v == "":
		return errors.New("a listed version is empty")
	case len(v) > MaxLength:
		return fmt.Errorf("version %q… is longer than %d bytes", v[:16], MaxLength)
	case strings.ContainsFunc(v, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }):
		return fmt.Errorf("version %q contains a character that cannot be printed", v)
	case strings.TrimSpace(v) != v:
		return fmt.Errorf("version %q begins or ends with a space", v)
	case strings.ContainsAny(v, `/\`) || v[0] == '.':
		return fmt.Errorf("version %q cannot be listed: it becomes a file name, so no slashes and no dot in front", v)
	case strings.ContainsAny(v, ",<>*") || strings.ContainsAny(v[:1], "=!"):
		return fmt.Errorf("version %q cannot be listed: commas, < > * and a leading = or ! belong to ranges", v)
	}
	return nil
}

func (l *listed) valid(v string) error {
	if _, ok := l.place[v]; ok {
		return nil
	}
	if near := nearest.Word(v, l.versions); near != "" {
		return fmt.Errorf("version %q is not listed; the nearest known one is %q", v, near)
	}
	return fmt.Errorf("version %q is not listed; known are %q to %q", v, l.versions[0], l.versions[len(l.versions)-1])
}

func (l *listed) compare(a, b string) int { return sign(l.place[a] - l.place[b]) }
