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
		msg += fmt.Sprintf(", and from %s the releases at hand lead to %s", e.From, strings.Join(e.Reached, ", "))
	}
	return msg
}

func orNothing(s []string) string {
	if len(s) == 0 {
		return "nothing"
	}
	return strings.Join(s, " or ")
}

// Find gives the way with the fewest hops; among those of equal length the
// one with the latest versions. From must not be later than to. Releases may
// be in any order.
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
	sorted, err := between(order, releases, from, to)
	if err != nil {
		return nil, err
	}
	// breadth first from the installed version; later versions first, so that
	// the first way found is the wanted one
	came := map[string]string{from: ""}
	queue := []string{from}
	for len(queue) > 0 && came[to] == "" {
		at := queue[0]
		queue = queue[1:]
		for _, r := range sorted {
			if _, seen := came[r.Version]; seen {
				continue
			}
			ok, err := direct(order, r, at)
			if err != nil {
				return nil, err
			}
			if ok {
				came[r.Version] = at
				queue = append(queue, r.Version)
			}
		}
	}
	if _, ok := came[to]; !ok {
		return nil, noRoute(sorted, came, from, to)
	}
	return explain(order, sorted, came, from, to)
}

// between keeps the releases later than from and not later than to, latest
// first.
func between(order version.Order, releases []*manifest.Release, from, to string) ([]*manifest.Release, error) {
	var out []*manifest.Release
	for _, r := range releases {
		low, err := order.Compare(r.Version, from)
		if err != nil {
			return nil, err
		}
		high, err := order.Compare(r.Version, to)
		if err != nil {
			return nil, err
		}
		if low > 0 && high <= 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *manifest.Release) int {
		c, _ := order.Compare(b.Version, a.Version) // both were compared above
		return c
	})
	return out, nil
}

// direct says whether the release can be reached from that version in one
// hop. A route with via leads through another version, so it is no edge.
func direct(order version.Order, r *manifest.Release, at string) (bool, error) {
	for _, route := range r.Routes {
		in, err := order.ParseRange(route.From)
		if err != nil {
			return false, fmt.Errorf("release %s: %w", r.Version, err)
		}
		ok, err := in.Contains(at)
		if err != nil {
			return false, fmt.Errorf("release %s: %w", r.Version, err)
		}
		if ok && route.Via == "" {
			return true, nil
		}
		if ok {
			// a required stop outranks a wider range further down
			return false, nil
		}
	}
	return false, nil
}

func explain(order version.Order, sorted []*manifest.Release, came map[string]string, from, to string) ([]Hop, error) {
	byVersion := map[string]*manifest.Release{}
	for _, r := range sorted {
		byVersion[r.Version] = r
	}
	var hops []Hop
	for at := to; at != from; at = came[at] {
		hops = append(hops, Hop{From: came[at], To: at, Release: byVersion[at]})
	}
	slices.Reverse(hops)
	for i := range hops[:len(hops)-1] {
		next := hops[i+1]
		hops[i].Why = fmt.Sprintf("not straight from %s to %s: %s can be reached only from %s", hops[i].From, next.To, next.To, orNothing(sources(next.Release)))
	}
	return hops, nil
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

func noRoute(sorted []*manifest.Release, came map[string]string, from, to string) error {
	e := &NoRouteError{From: from, To: to}
	for _, r := range sorted {
		if r.Version == to {
			e.Needs = sources(r)
		}
		if _, ok := came[r.Version]; ok {
			e.Reached = append(e.Reached, r.Version)
		}
	}
	if e.Needs == nil {
		return fmt.Errorf("release %s is not among those at hand; fetch its bundle and name its folder with --from", to)
	}
	return e
}
