// Package drain is the verb `drain`: it waits, bounded, until running work has
// ended by itself, and then ends it where the plan says how.
//
// It may import the model, internal/step, internal/probe and
// internal/step/run/child.
package drain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Handler carries out `drain` steps.
type Handler struct {
	run    child.Runner
	probes *probe.Evaluator
	// reserve is the part of a step's time that is kept for ending the work.
	reserve func(time.Duration) time.Duration
}

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(r child.Runner, p *probe.Evaluator) *Handler { return &Handler{r, p, reserve} }

// Prepare implements step.Handler.
func (h *Handler) Prepare(context.Context, step.Env, plan.Step) (step.Memo, error) {
	return step.Memo("{}"), nil
}

// Do implements step.Handler: it waits until the probe holds. Where the step
// says what else ends the work, a part of its time is kept for that.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	p, err := step.Params[plan.DrainParams](s)
	if err != nil {
		return err
	}
	end := time.Now().Add(s.Deadline)
	if d, ok := ctx.Deadline(); ok {
		end = d
	}
	all := time.Until(end)
	if p.Or != nil {
		err := h.wait(ctx, env, p, end.Add(-h.reserve(all)))
		var not *probe.NotReached
		if !errors.As(err, &not) {
			return err
		}
		child.Log(env, "%v; it is ended now", err)
		if _, err := h.run.Run(ctx, env, s, child.Call{RunParams: *p.Or}); err != nil {
			return err
		}
	}
	err = h.wait(ctx, env, p, end.Add(-min(all/20, time.Second)))
	var not *probe.NotReached
	if errors.As(err, &not) {
		return &step.UserError{Msg: fmt.Sprintf("running work did not end within %s", all.Round(time.Second)), Err: err,
			Now: "wait until it has ended or end it, then start again; or give " + s.ID + " more time with limits: in the installation document"}
	}
	return err
}

// reserve is the part of the time that is kept for ending what does not end
// by itself.
func reserve(all time.Duration) time.Duration { return min(all/3, 2*time.Minute) }

// wait reads the probe again and again, at least once, and shows what it
// reads. The error is *probe.NotReached when the time has passed.
func (h *Handler) wait(ctx context.Context, env step.Env, p *plan.DrainParams, until time.Time) error {
	every := p.Every
	if every <= 0 {
		every = time.Second
	}
	reader, began := h.probes.For(env.OpID), time.Now()
	not := &probe.NotReached{Probe: p.Probe, Consecutive: 1}
	for {
		v, err := reader.Check(ctx, p.Probe)
		switch {
		case v.OK:
			return nil
		case err != nil && probe.Permanent(err):
			return err
		case ctx.Err() == nil || not.Tries == 0: // one that was cut off says less than the one before
			not.Tries, not.Last, not.Err = not.Tries+1, v, err
		}
		child.Progress(env, step.Progress{Line: fmt.Sprintf("waiting: it reads %s, wanted is %s", not.Last.Got, not.Last.Want)})
		if !time.Now().Before(until) {
			not.Waited = time.Since(began)
			return not
		}
		pause := time.NewTimer(min(every, time.Until(until)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			if errors.Is(ctx.Err(), context.Canceled) {
				return context.Cause(ctx)
			}
			not.Waited = time.Since(began)
			return not
		}
	}
}

// Undo implements step.Handler. What has ended cannot be taken back.
func (h *Handler) Undo(context.Context, step.Env, plan.Step, step.Memo) error { return nil }

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) (step.Observation, error) {
	if env.Direction == step.Back {
		return step.Observation{State: step.Old, Evidence: "there is nothing to take back"}, nil
	}
	p, err := step.Params[plan.DrainParams](s)
	if err != nil {
		return step.Observation{}, err
	}
	v, err := h.probes.For(env.OpID).Check(ctx, p.Probe)
	if err != nil {
		return step.Observation{}, err
	}
	if v.OK {
		return step.Observation{State: step.New, Evidence: fmt.Sprintf("it reads %s (%s)", v.Got, v.Evidence)}, nil
	}
	return step.Observation{State: step.Old, Evidence: fmt.Sprintf("it reads %s, wanted is %s (%s)", v.Got, v.Want, v.Evidence)}, nil
}
