package route

import (
	"fmt"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/version"
)

// bar blocks the hops from some versions to a release.
type bar struct {
	from   []span
	reason string
}

// readBars finds what is blocked. A condition that cannot be told counts as one
// that holds: whoever cannot be sure does not go there.
func (g *graph) readBars(w Wish) error {
	g.bars = make([][]bar, len(g.versions))
	for rank := 1; rank < len(g.versions); rank++ {
		r := g.releases[rank]
		for i := range r.Blocked {
			b := &r.Blocked[i]
			reason, blocked := w.blocks(r, b)
			if !blocked {
				continue
			}
			in, err := g.spans(b.From)
			if err != nil {
				return fmt.Errorf("release %s: %w", r.Version, err)
			}
			if in = meet(in, []span{{0, rank - 1}}); len(in) > 0 {
				g.bars[rank], g.barred = append(g.bars[rank], bar{in, reason}), true
			}
		}
	}
	return nil
}

// blocks says whether a blocked way of a release is blocked here, and why.
func (w Wish) blocks(r *manifest.Release, b *manifest.Block) (reason string, blocked bool) {
	if b.When == nil {
		return b.Reason, true
	}
	err := fmt.Errorf("nobody can tell")
	if w.Holds != nil {
		var ok bool
		if ok, err = w.Holds(r, b.When); err == nil {
			return fmt.Sprintf("%s (this is so %s)", b.Reason, Where(*b.When)), ok
		}
	}
	return fmt.Sprintf("%s (this would be so %s, which cannot be told, so it counts as blocked: %v)", b.Reason, Where(*b.When), err), true
}

// Barred says why a release must not be installed on a version, whatever its
// routes say; empty where nothing forbids it.
func Barred(order version.Order, r *manifest.Release, w Wish) (string, error) {
	if r.Withdrawn != "" {
		return (&WithdrawnError{Version: r.Version, Reason: r.Withdrawn}).Error(), nil
	}
	for i := range r.Blocked {
		in, err := order.ParseRange(r.Blocked[i].From)
		if err != nil {
			return "", fmt.Errorf("release %s: %w", r.Version, err)
		}
		ok, err := in.Contains(w.From)
		if err != nil {
			return "", err
		}
		if reason, blocked := w.blocks(r, &r.Blocked[i]); ok && blocked {
			return fmt.Sprintf("the way from %s to %s is blocked: %s", w.From, r.Version, reason), nil
		}
	}
	return "", nil
}

// unbarred takes away what is blocked.
func (g *graph) unbarred(rank int, list []span) []span {
	for _, b := range g.bars[rank] {
		list = meet(list, g.without(b.from))
	}
	return list
}

// barredWhy says why a hop that would be allowed must not be taken; empty where
// nothing forbids it.
func (g *graph) barredWhy(from, to int) string {
	if g.gone[to] != "" {
		return fmt.Sprintf("%s is withdrawn: %s", g.versions[to], g.gone[to])
	}
	for _, b := range g.bars[to] {
		if holds(b.from, from) {
			return fmt.Sprintf("the way from %s to %s is blocked: %s", g.versions[from], g.versions[to], b.reason)
		}
	}
	return ""
}

// avoided says what stands in the way that would be taken if nothing were
// withdrawn or blocked.
func (g *graph) avoided() (why []string) {
	if !g.barred {
		return nil
	}
	way := g.shortest(g.allowed, 0, len(g.versions)-1)
	for i := 1; i < len(way); i++ {
		if text := g.barredWhy(way[i-1], way[i]); text != "" {
			why = append(why, text)
		}
	}
	return why
}

// Where puts a condition into words that follow what is so under it.
func Where(w manifest.When) string {
	value := func(what, id string) string {
		if w.Is != "" {
			return fmt.Sprintf("where %s %s is %s", what, id, w.Is)
		}
		return fmt.Sprintf("where %s %s holds", what, id)
	}
	switch {
	case w.Param != "":
		return value("the parameter", w.Param)
	case w.Fact != "":
		return value("the fact", w.Fact)
	case w.Crosses != "":
		return "where the way crosses " + w.Crosses
	case w.Trigger != "":
		return "in a run that " + w.Trigger + " starts"
	case w.Mode != "":
		return "in an " + w.Mode
	case w.Present != "":
		return "where " + w.Present + " is there"
	case w.Not != nil:
		return "not " + Where(*w.Not)
	}
	list, word := w.All, " and "
	if len(w.Any) > 0 {
		list, word = w.Any, " or "
	}
	var all []string
	for _, sub := range list {
		all = append(all, Where(sub))
	}
	return strings.Join(all, word)
}
