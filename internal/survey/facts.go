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
		if pr.Source == "drift" {
			s.driftFact(ctx, r, id, pr, f)
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

// driftFacts reads what a product wants to know of customised databases, once
// the installed version is known, with whose standard they are compared. What
// cannot be told is no fault of the survey: whatever rests on it says so.
func (s *Surveyor) driftFacts(ctx context.Context, p *manifest.Product, in *site.Installation, f *plan.Facts) error {
	if s.Installed != nil && f.Installed == "" {
		f.Installed, _ = s.Installed(p, *f) // without it the probe says that it cannot tell
	}
	var r *plan.Resolver
	for id, pr := range p.Facts {
		if _, known := f.Values[id]; known || f.Unread[id] != "" || pr.Source != "drift" {
			continue
		}
		if r == nil {
			var err error
			if r, err = s.Resolver(p, in, *f); err != nil {
				return err
			}
		}
		s.driftFact(ctx, r, id, pr, f)
	}
	return nil
}

func (s *Surveyor) driftFact(ctx context.Context, r *plan.Resolver, id string, pr manifest.Probe, f *plan.Facts) {
	v, err := s.read(ctx, r, pr)
	if err != nil {
		f.Unread[id] = err.Error()
		return
	}
	f.Values[id] = v
}
