package survey

import (
	"context"
	"fmt"

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

// Try says why a parameter's value is not right, as the vendor's probe finds. Nil
// where it is, where nothing tries it, and where the probe rests on parameters
// that have no value yet.
func (s *Surveyor) Try(ctx context.Context, p *manifest.Product, in *site.Installation, id string) error {
	try := p.Params[id].Try
	if try == nil {
		return nil
	}
	r, err := s.Resolver(p, in, plan.Facts{})
	if err != nil {
		return nil
	}
	pr, err := r.Probe(*try)
	if err != nil {
		return nil
	}
	v, err := s.Probes.For(opID).Check(ctx, *pr)
	if err == nil && !v.OK {
		err = fmt.Errorf("it reads %s, wanted is %s (%s)", v.Got, v.Want, v.Evidence)
	}
	if err != nil {
		return fmt.Errorf("%s was tried, and is not right: %w", id, err)
	}
	return nil
}

// Modes finds the access modes of a product that are on.
func (s *Surveyor) Modes(ctx context.Context, p *manifest.Product, in *site.Installation, f *plan.Facts) error {
	r, err := s.Resolver(p, in, *f)
	if err != nil {
		return err
	}
	return s.modes(ctx, r, f)
}
