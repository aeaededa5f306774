package manage

import (
	"slices"
	"strings"

	"upkeep/internal/plan"
	"upkeep/internal/version"
)

// addition says whether a release adds to its own version: one of its routes
// is from that version itself, as that of a bundle is which brings an
// extension or another model. It is wanted where an instance does not read the
// version that it brings.
func addition(order version.Order, r Release, f plan.Facts) bool {
	self := false
	for _, way := range r.Release.Routes {
		from := strings.TrimSpace(strings.TrimLeft(way.From, "= "))
		c, err := order.Compare(from, r.Release.Version)
		self = self || err == nil && c == 0 && way.Via == ""
	}
	if !self {
		return false
	}
	chosen := r.Product.Chosen
	for component, want := range r.Release.Versions {
		if chosen != nil && !slices.Contains(chosen.Components, component) {
			continue
		}
		there := false
		for unit, fact := range f.Instances {
			if there = there || plan.ComponentOf(unit) == component; plan.ComponentOf(unit) == component && fact.Version != want {
				return true
			}
		}
		if !there {
			return true
		}
	}
	return false
}
