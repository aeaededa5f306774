package hold

import (
	"context"
	"fmt"

	"upkeep/internal/plan"
	svc "upkeep/internal/service"
	"upkeep/internal/step"
	"upkeep/internal/step/service"
)

// heldStart is a service whose start with the machine is held.
type heldStart struct {
	m    svc.StartTyper
	spec svc.Spec
	to   string
	was  svc.StartType
}

// startTyper gives the manager of a service that starts with the machine.
func (h *Handler) startTyper(env step.Env, s plan.Service) (svc.StartTyper, error) {
	m, err := h.control.Managers(env.OpID, s)
	if err != nil {
		return nil, err
	}
	t, ok := m.(svc.StartTyper)
	if !ok {
		return nil, fmt.Errorf("cannot hold how %s starts: it does not start with the machine", s.ID)
	}
	return t, nil
}

func (h *Handler) heldStart(env step.Env, p *plan.HoldParams, was svc.StartType) (target, error) {
	m, err := h.startTyper(env, *p.StartType)
	if err != nil {
		return nil, err
	}
	return &heldStart{m, service.Spec(env, *p.StartType), p.To, was}, nil
}

func (h *heldStart) idle() bool { return h.was.Mode == h.to }

func (h *heldStart) hold(ctx context.Context) error { return h.m.SetStartType(ctx, h.spec, h.to) }

func (h *heldStart) free(ctx context.Context) error { return h.m.PutStartType(ctx, h.spec, h.was) }

func (h *heldStart) is(ctx context.Context) (held, free bool, evidence string, err error) {
	now, err := h.m.StartType(ctx, h.spec)
	if err != nil {
		return false, false, "", err
	}
	return now.Mode == h.to, now.Equal(h.was), fmt.Sprintf("%s is %s; before the hold it was %s", h.spec.ID, now.Mode, h.was.Mode), nil
}
