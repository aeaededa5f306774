package route

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/version"
)

// graph holds the versions from the installed to the wanted one by rank, in
// ascending order. All ranges are read once and become spans of ranks, so
// that ten thousand releases are no burden.
type graph struct {
	order    version.Order
	versions []string            // by rank; 0 is the installed one
	releases []*manifest.Release // by rank; none at 0
	rank     map[string]int      // of a version as written
	sources  [][]span            // by rank: from where a release is reached in one hop
}

// span is the ranks from low to high, both within.
type span struct{ low, high int }

// build keeps the releases later than from and not later than to.
func build(order version.Order, releases []*manifest.Release, from, to string) (*graph, error) {
	var between []*manifest.Release
	for _, r := range releases {
		low, err := order.Compare(r.Version, from)
		if err != nil {
			return nil, err
		}
		if low <= 0 {
			continue
		}
		high, err := order.Compare(r.Version, to)
		if err != nil {
			return nil, err
		}
		if high <= 0 {
			between = append(between, r)
		}
	}
	compare := func(a, b string) int { c, _ := order.Compare(a, b); return c } // all were compared above
	between = ascending(between, compare)
	g := &graph{order: order, versions: []string{from}, releases: []*manifest.Release{nil}, rank: map[string]int{from: 0}}
	for _, r := range between {
		if last := len(g.versions) - 1; compare(g.versions[last], r.Version) < 0 {
			g.rank[r.Version] = len(g.versions)
			g.versions, g.releases = append(g.versions, r.Version), append(g.releases, r)
		}
	}
	if last := g.versions[len(g.versions)-1]; compare(last, to) != 0 {
		return nil, fmt.Errorf("release %s is not among those at hand; fetch its bundle and name its folder with --from", to)
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
	g.sources = make([][]span, len(g.versions))
	for rank, r := range g.releases {
		open := []span{{0, rank - 1}}
		for i := 0; r != nil && i < len(r.Routes) && len(open) > 0; i++ {
			in, err := g.spans(r.Routes[i].From)
			if err != nil {
				return fmt.Errorf("release %s: %w", r.Version, err)
			}
			if r.Routes[i].Via == "" {
				g.sources[rank] = append(g.sources[rank], meet(open, in)...)
			}
			open = meet(open, g.without(in))
		}
	}
	return nil
}

// spans gives the ranks of the versions in a range.
func (g *graph) spans(text string) ([]span, error) {
	r, err := g.order.ParseRange(text)
	if err != nil {
		return nil, err
	}
	all := []span{{0, len(g.versions) - 1}}
	if r.String() == "*" {
		return all, nil
	}
	// the canonical spelling: terms of operator and version between commas
	for term := range strings.SplitSeq(r.String(), ", ") {
		i := strings.IndexFunc(term, func(c rune) bool { return !strings.ContainsRune("<>=!", c) })
		at, here := g.find(strings.TrimSpace(term[i:]))
		same := []span{{at, at + here - 1}} // empty when no release has that version
		switch term[:i] {
		case ">=":
			all = meet(all, []span{{at, len(g.versions) - 1}})
		case ">":
			all = meet(all, []span{{at + here, len(g.versions) - 1}})
		case "<=":
			all = meet(all, []span{{0, at + here - 1}})
		case "<":
			all = meet(all, []span{{0, at - 1}})
		case "!=":
			all = meet(all, g.without(same))
		default:
			all = meet(all, same)
		}
	}
	return all, nil
}

// find gives the first rank that is not below a version, and whether it is
// that version (1) or a later one (0).
func (g *graph) find(v string) (at, here int) {
	if at, ok := g.rank[v]; ok {
		return at, 1
	}
	compare := func(i int) int { c, _ := g.order.Compare(g.versions[i], v); return c } // a range that could be read holds versions
	at = sort.Search(len(g.versions), func(i int) bool { return compare(i) >= 0 })
	if at < len(g.versions) && compare(at) == 0 {
		here = 1
	}
	return at, here
}

// meet gives what both lists hold. Lists are ascending and do not overlap.
func meet(a, b []span) []span {
	var out []span
	for _, x := range a {
		for _, y := range b {
			if low, high := max(x.low, y.low), min(x.high, y.high); low <= high {
				out = append(out, span{low, high})
			}
		}
	}
	return out
}

// without gives all ranks but those.
func (g *graph) without(list []span) []span {
	var out []span
	low := 0
	for _, s := range list {
		if s.low > s.high {
			continue
		}
		if low < s.low {
			out = append(out, span{low, s.low - 1})
		}
		low = s.high + 1
	}
	if low < len(g.versions) {
		out = append(out, span{low, len(g.versions) - 1})
	}
	return out
}

// shortest gives the ranks of the way from the first to the last; nil when
// there is none. Distances are measured back from the wanted version, each
// version once; then the way goes forward, each hop as far as it can.
func (g *graph) shortest() []int {
	n := len(g.versions)
	far := make([]int, n) // hops to the wanted version; -1: not known
	next := make([]int, n+1)
	for i := range far {
		far[i], next[i] = -1, i
	}
	next[n] = n
	// unknown is the first rank from i on whose distance is not known
	unknown := func(i int) int {
		for next[i] != i {
			next[i] = next[next[i]]
			i = next[i]
		}
		return i
	}
	at := [][]int{{n - 1}} // ranks by distance
	far[n-1], next[n-1] = 0, n
	for d := 0; d < len(at) && far[0] < 0; d++ {
		var found []int
		for _, rank := range at[d] {
			for _, s := range g.sources[rank] {
				for i := unknown(s.low); i <= s.high; i = unknown(i) {
					far[i], next[i] = d+1, i+1
					found = append(found, i)
				}
			}
		}
		if len(found) > 0 {
			at = append(at, found)
		}
	}
	if far[0] < 0 {
		return nil
	}
	way := []int{0}
	for d := far[0] - 1; d >= 0; d-- {
		best := -1
		for _, rank := range at[d] {
			if rank > best && g.direct(way[len(way)-1], rank) {
				best = rank
			}
		}
		way = append(way, best)
	}
	return way
}

// direct says whether one hop leads from a version to a later one.
func (g *graph) direct(from, to int) bool {
	return slices.ContainsFunc(g.sources[to], func(s span) bool { return s.low <= from && from <= s.high })
}

// reached gives the ranks that the installed version leads to.
func (g *graph) reached() []int {
	count := make([]int, len(g.versions)+1) // of reached ranks below i
	count[1] = 1
	var out []int
	for rank := 1; rank < len(g.versions); rank++ {
		count[rank+1] = count[rank]
		if slices.ContainsFunc(g.sources[rank], func(s span) bool { return count[s.high+1] > count[s.low] }) {
			count[rank+1]++
			out = append(out, rank)
		}
	}
	return out
}
