package plan

import (
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// stopped says that the product has services and none of them runs: nobody
// writes, and nobody answers.
func (b *builder) stopped() bool {
	any := false
	for _, s := range b.res.Product.Services {
		if !b.concerned(s) {
			continue
		}
		any = true
		if running, known := b.in.Facts.Services[s.ID]; running || !known {
			return false
		}
	}
	return any
}

// refuseStopped refuses to upgrade a product that does not run where the new
// version could be verified only by asking it: what was stopped stays stopped.
func (b *builder) refuseStopped() {
	if !b.stopped() {
		return
	}
	for _, h := range b.in.Hops {
		var what []string
		for _, id := range h.Product.Order {
			if c := h.Product.Components[id]; c.Version != nil && asks(*c.Version) {
				what = append(what, "the version of "+id)
			}
		}
		for _, s := range h.Release.Procedure.Phases[manifest.Verify].Steps {
			if slices.ContainsFunc(s.Verify, asks) || s.Probe != nil && asks(*s.Probe) {
				what = append(what, "what the vendor wants verified")
			}
		}
		if len(what) > 0 {
			b.refuse("none of the product's services runs, and %s is verified by asking it (%s): start the product first", h.Release.Version, strings.Join(what, ", "))
		}
	}
}
