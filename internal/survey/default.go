package survey

import (
	"context"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// Default reads the default of one parameter, which may rest on parameters
// that the installation has given already. An empty text: it has none, or its
// probe found nothing.
func (s *Surveyor) Default(ctx context.Context, p *manifest.Product, in *site.Installation, id string) (string, error) {
	def := p.Params[id].Default
	switch {
	case def == nil:
		return "", nil
	case def.Probe == nil:
		return def.Value, nil
	}
	r, err := s.Resolver(p, in, plan.Facts{})
	if err != nil {
		return "", err
	}
	return s.read(ctx, r, *def.Probe)
}

// Modes finds the access modes of a product that are on.
func (s *Surveyor) Modes(ctx context.Context, p *manifest.Product, in *site.Installation, f *plan.Facts) error {
	r, err := s.Resolver(p, in, *f)
	if err != nil {
		return err
	}
	return s.modes(ctx, r, f)
}
