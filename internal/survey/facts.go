package survey

import (
	"context"
	"fmt"
	"maps"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// Facts adds the facts that a condition of a release rests on, and that were not
// read yet: the release's own, and those that only its product document has.
func (s *Surveyor) Facts(ctx context.Context, p *manifest.Product, rel *manifest.Release, in *site.Installation, f plan.Facts, w manifest.When) (plan.Facts, error) {
	named := map[string]manifest.Probe{}
	collect(w, p, rel, named)
	r, err := s.Resolver(p, in, f)
	if err != nil {
		return f, err
	}
	f.Values = maps.Clone(f.Values)
	for id, pr := range named {
		if _, known := f.Values[id]; known {
			continue
		}
		if f.Values[id], err = s.read(ctx, r, pr); err != nil {
			return f, fmt.Errorf("cannot read the fact %s: %w", id, err)
		}
	}
	return f, nil
}

// collect finds the probes of the facts that a condition names.
func collect(w manifest.When, p *manifest.Product, rel *manifest.Release, named map[string]manifest.Probe) {
	if pr, ok := p.Facts[w.Fact]; ok {
		named[w.Fact] = pr
	}
	if pr, ok := rel.Facts[w.Fact]; ok {
		named[w.Fact] = pr
	}
	for _, list := range [][]manifest.When{w.All, w.Any} {
		for _, sub := range list {
			collect(sub, p, rel, named)
		}
	}
	if w.Not != nil {
		collect(*w.Not, p, rel, named)
	}
}

// releaseFacts reads the facts that a release has beside its product's.
func (s *Surveyor) releaseFacts(ctx context.Context, r *plan.Resolver, rel *manifest.Release, f *plan.Facts) error {
	for id, pr := range rel.Facts {
		if _, known := f.Values[id]; known {
			continue
		}
		v, err := s.read(ctx, r, pr)
		if err != nil {
			return fmt.Errorf("cannot read the fact %s: %w", id, err)
		}
		f.Values[id] = v
	}
	return nil
}
