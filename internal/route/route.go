// Package route finds the supported way from the installed version to the
// wanted one over the published releases. It is part of the model: pure, and
// importing only the standard library, package manifest and package version.
package route

import (
	"upkeep/internal/manifest"
	"upkeep/internal/version"
)

// Wish is what a way is looked for.
type Wish struct {
	From, To string
	// Fixes is what the operator chooses of the families of fixes:
	// manifest.AllLatest, manifest.Pick, or nothing: what the route offers first.
	Fixes string
	// Picks are the fixes that she picks beside what is required.
	Picks []string
	// Holds says whether the condition of a blocked way holds here. It must be
	// pure: the same for the same condition. Nil: nobody can tell, and every way
	// that is blocked under a condition counts as blocked.
	Holds func(*manifest.Release, *manifest.When) (bool, error)
}

// Way leads from version to version.
type Way struct {
	Hops  []Hop
	Notes []string // which fixes are passed, what is not used, and why
}

// Hop is one edge of a way.
type Hop struct {
	From    string
	To      string
	Release *manifest.Release
	Route   *manifest.Route // the release's route that is taken
	Why     string          // why the way passes here; empty for the last hop
}

// Find gives the way with the fewest hops; among those of equal length the
// one whose first hop leads furthest, then the second, and so on. It never
// passes a release that is withdrawn nor a hop that is blocked. From must not
// be later than To. Releases may be in any order; of two that are of equal
// version the first counts, and it is withdrawn if any of them says so.
func Find(order version.Order, releases []*manifest.Release, w Wish) (Way, error) {
	c, err := order.Compare(w.From, w.To)
	switch {
	case err != nil:
		return Way{}, err
	case c == 0:
		return Way{}, nil
	case c > 0:
		return Way{}, &OlderError{From: w.From, To: w.To}
	}
	g, err := build(order, releases, w)
	if err != nil {
		return Way{}, err
	}
	last := len(g.versions) - 1
	if g.gone[last] != "" {
		return Way{}, &WithdrawnError{Version: w.To, Reason: g.gone[last]}
	}
	way := g.shortest(g.sources, 0, last)
	if way == nil {
		return Way{}, g.noRoute(w)
	}
	over, err := g.choose(way, w)
	if err != nil {
		return Way{}, err
	}
	return g.explain(over)
}

// Leads says whether one hop leads from a version to a release.
func Leads(order version.Order, r *manifest.Release, w Wish) bool {
	w.To = r.Version
	_, err := Find(order, []*manifest.Release{r}, w)
	return err == nil
}
