package manage

import (
	"context"
	"fmt"
	"time"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// StartServices starts the product's services in their order, and waits for
// each until it is ready.
func (in *Installation) StartServices(ctx context.Context, p *manifest.Product) error {
	return in.eachService(ctx, p, func(s plan.Service) error {
		if err := in.services.Start(ctx, s); err != nil {
			return err
		}
		if s.Ready == nil {
			return nil
		}
		_, err := in.probes.Until(ctx, *s.Ready, 2, probeEvery, s.StartTimeout)
		return err
	}, false)
}

// StopServices stops the product's services, last first.
func (in *Installation) StopServices(ctx context.Context, p *manifest.Product) error {
	return in.eachService(ctx, p, func(s plan.Service) error { return in.services.Stop(ctx, s) }, true)
}

func (in *Installation) eachService(ctx context.Context, p *manifest.Product, f func(plan.Service) error, reverse bool) error {
	s := in.surveyor()
	r, err := s.Placed(ctx, p, in.Doc)
	if err != nil {
		return err
	}
	services := r.Product.Services
	for i := range services {
		sv := services[i]
		if reverse {
			sv = services[len(services)-1-i]
		}
		spec, err := r.Service(sv)
		if err != nil {
			return err
		}
		if err := f(*spec); err != nil {
			return fmt.Errorf("service %s: %w", sv.ID, err)
		}
	}
	return nil
}

// probeEvery is the pause between two looks at a service that starts.
const probeEvery = 25 * time.Millisecond
