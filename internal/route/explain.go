package route

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// explain names the hops of a way, and why it passes where it does.
func (g *graph) explain(c chosen) (Way, error) {
	out := Way{Notes: c.notes}
	for i, rank := range c.way[1:] {
		r, err := g.routeOf(c.way[i], rank)
		if err != nil {
			return out, err
		}
		out.Hops = append(out.Hops, Hop{From: g.versions[c.way[i]], To: g.versions[rank], Release: g.releases[rank], Route: r})
	}
	for i := range out.Hops[:len(out.Hops)-1] {
		why, stop := c.why[c.way[i+1]]
		if !stop || !holds(g.sources[c.way[i+2]], c.way[i]) {
			var err error
			if why, err = g.because(c.way[i], c.way[i+2]); err != nil {
				return out, err
			}
		}
		out.Hops[i].Why = fmt.Sprintf("not straight from %s to %s: %s first, because %s", out.Hops[i].From, out.Hops[i+1].To, out.Hops[i].To, why)
		if r := out.Hops[i+1].Route; r != nil && r.Reference != "" {
			out.Hops[i].Why += fmt.Sprintf(" (see %s)", r.Reference)
		}
	}
	for _, text := range g.avoided() {
		out.Notes = append(out.Notes, text+"; the way does without it")
	}
	return out, nil
}

// because says why no hop leads from a version to a later one.
func (g *graph) because(from, to int) (string, error) {
	if holds(g.allowed[to], from) {
		return g.barredWhy(from, to), nil
	}
	levels, err := g.levels(to)
	if err != nil {
		return "", err
	}
	for _, l := range levels {
		if l.line.base <= from && from < l.rank {
			return fmt.Sprintf("%s requires the latest fixes of %s, and %s carries them", g.versions[to], l.route.Fixes.Required, g.versions[l.rank]), nil
		}
	}
	return fmt.Sprintf("%s can be reached only from %s", g.versions[to], orNothing(sources(g.releases[to]))), nil
}

// noteFixes says which fixes a hop's route asks for, and what came of it.
func (g *graph) noteFixes(l level, to int, choice string, others []string) string {
	f := l.route.Fixes
	var text string
	switch {
	case l.rank == 0:
		text = fmt.Sprintf("%s requires the latest fixes of %s: those at hand know none after the installed %s", g.versions[to], f.Required, g.versions[0])
	default:
		text = fmt.Sprintf("%s requires the latest fixes of %s: %s is the latest at hand", g.versions[to], f.Required, g.versions[l.rank])
	}
	text += g.passedOver(l.passed, to)
	if len(others) > 0 {
		text += "; of the other families " + strings.Join(others, ", ")
	}
	if len(f.Choose) > 1 || choice != "" {
		text += "; chosen: " + choice
		if other := slices.DeleteFunc(slices.Clone(f.Choose), func(s string) bool { return s == choice }); len(other) > 0 {
			text += " (--fixes " + strings.Join(other, " or ") + " chooses otherwise)"
		}
	}
	return text
}

// passedOver says why later fixes are not used.
func (g *graph) passedOver(ranks []int, to int) (text string) {
	for _, rank := range ranks {
		why := g.barredWhy(rank, to)
		if g.gone[rank] != "" {
			why = "withdrawn: " + g.gone[rank]
		}
		text += fmt.Sprintf("; %s is later and is not used (%s)", g.versions[rank], why)
	}
	return text
}

// noneKnown notes that the releases at hand know no fixes that a route requires,
// or none that can be used. It says whether the hop is one of those that the
// route is about.
func (g *graph) noneKnown(c *chosen, r *manifest.Route, from, to int) (bool, error) {
	taken, err := g.routeOf(from, to)
	if err != nil || taken == nil || r.Fixes.Required == "" || taken != r && (r.Via == "" || g.compare(r.Via, g.versions[from]) != 0) {
		return false, err
	}
	lines, err := g.linesOf(r, r.Fixes.Required)
	if err != nil {
		return false, err
	}
	least := ""
	if r.Via != "" {
		least = fmt.Sprintf(", %s at least", r.Via)
	}
	text := fmt.Sprintf("%s requires the latest fixes of %s%s: the releases at hand know no later ones than %s", g.versions[to], r.Fixes.Required, least, g.versions[from])
	for _, l := range lines {
		_, skipped := g.latest(l, to)
		text += g.passedOver(skipped, to)
	}
	c.notes = append(c.notes, text)
	return true, nil
}
