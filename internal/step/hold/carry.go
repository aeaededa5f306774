package hold

import (
	"context"
	"encoding/json"
	"fmt"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// work is what a step does. Without a target nothing is changed but the
// register.
type work struct {
	target target
	ends   bool // it ends a hold
	entry  *change
}

// was and is are the bytes of the entry before the step and after it.
func (w *work) was() []byte {
	if w.entry == nil {
		return nil
	}
	return w.entry.Was
}

func (w *work) is() []byte {
	if w.entry == nil {
		return nil
	}
	return w.entry.Is
}

// read gives what a step does; nil where that is nothing.
func (h *Handler) read(env step.Env, s plan.Step, raw step.Memo) (*work, error) {
	p, err := step.Params[plan.HoldParams](s)
	if err != nil {
		return nil, err
	}
	var m memo
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("cannot read the memo of %s: %w", s.ID, err)
	}
	if m.None {
		return nil, nil
	}
	w := &work{ends: p.Release != "" || p.End != "", entry: m.Entry}
	switch {
	case p.End != "" && m.Entry == nil:
		return nil, fmt.Errorf("cannot carry out %s: its memo does not say what it ends", s.ID)
	case p.End != "" && m.Entry.Back == nil:
		return w, nil
	}
	if w.target, err = h.target(env, s, p, m.Values); err != nil {
		return nil, err
	}
	if p.End != "" {
		to, err := h.target(env, s, p, *m.Entry.Back)
		w.target = both{w.target, to}
		return w, err
	}
	if m.Entry == nil && w.target.idle() {
		return nil, nil
	}
	return w, nil
}

// begin holds: the register has it before anything is changed.
func (h *Handler) begin(ctx context.Context, env step.Env, w *work, entry []byte) error {
	if w.entry != nil {
		if err := h.put(env, w.entry, entry); err != nil {
			return err
		}
	}
	if w.target == nil {
		return nil
	}
	return w.target.hold(ctx)
}

// end gives back: the register has the hold until that is done.
func (h *Handler) end(ctx context.Context, env step.Env, w *work, entry []byte) error {
	if w.target != nil {
		if err := w.target.free(ctx); err != nil {
			return err
		}
	}
	if w.entry == nil {
		return nil
	}
	return h.put(env, w.entry, entry)
}

// Do implements step.Handler.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	w, err := h.read(env, s, raw)
	switch {
	case err != nil:
		return err
	case w == nil:
		child.Log(env, "%s: there is nothing to change", s.ID)
		return nil
	case w.ends:
		return h.end(ctx, env, w, w.is())
	}
	return h.begin(ctx, env, w, w.is())
}

// Undo implements step.Handler.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	w, err := h.read(env, s, raw)
	switch {
	case err != nil || w == nil:
		return err
	case w.ends:
		return h.begin(ctx, env, w, w.was())
	}
	return h.end(ctx, env, w, w.was())
}

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	w, err := h.read(env, s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	if w == nil {
		o := step.Observation{State: step.New, Evidence: "it had that value before: there is nothing to change"}
		if env.Direction == step.Back {
			o.State = step.Old
		}
		return o, nil
	}
	held, free, why := true, true, "there is nothing to give back"
	if w.target != nil {
		if held, free, why, err = w.target.is(ctx); err != nil {
			return step.Observation{}, err
		}
	}
	before, after := free, held
	if w.ends {
		before, after = held, free
	}
	if w.entry != nil {
		was, is, err := h.entry(env, w.entry)
		if err != nil {
			return step.Observation{}, err
		}
		if before, after = before && was, after && is; !is && !was {
			why += "; the register of holds says something else"
		}
	}
	o := step.Observation{State: step.Mixed, Evidence: why}
	switch {
	case after:
		o.State = step.New
	case before:
		o.State = step.Old
	}
	return o, nil
}
