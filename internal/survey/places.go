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

// Placed gives the resolver of a product document with the places of its units,
// and nothing else read.
func (s *Surveyor) Placed(ctx context.Context, p *manifest.Product, in *site.Installation) (*plan.Resolver, error) {
	var f plan.Facts
	for _, id := range p.Order {
		if p.Components[id].At.Probe == nil || f.Places != nil {
			continue
		}
		f.Defaults = map[string]string{}
		if err := s.defaults(ctx, p, in, &f); err != nil {
			return nil, err
		}
		if err := s.places(ctx, p, in, &f); err != nil {
			return nil, err
		}
	}
	return s.Resolver(p, in, f)
}

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
				f.Remarks = append(f.Remarks, fmt.Sprintf("%s is registered twice at %s: it is one instance", id, place))
				continue
			}
			f.Places[id] = append(f.Places[id], place)
		}
	}
	return nil
}

// registrations compares what is registered with what is expected: the
// instances that the site lists, and the components whose services run.
func registrations(r *plan.Resolver, in *site.Installation, f plan.Facts) (out []string) {
	say := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	for _, id := range r.Raw.Order {
		if r.Raw.Components[id].At.Probe == nil {
			continue
		}
		var listed []string
		for _, l := range in.Instances[id] {
			at, err := r.Scope.Expand(l.At)
			if at = path.Clean(at); err == nil && l.At != "" {
				listed = append(listed, at)
			}
			if err == nil && l.At != "" && !slices.Contains(f.Places[id], at) {
				say("%s at %s is expected (the installation document lists it), but it is not registered", id, at)
			}
		}
		for _, at := range f.Places[id] {
			if len(listed) > 0 && !slices.Contains(listed, at) {
				say("%s at %s is registered, but the installation document does not list it", id, at)
			}
		}
		if len(r.UnitsOf(id)) > 0 {
			continue
		}
		text := fmt.Sprintf("%s is registered nowhere on this computer, and nothing of it is upgraded", id)
		for _, sv := range r.Raw.Services {
			if slices.Contains(sv.Of, id) && f.Services[sv.ID] {
				text += fmt.Sprintf("; service %s, which serves it, runs: register it", sv.ID)
			}
		}
		out = append(out, text)
	}
	return out
}
