// Package prove is the verb `prove`: it records, while the old version still
// runs, which services run and which versions are read; those that lie still
// were read for the plan, and users, who are kept out by now, do not wait for
// them. On the way back, before users are let in, the same must be read again.
//
// It may import the model, internal/step, internal/probe and
// internal/step/verify.
package prove

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/verify"
)

// Handler carries out `prove` steps.
type Handler struct{ probes *probe.Evaluator }

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(p *probe.Evaluator) *Handler { return &Handler{p} }

// memo is what was read before.
type memo struct {
	Read []read `json:"read"`
}

// read is one value; what could not be read is not compared.
type read struct {
	Name    string `json:"name"`
	Value   string `json:"value,omitempty"`
	Present bool   `json:"present,omitempty"`
	Error   string `json:"error,omitempty"`
}

func (r read) String() string {
	if !r.Present {
		return "none"
	}
	return r.Value
}

type question struct {
	name  string
	probe plan.Probe
	known string // what the plan was made from, where it lies still
}

func questions(p *plan.VerifyParams) []question {
	var out []question
	for _, v := range p.Versions {
		q := question{name: "version of " + verify.Name(v), probe: v.Probe}
		if v.Still() {
			q.known = v.Want
		}
		out = append(out, q)
	}
	for _, s := range p.Services {
		out = append(out, question{name: "service " + s.ID, probe: verify.Running(s)})
	}
	return out
}

// readAll reads everything side by side; known says that what the plan has read
// already need not be read again.
func (h *Handler) readAll(ctx context.Context, env step.Env, p *plan.VerifyParams, known bool) ([]read, error) {
	reader, list := h.probes.For(env.OpID), questions(p)
	out, errs := make([]read, len(list)), make([]error, len(list))
	var wg sync.WaitGroup
	for i, q := range list {
		out[i].Name = q.name
		if known && q.known != "" {
			out[i].Value, out[i].Present = q.known, true
			continue
		}
		wg.Go(func() {
			v, err := reader.Read(ctx, q.probe)
			switch {
			case err != nil && probe.Permanent(err):
				errs[i] = err
			case err != nil:
				out[i].Error = err.Error()
			default:
				out[i].Value, out[i].Present = v.Text, v.Present
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return out, errors.Join(errs...)
}

// Prepare implements step.Handler: what it reads is what the way back must
// read.
func (h *Handler) Prepare(ctx context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.VerifyParams](s)
	if err != nil {
		return nil, err
	}
	m := memo{}
	if m.Read, err = h.readAll(ctx, env, p, true); err != nil {
		return nil, err
	}
	for _, r := range m.Read {
		if r.Error != "" {
			child.Log(env, "%s does not answer now and will not be compared on the way back: %s", r.Name, r.Error)
		}
	}
	return json.Marshal(m)
}

// Do implements step.Handler. The memo is all that the step makes.
func (h *Handler) Do(context.Context, step.Env, plan.Step, step.Memo) error { return nil }

// Undo implements step.Handler: it waits until all reads as it did.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	p, err := step.Params[plan.VerifyParams](s)
	if err != nil {
		return err
	}
	err = verify.Steady(ctx, env, p.Consecutive, p.Every, func(ctx context.Context) ([]string, error) { return h.differs(ctx, env, s, p, m) })
	var not *verify.Unsteady
	if errors.As(err, &not) {
		return &step.UserError{Msg: "the old version is back, but it does not read as before", Err: err,
			Now: "users are still kept out: look into the product's own log, mend it, then decide retry"}
	}
	return err
}

// differs lists what reads otherwise than before.
func (h *Handler) differs(ctx context.Context, env step.Env, s plan.Step, p *plan.VerifyParams, raw step.Memo) ([]string, error) {
	var m memo
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("cannot read the memo of %s: %w", s.ID, err)
	}
	now, err := h.readAll(ctx, env, p, false)
	if err != nil {
		return nil, err
	}
	if len(now) != len(m.Read) {
		return nil, fmt.Errorf("cannot compare with the memo of %s: it has %d values and the step has %d", s.ID, len(m.Read), len(now))
	}
	var out []string
	for i, was := range m.Read {
		switch {
		case was.Error != "":
		case now[i].Error != "":
			out = append(out, fmt.Sprintf("%s read %s before and cannot be read now: %s", was.Name, was, now[i].Error))
		case now[i].Value != was.Value || now[i].Present != was.Present:
			out = append(out, fmt.Sprintf("%s read %s before and reads %s now", was.Name, was, now[i]))
		}
	}
	return out, nil
}

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, m step.Memo) (step.Observation, error) {
	if env.Direction != step.Back {
		return verify.Unchanged(env), nil
	}
	p, err := step.Params[plan.VerifyParams](s)
	if err != nil {
		return step.Observation{}, err
	}
	wrong, err := h.differs(ctx, env, s, p, m)
	switch {
	case err != nil:
		return step.Observation{}, err
	case len(wrong) > 0:
		return step.Observation{State: step.Mixed, Evidence: (&verify.Unsteady{Wrong: wrong}).Error()}, nil
	}
	return step.Observation{State: step.Old, Evidence: fmt.Sprintf("%d values read as before", len(questions(p)))}, nil
}
