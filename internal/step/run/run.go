// Package run is the verb `run`: a command of the product or of the site.
//
// That it was begun is recorded before it starts, and how it ended when it
// has; probes decide where there are any. What was interrupted and cannot be
// read back is unknown: only a repeatable command is run again by itself.
//
// It may import the model, internal/step, internal/probe, its own
// sub-packages and what those may.
package run

import (
	"context"
	"fmt"
	"slices"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Handler carries out `run` steps.
type Handler struct{ effect Effect }

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(r child.Runner, p *probe.Evaluator) *Handler { return &Handler{Effect{Runner: r, Probes: p}} }

// Prepare implements step.Handler. There is nothing to keep: the way back is
// in the step.
func (h *Handler) Prepare(context.Context, step.Env, plan.Step) (step.Memo, error) {
	return step.Memo("{}"), nil
}

// Do implements step.Handler.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	p, err := step.Params[plan.RunParams](s)
	if err != nil {
		return err
	}
	return h.effect.Do(ctx, env, s, Spec{Run: *p, Verify: p.Verify})
}

// Undo implements step.Handler.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	p, err := step.Params[plan.RunParams](s)
	if err != nil {
		return err
	}
	if p.Undo == nil || s.Undo != "action" {
		return h.effect.Forget(env, s)
	}
	return h.effect.Undo(ctx, env, s, Spec{Run: *p.Undo, Verify: p.Undo.Verify})
}

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) (step.Observation, error) {
	p, err := step.Params[plan.RunParams](s)
	if err != nil {
		return step.Observation{}, err
	}
	if env.Direction != step.Back {
		return h.effect.Observe(ctx, env, s, Spec{Run: *p, Verify: p.Verify})
	}
	if p.Undo == nil || s.Undo != "action" {
		return h.effect.Records().Forgotten(env, s, Nothing(s), "")
	}
	return h.effect.ObserveBack(ctx, env, s, Spec{Run: *p.Undo, Verify: p.Undo.Verify})
}

// Nothing is what the way back observes of a step that has no undo of its own.
func Nothing(s plan.Step) step.Observation {
	why := "it has nothing that would have to be taken back"
	switch s.Undo {
	case "restore":
		why = "the restore point brings back what it changed"
	case "none":
		why = "nothing takes it back, as the plan says"
	}
	return step.Observation{State: step.Old, Evidence: why}
}

// Spec is a command whose effect can be read back.
type Spec struct {
	Run    plan.RunParams
	With   []string     // further entries of its environment
	Verify []plan.Probe // all must hold afterwards
}

func (s Spec) call() child.Call { return child.Call{RunParams: s.Run, With: s.With} }

// Effect runs a command, records it and reads it back: what `run` and other
// verbs that run one command have in common.
type Effect struct {
	child.Runner
	Probes *probe.Evaluator
}

// Do runs the command unless it is observed to be done.
func (e Effect) Do(ctx context.Context, env step.Env, s plan.Step, c Spec) error {
	if obs, err := e.Observe(ctx, env, s, c); err == nil && obs.State == step.New {
		child.Log(env, "%s is done already: %s", s.ID, obs.Evidence)
		return nil
	}
	if err := e.Records().Forget(env, s, step.Back, ""); err != nil {
		return err
	}
	return e.Recorded(ctx, env, s, "", c.call()) // Observe waits for its effect
}

// Undo runs the command that takes the step back, unless the step was never
// begun or that command has ended well. Afterwards the step counts as never
// begun.
func (e Effect) Undo(ctx context.Context, env step.Env, s plan.Step, c Spec) error {
	begun, err := e.Records().Read(env, s, step.Forward, "")
	if err != nil || begun == nil {
		return err
	}
	done, err := e.Records().Read(env, s, step.Back, "")
	if err != nil {
		return err
	}
	if why, err := e.verify(ctx, env, c.Verify); !done.OK() || why != "" || err != nil {
		if err := e.Recorded(ctx, env, s, "", c.call()); err != nil {
			return err
		}
		if err := e.Settle(ctx, env, s, c.Verify); err != nil {
			return err
		}
	}
	return e.Forget(env, s)
}

// Forget makes the step count as never begun.
func (e Effect) Forget(env step.Env, s plan.Step) error {
	return e.Records().Forget(env, s, step.Forward, "")
}

// Observe tells whether the command took effect.
func (e Effect) Observe(ctx context.Context, env step.Env, s plan.Step, c Spec) (step.Observation, error) {
	rec, err := e.Records().Read(env, s, step.Forward, "")
	switch {
	case err != nil:
		return step.Observation{}, err
	case rec == nil:
		return step.Observation{State: step.Old, Evidence: "it was not begun"}, nil
	case rec.Failed():
		return unsure(s, rec.Why), nil
	case len(c.Verify) > 0:
		patience := time.Duration(0)
		if rec.OK() {
			patience = settling
		}
		why, err := e.settled(ctx, env, c.Verify, patience)
		switch {
		case err != nil:
			return step.Observation{State: step.Unknown, Evidence: err.Error()}, nil
		case why == "" && e.Cut(rec) && !committed(c.Verify):
			return step.Observation{State: step.Unknown, Evidence: "all that it must bring about reads as wanted, but the computer stopped while it ran: what it had not written to the disk by then is gone"}, nil
		case why == "":
			return step.Observation{State: step.New, Evidence: "all that it must bring about reads as wanted"}, nil
		case rec.OK():
			return unsure(s, why), nil
		}
		return step.Observation{State: step.Unknown, Evidence: "it was interrupted, and " + why}, nil
	case rec.OK():
		return step.Observation{State: step.New, Evidence: "it ended with exit code 0"}, nil
	}
	return step.Observation{State: step.Unknown, Evidence: "it was interrupted"}, nil
}

// committed says that a database vouches for the effect: what it answers after a
// power cut was on the disk, and all that was committed before it.
func committed(verify []plan.Probe) bool {
	return !slices.ContainsFunc(verify, func(p plan.Probe) bool { return p.Source != "sql" })
}

// unsure is a command that ended and did not bring about what it should: half
// done where it may be done again; otherwise only a person can tell.
func unsure(s plan.Step, why string) step.Observation {
	if s.Redo {
		return step.Observation{State: step.Mixed, Evidence: why}
	}
	return step.Observation{State: step.Unknown, Evidence: why}
}

// ObserveBack tells whether the step is taken back.
func (e Effect) ObserveBack(ctx context.Context, env step.Env, s plan.Step, c Spec) (step.Observation, error) {
	begun, err := e.Records().Read(env, s, step.Forward, "")
	if err != nil {
		return step.Observation{}, err
	}
	if begun == nil {
		return step.Observation{State: step.Old, Evidence: "it is not begun, or taken back"}, nil
	}
	rec, err := e.Records().Read(env, s, step.Back, "")
	switch {
	case err != nil:
		return step.Observation{}, err
	case rec == nil:
		return step.Observation{State: step.New, Evidence: "what takes it back was not begun"}, nil
	case rec.Failed():
		return step.Observation{State: step.Mixed, Evidence: rec.Why}, nil
	case rec.Interrupted():
		return step.Observation{State: step.Unknown, Evidence: "what takes it back was interrupted"}, nil
	}
	if why, err := e.verify(ctx, env, c.Verify); err != nil || why != "" {
		if err != nil {
			why = err.Error()
		}
		return step.Observation{State: step.Mixed, Evidence: why}, nil
	}
	return e.Records().Forgotten(env, s, step.Observation{State: step.Old, Evidence: "what takes it back ended with exit code 0"}, "")
}

func missing(v probe.Verdict) string {
	return fmt.Sprintf("it reads %s, wanted is %s (%s)", v.Got, v.Want, v.Evidence)
}
