// Package tell is the verb `tell`: a person does the step, and the engine
// waits. The task counts as done when a person has said so, by name, and when
// all that must prove it reads as wanted; where the proof alone shows the end,
// nobody has to say anything.
//
// What a person says is an entry of the journal, so that it survives whatever
// the engine does not. The handler only waits: the engine ends the wait when
// the entry comes in, and asks Observe.
//
// It may import the model, internal/step, internal/probe and
// internal/step/run/child.
package tell

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Handler carries out whatever a person does, in either direction and for
// steps of any verb.
type Handler struct {
	probes *probe.Evaluator
	every  time.Duration // between two looks at what must prove a task
}

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(p *probe.Evaluator) *Handler { return &Handler{p, time.Second} }

// Prepare implements step.Handler. There is nothing to keep: both tasks are in
// the step.
func (h *Handler) Prepare(context.Context, step.Env, plan.Step) (step.Memo, error) {
	return step.Memo("{}"), nil
}

// Do implements step.Handler.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	return h.wait(ctx, env, s.Task)
}

// Undo implements step.Handler.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	if idle, err := h.idle(env, s); idle || err != nil {
		return err
	}
	return h.wait(ctx, env, s.TaskBack)
}

// wait returns when the task is done.
func (h *Handler) wait(ctx context.Context, env step.Env, t *plan.Task) error {
	if t == nil {
		return nil
	}
	for {
		why, err := h.missing(ctx, env, t)
		if err == nil && why == "" {
			return nil
		}
		if err != nil {
			why = err.Error()
		}
		child.Progress(env, step.Progress{Line: "waiting for a person: " + why})
		pause := time.NewTimer(h.every)
		select {
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("%s: %w", why, context.Cause(ctx))
		case <-pause.C:
		}
	}
}

// missing says what is still to come before the task counts as done; empty
// when nothing is.
func (h *Handler) missing(ctx context.Context, env step.Env, t *plan.Task) (string, error) {
	if env.Said == nil && !t.Auto {
		return "nobody has said yet that it is done", nil
	}
	return Unproven(ctx, h.probes.For(env.OpID), env, t)
}

// Unproven says which proof of a task does not hold; empty when all do.
func Unproven(ctx context.Context, e *probe.Evaluator, env step.Env, t *plan.Task) (string, error) {
	for _, p := range Known(env, t).Proof {
		v, err := e.Check(ctx, p)
		switch {
		case err != nil:
			return "", fmt.Errorf("cannot tell whether it is done: %w", err)
		case !v.OK:
			return fmt.Sprintf("it reads %s, wanted is %s (%s)", v.Got, v.Want, v.Evidence), nil
		}
	}
	return "", nil
}

// Known is the task with what is known only in its run: when it opened.
func Known(env step.Env, t *plan.Task) *plan.Task {
	known := *t
	known.Proof = nil
	for _, p := range t.Proof {
		p.Args, p.Expect = expand(env, p.Args), expand(env, p.Expect)
		known.Proof = append(known.Proof, p)
	}
	return &known
}

func expand(env step.Env, texts []string) []string {
	var out []string
	for _, t := range texts {
		out = append(out, env.Expand(t))
	}
	return out
}

// idle says that the way back has nothing to tell: the step has no task
// there, or what it would put right was never begun.
func (h *Handler) idle(env step.Env, s plan.Step) (bool, error) {
	if s.TaskBack == nil {
		return true, nil
	}
	if s.Verb != "tell" {
		return false, nil
	}
	p, err := step.Params[plan.TellParams](s)
	if err != nil {
		return false, err
	}
	return (p.Restores || len(p.Only) > 0) && !slices.ContainsFunc(p.Only, env.Touched), nil
}

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) (step.Observation, error) {
	back := env.Direction == step.Back
	done, open := step.New, step.Old
	if back {
		done, open = step.Old, step.New
		if idle, err := h.idle(env, s); idle || err != nil {
			return step.Observation{State: step.Old, Evidence: nothing(s)}, err
		}
	}
	t := s.TaskOf(back)
	if t == nil {
		return step.Observation{State: step.New, Evidence: "nothing is to be done on the way forward"}, nil
	}
	why, err := h.missing(ctx, env, t)
	if err != nil || why != "" {
		return step.Observation{State: open, Evidence: why}, err
	}
	return step.Observation{State: done, Evidence: evidence(env, t)}, nil
}

func nothing(s plan.Step) string {
	switch {
	case s.TaskBack != nil:
		return "what it would put right was not begun"
	case s.Undo == "restore":
		return "the restore point brings back what was changed"
	case s.Undo == "none":
		return "nothing takes it back, as the plan says"
	}
	return "there is nothing to take back"
}

func evidence(env step.Env, t *plan.Task) string {
	var parts []string
	if s := env.Said; s != nil {
		text := fmt.Sprintf("%s said so at %s", s.By, s.At.UTC().Format("2006-01-02 15:04:05 UTC"))
		if s.Note != "" {
			text += fmt.Sprintf(" (%s)", s.Note)
		}
		parts = append(parts, text)
	}
	if len(t.Proof) > 0 {
		parts = append(parts, "it reads as wanted: "+Known(env, t).Proves())
	}
	return strings.Join(parts, "; ")
}
