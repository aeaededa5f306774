package service

import (
	"context"
	"encoding/json"
	"fmt"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// memo is how the service was before the step.
type memo struct {
	Was      State             `json:"was"`
	Versions map[string]string `json:"versions,omitempty"` // of what the start migrates, before it
}

// base is what the three verbs have in common: the memo is how the service
// was, and the way back makes it so again.
type base struct{ c Control }

// Prepare implements step.Handler.
func (b base) Prepare(ctx context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.ServiceParams](s)
	if err != nil {
		return nil, err
	}
	was, err := b.c.State(ctx, env, p.Service)
	if err != nil {
		return nil, err
	}
	before, err := b.c.versions(ctx, env, p, false)
	if err != nil {
		return nil, err
	}
	return json.Marshal(memo{was, before})
}

func read(s plan.Step, m step.Memo) (*plan.ServiceParams, State, error) {
	p, err := step.Params[plan.ServiceParams](s)
	if err != nil {
		return nil, State{}, err
	}
	var was memo
	if err := json.Unmarshal(m, &was); err != nil {
		return nil, State{}, fmt.Errorf("cannot read the memo of %s: %w", s.ID, err)
	}
	return p, was.Was, nil
}

// Undo implements step.Handler.
func (b base) Undo(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	p, was, err := read(s, m)
	if err != nil {
		return err
	}
	return b.c.Restore(ctx, env, p.Service, was)
}

// observeBack tells whether the service is as it was.
func (b base) observeBack(ctx context.Context, env step.Env, s plan.Service, was State) (step.Observation, error) {
	same, why, err := b.c.Restored(ctx, env, s, was)
	if err != nil {
		return step.Observation{}, err
	}
	if same {
		return step.Observation{State: step.Old, Evidence: why}, nil
	}
	return step.Observation{State: step.Mixed, Evidence: why}, nil
}

// Stop carries out `stop` steps.
type Stop struct{ base }

// Start carries out `start` steps.
type Start struct{ base }

var (
	_ step.Handler = (*Stop)(nil)
	_ step.Handler = (*Start)(nil)
	_ step.Handler = (*Restart)(nil)
)

// NewStop makes the handler of `stop`.
func NewStop(c Control) *Stop { return &Stop{base{c}} }

// NewStart makes the handler of `start`.
func NewStart(c Control) *Start { return &Start{base{c}} }

// Do implements step.Handler.
func (h *Stop) Do(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	p, _, err := read(s, m)
	if err != nil {
		return err
	}
	reason := ""
	if p.Inhibit {
		reason = Reason(env)
	}
	return h.c.Stop(ctx, env, p.Service, reason)
}

// Reason is what an inhibit of a run says.
func Reason(env step.Env) string { return "run " + env.Run + " keeps it stopped" }

// Observe implements step.Handler.
func (h *Stop) Observe(ctx context.Context, env step.Env, s plan.Step, m step.Memo) (step.Observation, error) {
	p, was, err := read(s, m)
	if err != nil {
		return step.Observation{}, err
	}
	if env.Direction == step.Back {
		return h.observeBack(ctx, env, p.Service, was)
	}
	now, err := h.c.State(ctx, env, p.Service)
	if err != nil {
		return step.Observation{}, err
	}
	o := step.Observation{State: step.Mixed, Evidence: Describe(p.Service, now)}
	switch held := now.Inhibited || !p.Inhibit; {
	case !now.Running && held:
		o.State = step.New
	case now.Running == was.Running && now.Inhibited == was.Inhibited:
		o.State = step.Old
	}
	return o, nil
}

// Do implements step.Handler.
func (h *Start) Do(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	p, _, err := read(s, m)
	if err != nil {
		return err
	}
	if len(p.Migrates) > 0 {
		return h.c.migrate(ctx, env, s, p, m)
	}
	return h.c.Start(ctx, env, p.Service)
}

// Observe implements step.Handler.
func (h *Start) Observe(ctx context.Context, env step.Env, s plan.Step, m step.Memo) (step.Observation, error) {
	p, was, err := read(s, m)
	if err != nil {
		return step.Observation{}, err
	}
	if env.Direction == step.Back {
		return h.observeBack(ctx, env, p.Service, was)
	}
	now, err := h.c.State(ctx, env, p.Service)
	if err != nil {
		return step.Observation{}, err
	}
	o := step.Observation{State: step.Mixed, Evidence: Describe(p.Service, now)}
	switch {
	case now.Running && !now.Inhibited:
		ready, why, err := h.c.Ready(ctx, env, p.Service)
		if err != nil {
			return step.Observation{}, err
		}
		o.State = step.New
		if !ready {
			o = step.Observation{State: step.Mixed, Evidence: o.Evidence + ", but not ready: " + why}
		}
	case now.Running == was.Running && now.Inhibited == was.Inhibited:
		o.State = step.Old
	}
	return o, nil
}

// Restart carries out `restart` steps.
type Restart struct {
	base
	records child.Records
}

// NewRestart makes the handler of `restart`.
func NewRestart(c Control, r child.Records) *Restart { return &Restart{base{c}, r} }

// Do implements step.Handler. An invocation other than the one in the memo
// needs no further restart.
func (h *Restart) Do(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	p, was, err := read(s, m)
	if err != nil {
		return err
	}
	fresh, err := h.fresh(ctx, env, s, p, was)
	if err != nil {
		return err
	}
	mgr, err := h.c.Managers(env.OpID, p.Service)
	if err != nil {
		return err
	}
	if !fresh && was.Running {
		if err := h.c.Stop(ctx, env, p.Service, ""); err != nil {
			return err
		}
		if was.Started == "" { // nothing else will tell that it was stopped in between
			if err := h.records.Write(env, s, step.Forward, "", child.Record{Ended: true}); err != nil {
				return err
			}
		}
	}
	// an inhibited service stays stopped: a restart is no leave to start it
	return h.c.start(ctx, env, p.Service, mgr, nil)
}

// kept says that the run keeps the service stopped, and did not before the
// restart.
func (h *Restart) kept(ctx context.Context, env step.Env, s plan.Step, m step.Memo) (bool, State, error) {
	p, was, err := read(s, m)
	if err != nil {
		return false, State{}, err
	}
	now, err := h.c.State(ctx, env, p.Service)
	return !now.Running && now.Inhibited && !was.Inhibited && now.Reason == Reason(env), now, err
}

// fresh says that what runs is not what ran before.
func (h *Restart) fresh(ctx context.Context, env step.Env, s plan.Step, p *plan.ServiceParams, was State) (bool, error) {
	if was.Running && was.Started == "" {
		rec, err := h.records.Read(env, s, step.Forward, "")
		return rec.OK(), err
	}
	now, err := h.c.State(ctx, env, p.Service)
	if !was.Running {
		return now.Running, err
	}
	return now.Started != was.Started, err
}

// Undo implements step.Handler: the service runs if it ran before; which
// invocation it is cannot be taken back. One that a later step of the run keeps
// stopped stays so: the way back may have gone past that step, and what the
// service would run on is not whole before it has come to the origin.
func (h *Restart) Undo(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	kept, _, err := h.kept(ctx, env, s, m)
	if err == nil && !kept {
		err = h.base.Undo(ctx, env, s, m)
	}
	if err != nil {
		return err
	}
	return h.records.Forget(env, s, step.Forward, "")
}

// Observe implements step.Handler.
func (h *Restart) Observe(ctx context.Context, env step.Env, s plan.Step, m step.Memo) (step.Observation, error) {
	p, was, err := read(s, m)
	if err != nil {
		return step.Observation{}, err
	}
	if env.Direction == step.Back {
		kept, now, err := h.kept(ctx, env, s, m)
		o := step.Observation{State: step.Old, Evidence: Describe(p.Service, now) + ", as a later step keeps it"}
		if err == nil && !kept {
			o, err = h.observeBack(ctx, env, p.Service, was)
		}
		if err != nil {
			return step.Observation{}, err
		}
		return h.records.Forgotten(env, s, o, "")
	}
	now, err := h.c.State(ctx, env, p.Service)
	if err != nil {
		return step.Observation{}, err
	}
	fresh, err := h.fresh(ctx, env, s, p, was)
	if err != nil {
		return step.Observation{}, err
	}
	o := step.Observation{State: step.Mixed, Evidence: Describe(p.Service, now)}
	switch {
	case now.Running && fresh:
		ready, why, err := h.c.Ready(ctx, env, p.Service)
		if err != nil {
			return step.Observation{}, err
		}
		o.State, o.Evidence = step.New, o.Evidence+", another invocation than before"
		if !ready {
			o = step.Observation{State: step.Mixed, Evidence: o.Evidence + ", but not ready: " + why}
		}
	case now.Running == was.Running:
		o.State = step.Old
	}
	return o, nil
}
