package plan

import (
	"slices"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/route"
)

// selected says whether the run upgrades a unit.
func (b *builder) selected(id string) bool {
	return b.in.Units == nil || slices.Contains(b.in.Units, id)
}

// takesPart says whether the hop in the making upgrades a unit: one that is
// further than the others joins where their versions meet.
func (b *builder) takesPart(id string) bool {
	return b.selected(id) && (b.n == 0 || b.n >= b.joins(id))
}

// joins gives the hop that is a unit's first.
func (b *builder) joins(id string) int {
	if b.in.Facts.Instances[id].New {
		return b.brought(id)
	}
	last := b.in.Hops[len(b.in.Hops)-1]
	v := b.in.Facts.Instances[id].Version
	if v == "" || last.Return != nil || !b.res.Product.Components[id].Independent || !leads(b.res, id, last.Release) {
		return 1
	}
	order, err := OrderOf(last.Product)
	if err != nil {
		return 1
	}
	for i, h := range b.in.Hops {
		if c, err := order.Compare(v, h.Release.Version); err != nil || c < 0 {
			return i + 1
		}
	}
	return len(b.in.Hops) + 1
}

// refuseStarts refuses units whose own version the way does not pass.
func (b *builder) refuseStarts() {
	for _, id := range b.res.Product.Order {
		v, n := b.in.Facts.Instances[id].Version, b.joins(id)
		if !b.selected(id) || n > len(b.in.Hops) || v == "" || v == b.plan.Hops[n-1].From || !leads(b.res, id, b.in.Hops[n-1].Release) {
			continue
		}
		h := b.in.Hops[n-1]
		order, err := OrderOf(h.Product)
		if !b.check(err) || !b.res.Product.Components[id].Independent || h.Return != nil {
			continue
		}
		holds := func(_ *manifest.Release, w *manifest.When) (bool, error) { return b.when(w, h) }
		if !route.Leads(order, h.Release, route.Wish{From: v, Holds: holds}) {
			b.refuse("%s is on %s, from which the way of the others (%s to %s) does not lead on: upgrade it by itself first, with --only %s", id, v, b.plan.Hops[n-1].From, h.Release.Version, id)
		}
	}
}

// refusePlaces refuses trees that cannot be exchanged one by one: two names of
// one folder, or one inside another. A product may lay out its own places so;
// those that a site lists or registers are checked.
func (b *builder) refusePlaces() {
	type tree struct{ unit, at string }
	var trees []tree
	given := map[string]bool{}
	for _, id := range b.res.Product.Order {
		c := b.res.Product.Components[id]
		if at, ok := b.place(id, c); ok && c.Kind == "tree" {
			if real := b.in.Facts.Instances[id].Real; real != "" {
				at = real
			}
			trees = append(trees, tree{id, at})
			given[id] = len(b.in.Site.Instances[ComponentOf(id)]) > 0 || b.res.Raw.Components[ComponentOf(id)].At.Probe != nil
		}
	}
	for i, x := range trees {
		for _, y := range trees[:i] {
			switch {
			case !given[x.unit] && !given[y.unit], !b.selected(x.unit) && !b.selected(y.unit):
			case x.at == y.at:
				b.refuse("%s and %s are one folder, %s: correct where they are registered or listed", y.unit, x.unit, x.at)
			case strings.HasPrefix(x.at, y.at+"/"):
				b.refuse("%s (%s) lies inside %s (%s), and would go where its old files go: move one of them", x.unit, x.at, y.unit, y.at)
			case strings.HasPrefix(y.at, x.at+"/"):
				b.refuse("%s (%s) lies inside %s (%s), and would go where its old files go: move one of them", y.unit, y.at, x.unit, x.at)
			}
		}
	}
}
