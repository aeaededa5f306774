// Package check is the verb `check`: readiness is checked once more, first
// thing in the run, since it ages.
//
// It may import the model, internal/step and internal/probe.
package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
)

// Handler carries out `check` steps.
type Handler struct{ probes *probe.Evaluator }

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(p *probe.Evaluator) *Handler { return &Handler{p} }

// Prepare implements step.Handler.
func (h *Handler) Prepare(context.Context, step.Env, plan.Step) (step.Memo, error) {
	return step.Memo("{}"), nil
}

// Do implements step.Handler: every check must hold. The error lists all that
// do not.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	p, err := step.Params[plan.CheckParams](s)
	if err != nil {
		return err
	}
	reader := h.probes.For(env.OpID)
	failed := make([]string, len(p.Checks))
	var wg sync.WaitGroup
	for i, c := range p.Checks {
		wg.Go(func() { failed[i] = one(ctx, reader, c) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("cannot check all: %w", context.Cause(ctx))
	}
	var list []string
	for _, f := range failed {
		if f != "" {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return nil
	}
	if p.Before != "" {
		return &step.UserError{Msg: fmt.Sprintf("%d of %d checks before %s do not hold", len(list), len(p.Checks), p.Before), Err: errors.New(strings.Join(list, "; ")),
			Now: "mend it and start again"}
	}
	return &step.UserError{Msg: fmt.Sprintf("%d of %d checks do not hold any more", len(list), len(p.Checks)), Err: errors.New(strings.Join(list, "; ")),
		Now: "nothing was changed: mend it and start again"}
}

func one(ctx context.Context, reader *probe.Evaluator, c plan.CheckItem) string {
	v, err := reader.Check(ctx, c.Probe)
	text := ""
	switch {
	case err != nil:
		text = fmt.Sprintf("check %s could not be made: %v", c.ID, err)
	case !v.OK:
		text = fmt.Sprintf("check %s: it reads %s, wanted is %s (%s)", c.ID, v.Got, v.Want, v.Evidence)
	default:
		return ""
	}
	if c.Effect != "" {
		text += ": " + c.Effect
	}
	return text
}

// Undo implements step.Handler. Nothing was changed.
func (h *Handler) Undo(context.Context, step.Env, plan.Step, step.Memo) error { return nil }

// Observe implements step.Handler.
func (h *Handler) Observe(_ context.Context, env step.Env, _ plan.Step, _ step.Memo) (step.Observation, error) {
	if env.Direction == step.Back {
		return step.Observation{State: step.Old, Evidence: "it changes nothing"}, nil
	}
	return step.Observation{State: step.New, Evidence: "it changes nothing"}, nil
}
