// Package access is the verb `access`: it keeps users out by a mode of the
// product's own (a marker file, a page parked under a second name, commands)
// or by Upkeep's gate, and lets them in again.
//
// A step either enters a mode, or ends the one that another step entered. A
// mode that was on before is left on afterwards: Upkeep did not switch it on.
// Where the manifest can show it, a write must be refused before the mode
// counts as on.
//
// It may import the model, internal/step, internal/durable, internal/gate,
// internal/probe and internal/step/run/child.
package access

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"upkeep/internal/gate"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Gate closes ports to everybody but Upkeep; *gate.Gate does.
type Gate interface {
	Up(ctx context.Context, s gate.Spec) error
	Down(ctx context.Context, name string) error
	State(ctx context.Context, name string) (gate.State, error)
}

// Handler carries out `access` steps.
type Handler struct {
	run    child.Runner
	probes *probe.Evaluator
	gate   Gate
	outage func(run string) time.Duration
}

var _ step.Handler = (*Handler)(nil)

// New makes the handler. The runner's file system is the one that markers are
// written through; the gate may be nil where there is none.
func New(r child.Runner, p *probe.Evaluator, g Gate) *Handler {
	return &Handler{run: r, probes: p, gate: g}
}

// Expecting tells users when the outage is expected to end, where it gives how long
// a run's takes; 0: that is not known.
func (h *Handler) Expecting(outage func(run string) time.Duration) *Handler {
	h.outage = outage
	return h
}

// ends is when the outage that begins now is expected to end.
func (h *Handler) ends(run string, p *plan.AccessParams) time.Time {
	span := time.Duration(0)
	switch {
	case p.Reopen != "" || p.Gate == nil && p.Page == nil: // nobody is told
	case p.Gate != nil && p.Gate.Expect > 0:
		span = p.Gate.Expect
	case h.outage != nil:
		span = h.outage(run)
	}
	if span <= 0 {
		return time.Time{}
	}
	return time.Now().Add(span).Round(time.Second)
}

// memo is how the mode was before, and what an ending step ends.
type memo struct {
	On      bool            `json:"on"`                // it was on before
	Names   map[string]bool `json:"names,omitempty"`   // marker, aliases and parked page: which were there
	Ends    time.Time       `json:"ends,omitzero"`     // when the outage is expected to end
	Entered *memo           `json:"entered,omitempty"` // the memo of the step that entered the mode
}

// mode is one way to keep users out.
type mode interface {
	// look tells whether users are kept out. It changes nothing.
	look(ctx context.Context) (on bool, evidence string, err error)
	// enter and leave are idempotent and durable.
	enter(ctx context.Context, m *memo) error
	leave(ctx context.Context) error
	// remember adds to the memo what restore needs; it changes nothing.
	remember(m *memo) error
	// restore makes a mode that was off exactly as it was.
	restore(ctx context.Context, m *memo) error
	// unlike says what differs between what is there and a mode that is off as
	// the memo says, or on as enter makes it; empty when nothing does.
	unlike(ctx context.Context, m *memo, on bool) (string, error)
}

func (h *Handler) mode(env step.Env, s plan.Step, p *plan.AccessParams) (mode, error) {
	switch {
	case p.Gate != nil && h.gate == nil:
		return nil, fmt.Errorf("cannot carry out %s: this engine has no gate", s.ID)
	case p.Gate != nil:
		return &closed{h.gate, p}, nil
	case len(p.Enter) > 0:
		return &commands{h.run, h.probes, env, s, p}, nil
	case p.Marker != "":
		return &markers{h.run.FS, p}, nil
	}
	return nil, fmt.Errorf("cannot carry out %s: the mode %s has neither a marker nor commands nor a gate", s.ID, p.Mode)
}

// Prepare implements step.Handler.
func (h *Handler) Prepare(ctx context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.AccessParams](s)
	if err != nil {
		return nil, err
	}
	md, err := h.mode(env, s, p)
	if err != nil {
		return nil, err
	}
	m := memo{Ends: h.ends(env.Run, p)}
	if m.On, _, err = md.look(ctx); err != nil {
		return nil, err
	}
	if err := md.remember(&m); err != nil {
		return nil, err
	}
	if p.Reopen != "" {
		raw, err := env.Recall(p.Reopen)
		if err != nil {
			return nil, fmt.Errorf("cannot tell what %s switched on: %w", p.Reopen, err)
		}
		if raw != nil {
			m.Entered = &memo{}
			if err := json.Unmarshal(raw, m.Entered); err != nil {
				return nil, fmt.Errorf("cannot read the memo of %s: %w", p.Reopen, err)
			}
		}
	}
	return json.Marshal(m)
}

// read gives all that a call needs.
func (h *Handler) read(env step.Env, s plan.Step, raw step.Memo) (*plan.AccessParams, mode, *memo, error) {
	p, err := step.Params[plan.AccessParams](s)
	if err != nil {
		return nil, nil, nil, err
	}
	m := &memo{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, nil, nil, fmt.Errorf("cannot read the memo of %s: %w", s.ID, err)
	}
	md, err := h.mode(env, s, p)
	return p, md, m, err
}

// ours says that the mode which an ending step ends was switched on by this
// run. What was on before, or was never entered, is not ours to end. Upkeep's
// gate is always ours.
func (m *memo) ours(p *plan.AccessParams) bool {
	return p.Gate != nil || m.Entered != nil && !m.Entered.On
}

// Do implements step.Handler.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, md, m, err := h.read(env, s, raw)
	if err != nil {
		return err
	}
	if p.Reopen == "" {
		if m.On {
			child.Log(env, "%s mode was on before; it stays on after the run", p.Mode)
		}
		return h.enter(ctx, env, s, p, md, m)
	}
	if !m.ours(p) {
		child.Log(env, "%s mode was not switched on by this run; it is left as it is", p.Mode)
		return nil
	}
	return md.leave(ctx)
}

// enter switches the mode on and shows, where it can, that it holds.
func (h *Handler) enter(ctx context.Context, env step.Env, s plan.Step, p *plan.AccessParams, md mode, m *memo) error {
	if err := md.enter(ctx, m); err != nil {
		return err
	}
	if p.Refused == nil {
		return nil
	}
	limit := refusing
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end))
	}
	child.Progress(env, step.Progress{Line: "waiting until a write is refused"})
	if _, err := h.probes.For(env.OpID).Until(ctx, *p.Refused, 1, 50*time.Millisecond, limit); err != nil {
		return &step.UserError{Msg: "cannot " + s.Title + ": it is switched on, but a write is not refused", Err: err,
			Now: "find out what still writes; a backup made now could be torn"}
	}
	return nil
}

// refusing is how long a mode may take until it refuses writes.
const refusing = time.Minute

// Undo implements step.Handler.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, md, m, err := h.read(env, s, raw)
	switch {
	case err != nil:
		return err
	case p.Reopen != "" && !m.ours(p):
		return nil
	case p.Reopen != "" && p.Gate != nil:
		return md.enter(ctx, m)
	case p.Reopen != "":
		return h.enter(ctx, env, s, p, md, m.Entered)
	case m.On && p.Gate == nil:
		return md.enter(ctx, m) // it was on: it is on again, if somebody switched it off
	}
	return md.restore(ctx, m)
}

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	p, md, m, err := h.read(env, s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	on, why, err := md.look(ctx)
	if err != nil {
		return step.Observation{}, err
	}
	o := step.Observation{State: step.Old, Evidence: why}
	back := env.Direction == step.Back
	switch {
	case p.Reopen != "" && !m.ours(p):
		o.Evidence += "; it was not switched on by this run"
		if !back {
			o.State = step.New
		}
	case p.Reopen != "" && on:
		o.State = step.Old
	case p.Reopen != "":
		o.State = step.New
	case m.On && p.Gate == nil && back:
		if !on {
			o.State = step.Mixed
		}
	case on:
		return h.entered(ctx, env, p, md, m, o)
	default:
		differs, err := md.unlike(ctx, m, false)
		if err != nil {
			return step.Observation{}, err
		}
		if differs != "" {
			o = step.Observation{State: step.Mixed, Evidence: why + ", but " + differs}
		}
	}
	return o, nil
}

// entered looks closer at a mode that is on.
func (h *Handler) entered(ctx context.Context, env step.Env, p *plan.AccessParams, md mode, m *memo, o step.Observation) (step.Observation, error) {
	o.State = step.New
	differs, err := md.unlike(ctx, m, true)
	if err != nil {
		return step.Observation{}, err
	}
	if differs != "" {
		return step.Observation{State: step.Mixed, Evidence: o.Evidence + ", but " + differs}, nil
	}
	if p.Refused == nil || env.Direction == step.Back {
		return o, nil
	}
	v, err := h.probes.For(env.OpID).Check(ctx, *p.Refused)
	if err != nil {
		return step.Observation{}, err
	}
	if !v.OK {
		return step.Observation{State: step.Mixed, Evidence: fmt.Sprintf("%s, but a write is not refused: it reads %s, wanted is %s", o.Evidence, v.Got, v.Want)}, nil
	}
	o.Evidence += ", and a write is refused"
	return o, nil
}

// Resume brings back what an access step needs of the engine's own process,
// for a step that has been entered and not ended: the gate's listener, and
// after a reboot its rules. The engine's wiring calls it before a run goes on.
func (h *Handler) Resume(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, md, m, err := h.read(env, s, raw)
	if err != nil || p.Gate == nil || p.Reopen != "" {
		return err
	}
	return md.enter(ctx, m)
}
