package route

import "slices"

// shortest gives the ranks of the way from one version to a later one; nil when
// there is none. Distances are measured back from the later version, each
// version once; then the way goes forward, each hop as far as it can.
func (g *graph) shortest(sources [][]span, from, to int) []int {
	if from == to {
		return []int{from}
	}
	far := make([]int, to+1) // hops to the later version; -1: not known
	next := make([]int, to+2)
	for i := range far {
		far[i], next[i] = -1, i
	}
	next[to+1] = to + 1
	// unknown is the first rank from i on whose distance is not known
	unknown := func(i int) int {
		for next[i] != i {
			next[i] = next[next[i]]
			i = next[i]
		}
		return i
	}
	at := [][]int{{to}} // ranks by distance
	far[to], next[to] = 0, to+1
	for d := 0; d < len(at) && far[from] < 0; d++ {
		var found []int
		for _, rank := range at[d] {
			for _, s := range sources[rank] {
				for i := unknown(max(s.low, from)); i <= s.high; i = unknown(i) {
					far[i], next[i] = d+1, i+1
					found = append(found, i)
				}
			}
		}
		if len(found) > 0 {
			at = append(at, found)
		}
	}
	if far[from] < 0 {
		return nil
	}
	way := []int{from}
	for d := far[from] - 1; d >= 0; d-- {
		best := -1
		for _, rank := range at[d] {
			if rank > best && holds(sources[rank], way[len(way)-1]) {
				best = rank
			}
		}
		way = append(way, best)
	}
	return way
}

// holds says whether a rank is in one of the spans.
func holds(list []span, rank int) bool {
	return slices.ContainsFunc(list, func(s span) bool { return s.low <= rank && rank <= s.high })
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
