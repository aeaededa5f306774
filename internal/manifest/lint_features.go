package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// relations checks what a component depends on, and what it does not go with.
func (l *linter) relations(id string, c Component, components []string) {
	needed := map[string]bool{}
	read := func(word, text string) (Need, bool) {
		n, err := ParseNeed(text)
		if err != nil {
			l.errorf(c.Pos, "bad-need", "write NAME, NAME >= VERSION, or several with && and ||", "%s of component %s: %s", word, id, err)
			return n, false
		}
		n.Each(func(name, rng string) {
			l.known(c.Pos, "unknown-component", "component", name, components)
			if rng != "" && !l.readable(rng) {
				l.errorf(c.Pos, "bad-range", "write NAME, or NAME >= VERSION", "component %s %s %q, which is no range", id, word, text)
			}
		})
		return n, true
	}
	for _, text := range c.Depends {
		n, ok := read("depends on", text)
		if !ok {
			continue
		}
		n.surely(func(name string) {
			needed[name] = true
			if name == id {
				l.errorf(c.Pos, "cyclic-depends", "", "component %s depends on itself", id)
			}
		})
	}
	for _, text := range c.Conflicts {
		n, ok := read("conflicts with", text)
		switch {
		case !ok:
		case n.Name == "":
			l.errorf(c.Pos, "bad-need", "list them one by one", "component %s conflicts with %q: a conflict is with one component", id, text)
		case n.Name == id || needed[n.Name] && n.Range == "":
			l.errorf(c.Pos, "contradiction", "", "component %s conflicts with %s and needs it", id, n.Name)
		}
	}
}

// surely calls f for what is needed whatever alternatives are taken.
func (n Need) surely(f func(name string)) {
	if n.Name != "" {
		f(n.Name)
	}
	for _, sub := range n.All {
		sub.surely(f)
	}
}

// dependsCycle looks for a component that leads back to itself.
func (l *linter) dependsCycle() {
	const seen, open = 1, 2
	state := map[string]int{}
	var visit func(id string, path []string)
	visit = func(id string, path []string) {
		switch state[id] {
		case open:
			from := slices.Index(path, id)
			if len(path)-from > 1 { // a component that needs itself is reported as such
				l.errorf(l.p.Components[id].Pos, "cyclic-depends", "", "components depend on one another in a circle: %s", strings.Join(append(path[from:], id), " → "))
			}
			return
		case seen:
			return
		}
		state[id] = open
		for _, text := range l.p.Components[id].Depends {
			if n, err := ParseNeed(text); err == nil {
				n.surely(func(other string) { visit(other, append(path, id)) })
			}
		}
		state[id] = seen
	}
	for _, id := range l.p.Order {
		visit(id, nil)
	}
}

// group checks a group of features.
func (l *linter) group(g Group) {
	mandatory, defaults := 0, 0
	for _, id := range g.Order {
		f := g.Of[id]
		if f.Mandatory {
			mandatory++
		}
		if f.Default {
			defaults++
		}
	}
	switch {
	case g.Choose == "one" && mandatory > 1:
		l.errorf(g.Pos, "contradiction", "", "group %q is a choice of one and has %d mandatory features", g.Group, mandatory)
	case g.Choose == "one" && defaults > 1:
		l.errorf(g.Pos, "contradiction", "", "group %q is a choice of one and has %d defaults", g.Group, defaults)
	}
	l.each(g.Of, g.Order)
}

// each checks features and those below them.
func (l *linter) each(of map[string]Feature, order []string) {
	for _, id := range order {
		f := of[id]
		if f.Hidden && !f.Mandatory && f.Auto == nil && !f.Default {
			l.errorf(f.Pos, "never-chosen", "say mandatory: true, or auto: CONDITION", "feature %s is hidden, and nothing ever chooses it", id)
		}
		if f.Auto != nil {
			l.when(*f.Auto)
			if why := shifting(f.Auto); why != "" {
				l.errorf(f.Pos, "bad-condition", "a feature can choose itself by present, param, mode and trigger, and by all and any of these", "feature %s chooses itself by %s, which more choices could make untrue, or which is not known then", id, why)
			}
		}
		for _, old := range f.Replaces {
			if slices.Contains(l.features(), old) {
				l.errorf(f.Pos, "contradiction", "", "feature %s replaces %s, which is a feature", id, old)
			}
		}
		l.each(f.Of, f.Order)
	}
}

// shifting names what may not stand in the condition of a feature that chooses
// itself: what is chosen must not depend on the order in which it is found out.
func shifting(w *When) string {
	switch {
	case w.Not != nil:
		return "not"
	case w.Fact != "":
		return fmt.Sprintf("the fact %s", w.Fact)
	case w.Crosses != "":
		return "crosses"
	}
	for _, list := range [][]When{w.All, w.Any} {
		for i := range list {
			if why := shifting(&list[i]); why != "" {
				return why
			}
		}
	}
	return ""
}
