// Package hold is the verb `hold`: a service, how it starts with the machine,
// or a setting of the product is held at a value for a while, and gets back the one that it had. What had the
// wanted value already is left alone, then and afterwards. A hold that outlives
// its run is in the register of holds for as long.
//
// It may import the model, internal/step, internal/probe, internal/service,
// internal/step/service, internal/step/record/setting, internal/step/run/child
// and its own sub-package.
package hold

import (
	"context"
	"encoding/json"
	"fmt"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/hold/register"
	"upkeep/internal/step/record/setting"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/service"
)

// Handler carries out `hold` steps: those that begin a hold, and those that
// end one.
type Handler struct {
	control  service.Control
	settings setting.Settings
}

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(r child.Runner, c service.Control) *Handler {
	return &Handler{c, setting.Settings{Run: r, Probes: c.Probes}}
}

// memo is what is held, as it was before the hold; in a step that ends a hold
// it is that hold's.
type memo struct {
	register.Values
	None  bool    `json:"none,omitempty"`  // the hold that is to be ended was never begun, or is no more
	Entry *change `json:"entry,omitempty"` // of the register; nil where it stays as it is
}

// target is what can be held.
type target interface {
	// hold gives it the value of the hold.
	hold(ctx context.Context) error
	// free gives it the value that it had.
	free(ctx context.Context) error
	// is tells whether it has the value of the hold, and whether it has the one
	// from before.
	is(ctx context.Context) (held, free bool, evidence string, err error)
	// idle says that the hold changes nothing.
	idle() bool
}

func (h *Handler) target(env step.Env, s plan.Step, p *plan.HoldParams, m register.Values) (target, error) {
	switch {
	case p.Service != nil && m.Service != nil:
		return &heldService{h.control, env, *p.Service, *m.Service, reason(env, p), p.Lasts != nil}, nil
	case p.StartType != nil && m.Start != nil:
		return h.heldStart(env, p, *m.Start)
	case p.Setting != nil && m.Setting != nil:
		return &heldSetting{h.settings, env, s, *p.Setting, p.To, *m.Setting}, nil
	}
	return nil, fmt.Errorf("cannot carry out %s: what it holds is not what its memo has", s.ID)
}

// Prepare implements step.Handler.
func (h *Handler) Prepare(ctx context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.HoldParams](s)
	if err != nil {
		return nil, err
	}
	if p.Release != "" {
		raw, err := env.Recall(p.Release)
		if err != nil {
			return nil, fmt.Errorf("cannot tell what %s held: %w", p.Release, err)
		}
		if raw == nil {
			return json.Marshal(memo{None: true})
		}
		return raw, nil
	}
	if p.End != "" {
		m, err := h.leave(ctx, env, p)
		if err != nil {
			return nil, err
		}
		return json.Marshal(m)
	}
	m := memo{}
	if m.Values, err = h.now(ctx, env, p); err != nil {
		return nil, err
	}
	switch {
	case p.Target() == "":
		return nil, fmt.Errorf("cannot carry out %s: it names neither a service nor a setting", s.ID)
	case m.Setting != nil && !m.Setting.Present:
		return nil, &step.UserError{Msg: fmt.Sprintf("cannot hold the setting %s: it has no value that could be put back", p.Setting.ID), Now: "give it a value first"}
	case p.Lasts != nil:
		if m.Entry, err = h.enrol(ctx, env, s, p, m.Values); err != nil {
			return nil, err
		}
		m.None = m.Entry == nil
	}
	return json.Marshal(m)
}

// now reads what is held, or is to be.
func (h *Handler) now(ctx context.Context, env step.Env, p *plan.HoldParams) (register.Values, error) {
	v := register.Values{}
	switch {
	case p.Service != nil:
		was, err := h.control.State(ctx, env, *p.Service)
		v.Service = &was
		return v, err
	case p.StartType != nil:
		t, err := h.startTyper(env, *p.StartType)
		if err != nil {
			return v, err
		}
		was, err := t.StartType(ctx, service.Spec(env, *p.StartType))
		v.Start = &was
		return v, err
	case p.Setting != nil:
		was, err := h.settings.Read(ctx, env, *p.Setting)
		v.Setting = &was
		return v, err
	}
	return v, nil
}
