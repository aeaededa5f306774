package survey

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// places reads, for every component whose places stand in a registration,
// which ones it names.
func (s *Surveyor) places(ctx context.Context, p *manifest.Product, in *site.Installation, f *plan.Facts) error {
	r, err := s.Resolver(p, in, *f)
	if err != nil {
		return err
	}
	for _, id := range p.Order {
		at := p.Components[id].At.Probe
		if at == nil {
			continue
		}
		if f.Places == nil {
			f.Places = map[string][]string{}
		}
		pr, err := r.About(id).Probe(*at)
		if err != nil {
			return fmt.Errorf("component %s: %w", id, err)
		}
		texts, err := s.Probes.List(ctx, *pr)
		if err != nil {
			return fmt.Errorf("cannot read where %s is registered: %w", id, err)
		}
		for _, place := range texts {
			if !path.IsAbs(place) || strings.Contains(place, "${") {
				return fmt.Errorf("%s is registered at %q, which is no absolute path: correct the registration", id, place)
			}
			place = path.Clean(place)
			if slices.Contains(f.Places[id], place) {
				continue
			}
			f.Places[id] = append(f.Places[id], place)
		}
	}
	return nil
}
