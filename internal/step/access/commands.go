package access

import (
	"context"
	"fmt"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// commands is a mode that commands of the product switch, and a probe tells.
type commands struct {
	run    child.Runner
	probes *probe.Evaluator
	env    step.Env
	s      plan.Step
	p      *plan.AccessParams
}

func (c *commands) look(ctx context.Context) (bool, string, error) {
	if c.p.State == nil {
		return false, "", fmt.Errorf("cannot tell whether %s mode is on: it has no state probe", c.p.Mode)
	}
	v, err := c.probes.For(c.env.OpID).Check(ctx, *c.p.State)
	if err != nil {
		return false, "", fmt.Errorf("cannot tell whether %s mode is on: %w", c.p.Mode, err)
	}
	word := "off"
	if v.OK {
		word = "on"
	}
	return v.OK, fmt.Sprintf("%s mode is %s (%s)", c.p.Mode, word, v.Evidence), nil
}

// remember refuses a mode that could not be ended.
func (c *commands) remember(*memo) error {
	if len(c.p.Leave) == 0 {
		return fmt.Errorf("cannot switch %s mode on: the manifest has no command that switches it off", c.p.Mode)
	}
	return nil
}

func (c *commands) enter(ctx context.Context, _ *memo) error { return c.set(ctx, true, c.p.Enter) }

func (c *commands) leave(ctx context.Context) error { return c.set(ctx, false, c.p.Leave) }

func (c *commands) restore(ctx context.Context, _ *memo) error { return c.leave(ctx) }

func (c *commands) unlike(context.Context, *memo, bool) (string, error) { return "", nil }

// set runs the command unless the mode is as wanted, then waits until it is.
func (c *commands) set(ctx context.Context, want bool, args []string) error {
	on, _, err := c.look(ctx)
	if err != nil || on == want {
		return err
	}
	if _, err := c.run.Run(ctx, c.env, c.s, child.Call{RunParams: plan.RunParams{Args: args, Env: c.p.Env, As: c.p.As}}); err != nil {
		return err
	}
	var why string
	for end := time.Now().Add(taking); ; {
		if on, why, err = c.look(ctx); err == nil && on == want {
			return nil
		}
		if err != nil {
			why = err.Error()
		}
		if time.Now().After(end) {
			return &step.UserError{Msg: fmt.Sprintf("cannot %s: %s ended without an error, but %s", c.s.Title, args[0], why)}
		}
		t := time.NewTimer(20 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("cannot %s: %s: %w", c.s.Title, why, context.Cause(ctx))
		case <-t.C:
		}
	}
}

// taking is how long a mode may take to show after its command has ended.
const taking = 10 * time.Second
