package route

import (
	"fmt"

	"upkeep/internal/manifest"
	"upkeep/internal/version"
)

// line is the fixes of one base that carry one family.
type line struct {
	of    string
	base  int   // rank of the base, or of the first version after it
	there bool  // the base is at hand
	ranks []int // ascending
}

func (g *graph) readLines() error {
	g.lines = map[string][]line{}
	for rank, r := range g.releases {
		if r == nil || r.Fix == nil {
			continue
		}
		if err := g.order.Valid(r.Fix.Of); err != nil {
			return fmt.Errorf("release %s is a fix of another one: %w", r.Version, err)
		}
		for _, family := range r.Fix.Families {
			g.addFix(family, r.Fix.Of, rank)
		}
	}
	return nil
}

func (g *graph) addFix(family, of string, rank int) {
	list := g.lines[family]
	// fixes of one base follow one another, mostly
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].of == of {
			list[i].ranks = append(list[i].ranks, rank)
			return
		}
	}
	base, here := g.find(of)
	g.lines[family] = append(list, line{of, base, here == 1, []int{rank}})
}

// linesOf gives the lines of a family whose base a route comes from.
func (g *graph) linesOf(r *manifest.Route, family string) ([]line, error) {
	in, err := g.spans(r.From)
	if err != nil {
		return nil, err
	}
	var parsed version.Range
	var out []line
	for _, l := range g.lines[family] {
		ok := l.there && holds(in, l.base)
		if !l.there { // older than what is installed, or not at hand
			if parsed.IsZero() {
				if parsed, err = g.order.ParseRange(r.From); err != nil {
					return nil, err
				}
			}
			if ok, err = parsed.Contains(l.of); err != nil {
				return nil, err
			}
		}
		if ok {
			out = append(out, l)
		}
	}
	return out, nil
}

// latest gives the latest fix of a line that a release may be reached from, and
// those after it that must not be used; -1 where there is none.
func (g *graph) latest(l line, to int) (rank int, skipped []int) {
	for i := len(l.ranks) - 1; i >= 0; i-- {
		switch rank := l.ranks[i]; {
		case rank >= to:
		case rank > 0 && g.gone[rank] != "", g.blockedFrom(rank, to):
			skipped = append(skipped, rank)
		default:
			return rank, skipped
		}
	}
	return -1, skipped
}

func (g *graph) blockedFrom(from, to int) bool {
	for _, b := range g.bars[to] {
		if holds(b.from, from) {
			return true
		}
	}
	return false
}

// level is what a route requires of the versions from a base on: that fix.
type level struct {
	route  *manifest.Route
	line   line
	rank   int // of the fix
	passed []int
}

// levels are the fixes that a release requires of its sources.
func (g *graph) levels(to int) ([]level, error) {
	var out []level
	for i := range g.releases[to].Routes {
		r := &g.releases[to].Routes[i]
		if r.Fixes == nil || r.Fixes.Required == "" {
			continue
		}
		lines, err := g.linesOf(r, r.Fixes.Required)
		if err != nil {
			return nil, err
		}
		least := 0
		if r.Via != "" {
			if err := g.order.Valid(r.Via); err != nil {
				return nil, err
			}
			least, _ = g.find(r.Via)
		}
		for _, l := range lines {
			if rank, skipped := g.latest(l, to); rank >= least {
				out = append(out, level{r, l, rank, skipped})
			}
		}
	}
	return out, nil
}

// withFixes lets a release be reached from the latest required fix of a base,
// and from nothing between the base and that fix.
func (g *graph) withFixes(to int, sources []span) ([]span, error) {
	levels, err := g.levels(to)
	if err != nil {
		return nil, err
	}
	for _, l := range levels {
		sources = meet(sources, g.without([]span{{l.line.base, l.rank}}))
	}
	for _, l := range levels {
		if !holds(sources, l.rank) {
			sources = append(sources, span{l.rank, l.rank})
		}
	}
	return sources, nil
}

// routeOf gives the route that a hop takes: the first that holds the version.
// A fix that a route requires stands where that route's via stands.
func (g *graph) routeOf(from, to int) (*manifest.Route, error) {
	routes := g.releases[to].Routes
	at := func(v func(version.Range) (bool, error)) (*manifest.Route, error) {
		for i := range routes {
			in, err := g.order.ParseRange(routes[i].From)
			if err != nil {
				return nil, err
			}
			if ok, err := v(in); err != nil || ok {
				return &routes[i], err
			}
		}
		return nil, nil
	}
	named := func(v string) func(version.Range) (bool, error) {
		return func(in version.Range) (bool, error) { return in.Contains(v) }
	}
	r, err := at(named(g.versions[from]))
	if err != nil || r != nil && r.Via == "" {
		return r, err
	}
	levels, err := g.levels(to)
	if err != nil {
		return nil, err
	}
	for _, l := range levels {
		if l.rank != from {
			continue
		}
		if r, err = at(named(l.route.Via)); l.route.Via == "" || err != nil || r == nil || r.Via != "" {
			return l.route, err
		}
		return r, nil
	}
	return nil, nil
}
