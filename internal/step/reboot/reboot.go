// Package reboot is the verb `reboot`: the computer is rebooted in the middle
// of a run, which goes on when it has started again. That it was done is told
// by the kernel's boot id; who did it makes no difference. A reboot cannot be
// taken back and needs not be: the way back has nothing to do.
//
// It may import the model, internal/step and internal/step/run/child.
package reboot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Computer is what the verb needs of it.
type Computer interface {
	// BootID is another after each boot.
	BootID() (string, error)
	// Reboot reboots, in order, and does not return before ctx ends: the
	// computer's end ends the engine. It returns at once when it cannot.
	Reboot(ctx context.Context) error
}

// Handler carries out `reboot` steps.
type Handler struct{ computer Computer }

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(c Computer) *Handler { return &Handler{c} }

// memo is the boot before.
type memo struct {
	Boot string `json:"boot"`
}

// Prepare implements step.Handler.
func (h *Handler) Prepare(context.Context, step.Env, plan.Step) (step.Memo, error) {
	boot, err := h.computer.BootID()
	if err != nil {
		return nil, fmt.Errorf("cannot tell one boot from the next: %w", err)
	}
	return json.Marshal(memo{boot})
}

// done says whether the computer was booted since the memo was made.
func (h *Handler) done(s plan.Step, raw step.Memo) (bool, error) {
	var m memo
	if err := json.Unmarshal(raw, &m); err != nil || m.Boot == "" {
		return false, errors.Join(fmt.Errorf("cannot read the memo of %s", s.ID), err)
	}
	boot, err := h.computer.BootID()
	if err != nil {
		return false, fmt.Errorf("cannot tell whether this computer was rebooted: %w", err)
	}
	return boot != m.Boot, nil
}

// Do implements step.Handler. When it works it does not return: the engine
// ends with the computer, and the next one observes.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	done, err := h.done(s, raw)
	if err != nil || done {
		return err
	}
	child.Progress(env, step.Progress{Line: "this computer is rebooted; the run goes on when it has started"})
	if err := h.computer.Reboot(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &step.UserError{Msg: "cannot reboot this computer", Err: err, Now: "reboot it yourself: the run goes on when it has started"}
	}
	if done, err = h.done(s, raw); err == nil && !done {
		err = errors.New("this computer was told to reboot and did not")
	}
	return err
}

// Undo implements step.Handler: there is nothing to take back.
func (h *Handler) Undo(context.Context, step.Env, plan.Step, step.Memo) error { return nil }

// Observe implements step.Handler.
func (h *Handler) Observe(_ context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	if env.Direction == step.Back {
		return step.Observation{State: step.Old, Evidence: "a reboot needs not be taken back"}, nil
	}
	done, err := h.done(s, raw)
	switch {
	case err != nil:
		return step.Observation{}, err
	case done:
		return step.Observation{State: step.New, Evidence: "this computer was booted since: its boot id is another"}, nil
	}
	return step.Observation{State: step.Old, Evidence: "this computer was not rebooted yet"}, nil
}
