package plan

import (
	"maps"
	"slices"

	"upkeep/internal/manifest"
)

// waivers takes down what is waived on this way: what the command says counts
// more than what the installation document says. A waiver of the document that
// is for nothing here may be for another release, or mistyped: it is said.
func (b *builder) waivers() {
	in, p := b.in, b.plan
	known := []string{"backup"}
	for _, h := range in.Hops {
		for _, c := range h.Release.Checks {
			known = append(known, c.ID)
		}
	}
	p.Waivers = map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(in.Site.Waivers)) {
		w := in.Site.Waivers[id]
		switch {
		case !w.Counts(in.Facts.Today):
			b.note("the waiver of %s by %s ended on %s", id, w.By, w.Until)
			continue
		case !slices.Contains(known, id):
			b.note("the waiver of %s by %s is for no check on the way to %s: %s", id, w.By, p.To, manifest.Meant(id, known))
		}
		p.Waivers[id] = w.String()
	}
	for _, id := range slices.Sorted(maps.Keys(in.Waivers)) {
		if p.Waivers[id] = in.Waivers[id]; !slices.Contains(known, id) {
			b.refuse("there is no check %q to be waived on the way to %s: %s", id, p.To, manifest.Meant(id, known))
		}
	}
}
