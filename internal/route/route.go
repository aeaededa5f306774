// Package route finds the supported way from the installed version to the
// wanted one over the published releases. It is part of the model: pure, and
// importing only the standard library, package manifest and package version.
package route

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/version"
)

// Hop is one edge of a route.
type Hop struct {
	From    string
	To      string
	Release *manifest.Release
	Why     string // why the way passes here; empty for the last hop
}

// NoRouteError says that no supported way exists, and what does.
type NoRouteError struct {
	From, To string
	Reached  []string // versions that can be reached from From
	Needs    []string // the sources that To supports
}

func (e *NoRouteError) Error() string {
	msg := fmt.Sprintf("there is no supported way from %s to %s: %s can be reached from %s", e.From, e.To, e.To, orNothing(e.Needs))
	if len(e.Reached) > 0 {
		msg += fmt.Sprintf(", and from %s the releases at hand lead to %s", e.From, some(e.Reached))
	}
	return msg
}

// some lists a few of many.
func some(list []string) string {
	const enough = 8
	if len(list) <= enough {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d others", strings.Join(list[:enough], ", "), len(list)-enough)
}

func orNothing(s []string) string {
	if len(s) == 0 {
		return "nothing"
	}
	return strings.Join(s, " or ")
}

// Find gives the way with the fewest hops; among those of equal length the
// one whose first hop leads furthest, then the second, and so on. From must
// not be later than to. Releases may be in any order; of two that are of
// equal version the first counts.
func Find(order version.Order, releases []*manifest.Release, from, to string) ([]Hop, error) {
	c, err := order.Compare(from, to)
	if err != nil {
		return nil, err
	}
	if c == 0 {
		return nil, nil
	}
	if c > 0 {
		return nil, fmt.Errorf("%s is older than the installed %s: Upkeep does not downgrade; to go back to a restore point use upkeep back", to, from)
	}
	g, err := build(order, releases, from, to)
	if err != nil {
		return nil, err
	}
	way := g.shortest()
	if way == nil {
		return nil, g.noRoute(from, to)
	}
	return g.explain(way), nil
}

// explain names the hops of a way, and why it passes where it does.
func (g *graph) explain(way []int) []Hop {
	var hops []Hop
	for i, rank := range way[1:] {
		hops = append(hops, Hop{From: g.versions[way[i]], To: g.versions[rank], Release: g.releases[rank]})
	}
	for i := range hops[:len(hops)-1] {
		next := hops[i+1]
		hops[i].Why = fmt.Sprintf("not straight from %s to %s: %s can be reached only from %s", hops[i].From, next.To, next.To, orNothing(sources(next.Release)))
	}
	return hops
}

func sources(r *manifest.Release) []string {
	var out []string
	for _, route := range r.Routes {
		if route.Via != "" {
			out = append(out, fmt.Sprintf("%s (via %s)", route.From, route.Via))
			continue
		}
		out = append(out, route.From)
	}
	return out
}

func (g *graph) noRoute(from, to string) error {
	e := &NoRouteError{From: from, To: to, Needs: sources(g.releases[len(g.versions)-1])}
	for _, rank := range slices.Backward(g.reached()) {
		e.Reached = append(e.Reached, g.versions[rank])
	}
	return e
}
