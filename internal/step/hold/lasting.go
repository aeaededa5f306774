package hold

import (
	"bytes"
	"context"
	"encoding/json"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/hold/register"
)

// change is what a step makes of an entry of the register: its file before and
// after, nil where there is none.
type change struct {
	ID  string `json:"id"`
	Was []byte `json:"was,omitempty"`
	Is  []byte `json:"is,omitempty"`
	// Back is what a step gives back that ends the hold.
	Back *register.Values `json:"back,omitempty"`
}

// enrol gives the entry of a hold that outlives the run; nil where it changes
// nothing. An earlier run may hold the same: what that one holds is not the
// value that it had.
func (h *Handler) enrol(ctx context.Context, env step.Env, s plan.Step, p *plan.HoldParams, now register.Values) (*change, error) {
	earlier, raw, err := register.Read(h.settings.Run.FS, env.State, p.Target())
	if err != nil {
		return nil, err
	}
	e := register.Entry{ID: p.Target(), Run: env.Run, Step: s.ID, Since: env.Opened, Was: now}
	if err := expand(env, p, &e.Hold); err != nil {
		return nil, err
	}
	inForce := false
	if raw != nil {
		theirs := env
		theirs.Run = earlier.Run
		t, err := h.target(theirs, s, &earlier.Hold, earlier.Was)
		if err != nil {
			return nil, err
		}
		if inForce, _, _, err = t.is(ctx); err != nil {
			return nil, err
		}
	}
	e.Was = whenever(e.Was)
	if inForce {
		e.Was = earlier.Was
	} else if t, err := h.target(env, s, p, now); err != nil || t.idle() {
		return nil, err
	}
	if raw != nil {
		replace(&e, earlier, now)
	}
	is, err := e.Encode()
	return &change{ID: e.ID, Was: raw, Is: is}, err
}

// replace keeps in an entry what it replaces. Another hold of the same run is
// none of before.
func replace(e *register.Entry, earlier register.Entry, now register.Values) {
	if earlier.Run == e.Run {
		e.Earlier, e.Found = earlier.Earlier, earlier.Found
		return
	}
	earlier.Earlier, earlier.Found = nil, nil
	now = whenever(now)
	e.Earlier, e.Found = &earlier, &now
}

// whenever leaves out which invocation of a service ran: that is over before
// the register is read.
func whenever(v register.Values) register.Values {
	if v.Service != nil {
		s := *v.Service
		s.PID, s.Started = 0, ""
		v.Service = &s
	}
	return v
}

// expand puts the run's id and time into what is read after the run.
func expand(env step.Env, p, to *plan.HoldParams) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(env.Expand(string(raw))), to)
}

// leave gives what a step does that ends a hold of the register; nil where
// there is no such hold any more. A run that is taken back leaves what it
// found: the value from before, or an earlier run's hold.
func (h *Handler) leave(ctx context.Context, env step.Env, p *plan.HoldParams) (*memo, error) {
	e, raw, err := register.Read(h.settings.Run.FS, env.State, p.End)
	if err != nil || raw == nil || p.Of != "" && e.Run != p.Of {
		return &memo{None: true}, err
	}
	c := &change{ID: e.ID, Was: raw, Back: &e.Was}
	m := &memo{Entry: c}
	if m.Values, err = h.now(ctx, env, &e.Hold); err != nil {
		return nil, err
	}
	switch {
	case m.Setting != nil && !m.Setting.Present: // it went with the version that had it
		c.Back = nil
	case p.Of != "" && e.Earlier != nil && e.Found != nil:
		c.Back = e.Found
		c.Is, err = e.Earlier.Encode()
	}
	return m, err
}

// entry tells whether the register has what a step found there, and whether it
// has what the step makes of it.
func (h *Handler) entry(env step.Env, c *change) (was, is bool, err error) {
	raw, err := register.Raw(h.settings.Run.FS, env.State, c.ID)
	return bytes.Equal(raw, c.Was), bytes.Equal(raw, c.Is), err
}

func (h *Handler) put(env step.Env, c *change, raw []byte) error {
	return register.Put(h.settings.Run.FS, env.State, c.ID, raw)
}

// both goes between two values of the same thing: that of before the step, and
// the one that it gives back.
type both struct{ from, to target }

func (b both) idle() bool                     { return false }
func (b both) hold(ctx context.Context) error { return b.from.free(ctx) }
func (b both) free(ctx context.Context) error { return b.to.free(ctx) }

func (b both) is(ctx context.Context) (held, free bool, evidence string, err error) {
	if _, held, _, err = b.from.is(ctx); err != nil {
		return false, false, "", err
	}
	_, free, evidence, err = b.to.is(ctx)
	return held, free, evidence, err
}

// Standing tells whether what the register holds has the value of the hold,
// whether it has the one from before, and what it reads.
func (h *Handler) Standing(ctx context.Context, env step.Env, e register.Entry) (held, free bool, now register.Values, err error) {
	t, err := h.target(env, plan.Step{ID: e.Step}, &e.Hold, e.Was)
	if err != nil {
		return false, false, now, err
	}
	if now, err = h.now(ctx, env, &e.Hold); err != nil {
		return false, false, now, err
	}
	held, free, _, err = t.is(ctx)
	return held, free, now, err
}
