package route

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// chosen is a way with the fixes that the operator wants passed beside those
// that are required.
type chosen struct {
	way   []int
	why   map[int]string // of the stops that only the choice makes
	notes []string
}

// choose leads a way over the fixes that are chosen for its hops.
func (g *graph) choose(way []int, w Wish) (chosen, error) {
	c := chosen{way: []int{0}, why: map[int]string{}}
	picked := map[int]bool{}
	asked := false
	for _, to := range way[1:] {
		from := c.way[len(c.way)-1]
		c.way = append(c.way, to)
		for i := range g.releases[to].Routes {
			r := &g.releases[to].Routes[i]
			if r.Fixes == nil {
				continue
			}
			concerns, err := g.passes(&c, w, r, from, to, picked)
			if err != nil {
				return c, err
			}
			asked = asked || concerns
		}
	}
	for _, p := range w.Picks {
		if at, here := g.find(p); g.order.Valid(p) != nil || here == 0 || !picked[at] {
			return c, fmt.Errorf("%s cannot be picked: it is no fix at hand that the way from %s to %s asks for", p, w.From, w.To)
		}
	}
	if w.Fixes != "" && !asked {
		c.notes = append(c.notes, "no fixes are to be chosen on this way: --fixes makes no difference")
	}
	return c, nil
}

// passes takes up what the fixes of a route say of a hop that stands last in the
// way. It says whether the hop is one of those that they are about.
func (g *graph) passes(c *chosen, w Wish, r *manifest.Route, from, to int, picked map[int]bool) (bool, error) {
	lines := map[string][]line{} // by family
	var of string                // the base that the hop comes from
	for _, family := range r.Fixes.Families {
		list, err := g.linesOf(r, family)
		if err != nil {
			return false, err
		}
		for _, l := range list {
			if g.from(l, from) && (of == "" || g.compare(of, l.of) < 0) {
				of = l.of
			}
		}
		lines[family] = list
	}
	if of == "" {
		return g.noneKnown(c, r, from, to)
	}
	choice, err := w.choice(r.Fixes, g.versions[to])
	if err != nil {
		return true, err
	}
	stops, others := map[int]string{}, []string(nil)
	for _, family := range r.Fixes.Families {
		i := slices.IndexFunc(lines[family], func(l line) bool { return g.compare(l.of, of) == 0 })
		if i < 0 {
			continue
		}
		l := lines[family][i]
		if rank, _ := g.latest(l, to); choice == manifest.AllLatest && rank > 0 && family != r.Fixes.Required && stops[rank] == "" {
			stops[rank] = fmt.Sprintf("the latest fixes of every family are chosen, and %s carries those of %s", g.versions[rank], family)
			others = append(others, fmt.Sprintf("%s (%s)", g.versions[rank], family))
		}
		for _, p := range w.Picks {
			if at, here := g.find(p); here == 1 && g.order.Valid(p) == nil && slices.Contains(l.ranks, at) {
				stops[at], picked[at] = g.versions[at]+" was picked", true
				others = append(others, fmt.Sprintf("%s (%s)", g.versions[at], family))
			}
		}
	}
	if err := g.over(c, stops, of, to, len(w.Picks) > 0); err != nil {
		return true, err
	}
	levels, err := g.levels(to)
	if err != nil {
		return true, err
	}
	for _, l := range levels {
		if l.route == r && g.compare(l.line.of, of) == 0 {
			c.notes = append(c.notes, g.noteFixes(l, to, choice, others))
			return true, nil
		}
	}
	return g.noneKnown(c, r, from, to)
}

func (g *graph) compare(a, b string) int {
	c, _ := g.order.Compare(a, b) // both stand in ranges or releases that were read
	return c
}

// from says whether a version is the base of a line or one of its fixes. Of an
// installed version whose document is not at hand its place in the order tells.
func (g *graph) from(l line, rank int) bool {
	r := g.releases[rank]
	switch {
	case r != nil && r.Fix != nil:
		return g.compare(r.Fix.Of, l.of) == 0
	case rank > 0 || r != nil:
		return g.compare(g.versions[rank], l.of) == 0
	}
	return g.compare(l.of, g.versions[0]) <= 0
}

// choice is what counts of the choices that a route offers.
func (w Wish) choice(f *manifest.Fixes, to string) (string, error) {
	choice := w.Fixes
	if choice == "" && len(w.Picks) > 0 {
		choice = manifest.Pick
	}
	switch {
	case choice == "" && len(f.Choose) == 0:
		return manifest.AllLatest, nil
	case choice == "":
		return f.Choose[0], nil
	case len(f.Choose) > 0 && !slices.Contains(f.Choose, choice):
		return "", fmt.Errorf("the fixes before %s cannot be chosen by %s: its vendor offers %s", to, choice, strings.Join(f.Choose, " and "))
	}
	return choice, nil
}

// over leads the end of the way, as far back as it is in one line of fixes, over
// the stops.
func (g *graph) over(c *chosen, stops map[int]string, of string, to int, must bool) error {
	if len(stops) == 0 {
		return nil
	}
	start := len(c.way) - 2
	for start > 0 && g.from(line{of: of}, c.way[start-1]) {
		start--
	}
	part := []int{c.way[start]}
	for _, stop := range slices.Sorted(maps.Keys(stops)) {
		at := part[len(part)-1]
		if stop <= at {
			continue
		}
		way := g.shortest(g.sources, at, stop)
		if way == nil || g.shortest(g.sources, stop, to) == nil {
			text := fmt.Sprintf("%s is left out: no way leads over it from %s to %s", g.versions[stop], g.versions[at], g.versions[to])
			if must {
				return fmt.Errorf("%s", strings.Replace(text, "is left out", "cannot be picked", 1))
			}
			c.notes = append(c.notes, text)
			continue
		}
		part = append(part, way[1:]...)
		c.why[stop] = stops[stop]
	}
	part = append(part, g.shortest(g.sources, part[len(part)-1], to)[1:]...)
	c.way = append(c.way[:start], part...)
	return nil
}
