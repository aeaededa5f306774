package route

import (
	"cmp"
	"fmt"
	"slices"

	"upkeep/internal/manifest"
	"upkeep/internal/version"
)

// graph holds the versions from the installed to the wanted one by rank, in
// ascending order. All ranges are read once and become spans of ranks, so
// that ten thousand releases are no burden.
type graph struct {
	order    version.Order
	versions []string            // by rank; 0 is the installed one
	releases []*manifest.Release // by rank; at 0 where the installed one's is at hand
	rank     map[string]int      // of a version as written
	sources  [][]span            // by rank: from where a release is reached in one hop
	allowed  [][]span            // the same if nothing were withdrawn or blocked
	gone     []string            // by rank: why the release is withdrawn
	bars     [][]bar             // by rank: what blocks hops to the release
	lines    map[string][]line   // fixes by family
	barred   bool                // anything is withdrawn or blocked
}

// build keeps the installed release and those after it, up to the wanted one.
func build(order version.Order, releases []*manifest.Release, w Wish) (*graph, error) {
	var between []*manifest.Release
	g := &graph{order: order, versions: []string{w.From}, releases: []*manifest.Release{nil}, gone: []string{""}, rank: map[string]int{w.From: 0}}
	for _, r := range releases {
		low, err := order.Compare(r.Version, w.From)
		if err != nil {
			return nil, err
		}
		if low == 0 && g.releases[0] == nil {
			g.releases[0] = r
		}
		if low <= 0 {
			continue
		}
		high, err := order.Compare(r.Version, w.To)
		if err != nil {
			return nil, err
		}
		if high <= 0 {
			between = append(between, r)
		}
	}
	compare := func(a, b string) int { c, _ := order.Compare(a, b); return c } // all were compared above
	for _, r := range ascending(between, compare) {
		last := len(g.versions) - 1
		if compare(g.versions[last], r.Version) < 0 {
			last++
			g.rank[r.Version] = last
			g.versions, g.releases, g.gone = append(g.versions, r.Version), append(g.releases, r), append(g.gone, "")
		}
		// one document that withdraws the version is enough
		if r.Withdrawn != "" {
			g.gone[last], g.barred = r.Withdrawn, true
		}
	}
	if last := g.versions[len(g.versions)-1]; compare(last, w.To) != 0 {
		return nil, fmt.Errorf("release %s is not among those at hand; fetch its bundle and name its folder with --from", w.To)
	}
	if err := g.readBars(w); err != nil {
		return nil, err
	}
	if err := g.readLines(); err != nil {
		return nil, err
	}
	return g, g.readRanges()
}

// ascending sorts releases; those of equal version stay as they were given.
// They are sorted by the numbers in them first, which is cheap and mostly
// right, so that the true order has little left to compare.
func ascending(releases []*manifest.Release, compare func(a, b string) int) []*manifest.Release {
	type item struct {
		*manifest.Release
		given   int
		numbers []int
	}
	items := make([]item, len(releases))
	for i, r := range releases {
		items[i] = item{r, i, numbers(r.Version)}
	}
	slices.SortFunc(items, func(a, b item) int { return slices.Compare(a.numbers, b.numbers) })
	slices.SortFunc(items, func(a, b item) int { return cmp.Or(compare(a.Version, b.Version), a.given-b.given) })
	out := make([]*manifest.Release, len(items))
	for i, x := range items {
		out[i] = x.Release
	}
	return out
}

// numbers gives the numbers in a version: 3, 1, 4 of v3.1-rc4.
func numbers(v string) []int {
	var out []int
	digit := false
	for _, c := range v {
		was := digit
		digit = '0' <= c && c <= '9'
		switch {
		case digit && was:
			out[len(out)-1] = 10*out[len(out)-1] + int(c-'0')
		case digit:
			out = append(out, int(c-'0'))
		}
	}
	return out
}

// readRanges finds, for every release, the versions that reach it in one hop.
// The first route that holds a version decides: a via outranks a wider range
// further down, and is no edge itself, since it leads through another version.
func (g *graph) readRanges() error {
	g.allowed, g.sources = make([][]span, len(g.versions)), make([][]span, len(g.versions))
	for rank := 1; rank < len(g.versions); rank++ {
		r := g.releases[rank]
		var found []span
		open, fixes := []span{{0, rank - 1}}, false
		for i := 0; i < len(r.Routes) && len(open) > 0; i++ {
			in, err := g.spans(r.Routes[i].From)
			if err != nil {
				return fmt.Errorf("release %s: %w", r.Version, err)
			}
			if r.Routes[i].Via == "" {
				found = append(found, meet(open, in)...)
			}
			open, fixes = meet(open, g.without(in)), fixes || r.Routes[i].Fixes != nil
		}
		if fixes {
			var err error
			if found, err = g.withFixes(rank, found); err != nil {
				return fmt.Errorf("release %s: %w", r.Version, err)
			}
		}
		g.allowed[rank] = found
		if g.gone[rank] == "" {
			g.sources[rank] = g.unbarred(rank, found)
		}
	}
	return nil
}
