// Package hold is the verb `hold`: a service, how it starts with the machine,
// or a setting of the product is held at a value for a while, and gets back the one that it had. What had the
// wanted value already is left alone, then and afterwards.
//
// It may import the model, internal/step, internal/probe, internal/service,
// internal/step/service, internal/step/record/setting and
// internal/step/run/child.
package hold

import (
	"context"
	"encoding/json"
	"fmt"

	"upkeep/internal/plan"
	svc "upkeep/internal/service"
	"upkeep/internal/step"
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
	Service *service.State `json:"service,omitempty"`
	Setting *setting.Value `json:"setting,omitempty"`
	Start   *svc.StartType `json:"start,omitempty"`
	None    bool           `json:"none,omitempty"` // the hold that is to be ended was never begun
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

func (h *Handler) target(env step.Env, s plan.Step, p *plan.HoldParams, m memo) (target, error) {
	switch {
	case p.Service != nil && m.Service != nil:
		return &heldService{h.control, env, *p.Service, *m.Service}, nil
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
	m := memo{}
	switch {
	case p.Service != nil:
		was, err := h.control.State(ctx, env, *p.Service)
		if err != nil {
			return nil, err
		}
		m.Service = &was
	case p.StartType != nil:
		t, err := h.startTyper(env, *p.StartType)
		if err != nil {
			return nil, err
		}
		was, err := t.StartType(ctx, service.Spec(env, *p.StartType))
		if err != nil {
			return nil, err
		}
		m.Start = &was
	case p.Setting != nil:
		was, err := h.settings.Read(ctx, env, *p.Setting)
		if err != nil {
			return nil, err
		}
		if !was.Present {
			return nil, &step.UserError{Msg: fmt.Sprintf("cannot hold the setting %s: it has no value that could be put back", p.Setting.ID), Now: "give it a value first"}
		}
		m.Setting = &was
	default:
		return nil, fmt.Errorf("cannot carry out %s: it names neither a service nor a setting", s.ID)
	}
	return json.Marshal(m)
}

// read gives the target, and whether this step ends a hold; a nil target has
// nothing to be done.
func (h *Handler) read(env step.Env, s plan.Step, raw step.Memo) (target, bool, error) {
	p, err := step.Params[plan.HoldParams](s)
	if err != nil {
		return nil, false, err
	}
	var m memo
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, false, fmt.Errorf("cannot read the memo of %s: %w", s.ID, err)
	}
	if m.None {
		return nil, true, nil
	}
	t, err := h.target(env, s, p, m)
	if err != nil || t.idle() {
		return nil, p.Release != "", err
	}
	return t, p.Release != "", nil
}

// Do implements step.Handler.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	t, ends, err := h.read(env, s, raw)
	switch {
	case err != nil:
		return err
	case t == nil:
		child.Log(env, "%s: there is nothing to change", s.ID)
		return nil
	case ends:
		return t.free(ctx)
	}
	return t.hold(ctx)
}

// Undo implements step.Handler.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	t, ends, err := h.read(env, s, raw)
	switch {
	case err != nil || t == nil:
		return err
	case ends:
		return t.hold(ctx)
	}
	return t.free(ctx)
}

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	t, ends, err := h.read(env, s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	if t == nil {
		o := step.Observation{State: step.New, Evidence: "it had that value before: there is nothing to change"}
		if env.Direction == step.Back {
			o.State = step.Old
		}
		return o, nil
	}
	held, free, why, err := t.is(ctx)
	if err != nil {
		return step.Observation{}, err
	}
	before, after := free, held
	if ends {
		before, after = held, free
	}
	switch {
	case after:
		return step.Observation{State: step.New, Evidence: why}, nil
	case before:
		return step.Observation{State: step.Old, Evidence: why}, nil
	}
	return step.Observation{State: step.Mixed, Evidence: why}, nil
}
