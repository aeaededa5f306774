// Package back is the verb `back`: a command or hooks that run only on the way
// back. On the way forward nothing happens; taking the step back carries out
// the other verb's way forward.
//
// It may import the model and internal/step.
package back

import (
	"context"
	"fmt"
	"slices"

	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Handler carries out `back` steps by the handlers of other verbs.
type Handler struct{ inner map[string]step.Handler }

var _ step.Handler = (*Handler)(nil)

// New makes the handler; inner are the verbs that may run on the way back.
func New(inner map[string]step.Handler) *Handler { return &Handler{inner} }

// turned is the step as its own verb knows it, on its way forward.
func (h *Handler) turned(env step.Env, s plan.Step) (inner step.Handler, e step.Env, t plan.Step, idle bool, err error) {
	p, err := step.Params[plan.BackParams](s)
	if err != nil {
		return nil, env, s, false, err
	}
	if inner = h.inner[p.Verb]; inner == nil {
		return nil, env, s, false, fmt.Errorf("cannot carry out %s: %q cannot run on the way back", s.ID, p.Verb)
	}
	s.Verb, s.Params, s.Undo = p.Verb, p.Params, ""
	env.Direction = step.Forward
	return inner, env, s, !slices.ContainsFunc(p.Only, env.Touched), nil
}

// Prepare implements step.Handler. What would refuse on the way back refuses
// here already.
func (h *Handler) Prepare(ctx context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	inner, e, t, _, err := h.turned(env, s)
	if err != nil {
		return nil, err
	}
	return inner.Prepare(ctx, e, t)
}

// Do implements step.Handler.
func (h *Handler) Do(context.Context, step.Env, plan.Step, step.Memo) error { return nil }

// Undo implements step.Handler.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	inner, e, t, idle, err := h.turned(env, s)
	if err != nil || idle {
		return err
	}
	return inner.Do(ctx, e, t, m)
}

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, m step.Memo) (step.Observation, error) {
	if env.Direction != step.Back {
		return step.Observation{State: step.New, Evidence: "nothing is to be done on the way forward"}, nil
	}
	inner, e, t, idle, err := h.turned(env, s)
	switch {
	case err != nil:
		return step.Observation{}, err
	case idle:
		return step.Observation{State: step.Old, Evidence: "what it would put right was not begun"}, nil
	}
	obs, err := inner.Observe(ctx, e, t, m)
	switch obs.State {
	case step.New:
		obs.State = step.Old
	case step.Old:
		obs.State = step.New
	}
	return obs, err
}
