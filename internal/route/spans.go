package route

import (
	"sort"
	"strings"
)

// span is the ranks from low to high, both within.
type span struct{ low, high int }

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
