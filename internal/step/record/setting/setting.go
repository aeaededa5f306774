// Package setting reads and writes values of the product for the verbs
// `record` and `hold`. A value that was written must be read back.
//
// It may import the model, internal/step, internal/probe and
// internal/step/run/child.
package setting

import (
	"context"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Settings reads and writes settings.
type Settings struct {
	Run    child.Runner
	Probes *probe.Evaluator
}

// Value is what a setting reads.
type Value struct {
	Text    string `json:"text,omitempty"`
	Present bool   `json:"present"`
}

func (v Value) String() string {
	if !v.Present {
		return "none"
	}
	return v.Text
}

// Read reads a setting.
func (a Settings) Read(ctx context.Context, env step.Env, s plan.Setting) (Value, error) {
	v, err := a.Probes.For(env.OpID).Read(ctx, s.Read)
	if err != nil {
		return Value{}, fmt.Errorf("cannot read the setting %s: %w", s.ID, err)
	}
	return Value{v.Text, v.Present}, nil
}

// taking is how long a setting may take to show after its command has ended.
const taking = 5 * time.Second

// Write writes a setting, and waits until it reads so.
func (a Settings) Write(ctx context.Context, env step.Env, st plan.Step, s plan.Setting, value string) error {
	args := make([]string, len(s.Write))
	for i, arg := range s.Write {
		args[i] = strings.ReplaceAll(arg, "${value}", value)
	}
	if _, err := a.Run.Run(ctx, env, st, child.Call{RunParams: plan.RunParams{Args: args, Env: s.Env, As: s.As}}); err != nil {
		return err
	}
	for end := time.Now().Add(taking); ; {
		now, err := a.Read(ctx, env, s)
		if err == nil && now.Present && now.Text == value {
			return nil
		}
		why := fmt.Sprintf("it reads %s, wanted is %s", now, value)
		if err != nil {
			why = err.Error()
		}
		if time.Now().After(end) {
			return &step.UserError{Msg: fmt.Sprintf("cannot set %s: its command ended without an error, but %s", s.ID, why)}
		}
		t := time.NewTimer(20 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("cannot set %s: %s: %w", s.ID, why, context.Cause(ctx))
		case <-t.C:
		}
	}
}
