// Package notify is the verb `notify`: people are told of the outage, by the
// site's own command. They are told at least once; on the way back they are
// told that it was cancelled.
//
// It may import the model, internal/step, internal/probe, internal/step/run
// and its sub-packages.
package notify

import (
	"context"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run"
	"upkeep/internal/step/run/child"
)

// Handler carries out `notify` steps.
type Handler struct{ effect run.Effect }

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(r child.Runner, p *probe.Evaluator) *Handler {
	return &Handler{run.Effect{Runner: r, Probes: p}}
}

// Prepare implements step.Handler.
func (h *Handler) Prepare(context.Context, step.Env, plan.Step) (step.Memo, error) {
	return step.Memo("{}"), nil
}

// message is the command with what it tells: UPKEEP_TEXT, UPKEEP_WHO, and
// UPKEEP_OUTAGE, the expected length of the outage or nothing.
func message(s plan.Step, prefix string) (run.Spec, error) {
	p, err := step.Params[plan.NotifyParams](s)
	if err != nil {
		return run.Spec{}, err
	}
	outage := ""
	if p.Outage > 0 {
		outage = p.Outage.String()
	}
	return run.Spec{Run: plan.RunParams{Args: p.Run, Env: p.Env, As: s.As},
		With: []string{"UPKEEP_TEXT=" + prefix + p.Text, "UPKEEP_WHO=" + p.Who, "UPKEEP_OUTAGE=" + outage}}, nil
}

// Do implements step.Handler.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	m, err := message(s, "")
	if err != nil {
		return err
	}
	return h.effect.Do(ctx, env, s, m)
}

// Undo implements step.Handler: who may have been told is told that it was
// cancelled.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	m, err := message(s, "cancelled: ")
	if err != nil {
		return err
	}
	return h.effect.Undo(ctx, env, s, m)
}

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) (step.Observation, error) {
	m, err := message(s, "")
	if err != nil {
		return step.Observation{}, err
	}
	if env.Direction == step.Back {
		return h.effect.ObserveBack(ctx, env, s, m)
	}
	return h.effect.Observe(ctx, env, s, m)
}
