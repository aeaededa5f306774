package plan

import (
	"fmt"
	"maps"
	"slices"

	"upkeep/internal/manifest"
)

// refuseLater refuses what the documents ask for and this Upkeep does not do
// yet: passing over a wish in silence could break a promise.
func (b *builder) refuseLater() {
	s := b.in.Site
	notYet := func(what string) { b.check(&NotYetError{What: what, Where: s.Pos}) }
	if len(s.Nodes) > 1 {
		notYet("an installation on several nodes")
	}
	defer b.use(b.in.Installed)
	for _, h := range b.in.Hops {
		b.use(h.Product)
		for _, id := range slices.Sorted(maps.Keys(h.Product.Backups)) {
			if k := h.Product.Backups[id]; k.Place != "" && (k.Make == nil || k.Make.Verb != "tell") {
				b.check(&NotYetError{What: fmt.Sprintf("backup %s in a place of its own", id), Where: k.Pos})
			}
		}
		for _, id := range b.res.Product.Order {
			b.componentLater(id, b.res.Product.Components[id], h)
		}
	}
}

// applies says whether a condition holds; one that cannot be told is refused.
func (b *builder) applies(w *manifest.When, h HopInput) bool {
	ok, err := b.when(w, h)
	return b.check(err) && ok
}

func (b *builder) componentLater(id string, c manifest.Component, h HopInput) {
	chosen := b.res.Raw.Chosen
	switch {
	case chosen != nil && !b.in.First && c.Kind != "" && c.Kind != "tree" && slices.Contains(chosen.Fresh, ComponentOf(id)) && b.in.Facts.Instances[id].Version == "":
		b.check(&NotYetError{What: fmt.Sprintf("adding component %s of kind %s, which a feature brings, to an installed product (trees, and components without a kind, can be added)", id, c.Kind), Where: c.Pos})
	case c.Migrates != "":
		if h.Return == nil {
			b.unreviewable(id, c, h, "a start of the product")
			b.refuseAtStart(id, c, h)
		}
	}
}
