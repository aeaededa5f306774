// Package service holds the verbs `stop`, `start` and `restart`, and the
// control of one service that `hold` uses too.
//
// A stop writes a durable inhibit first, so that nothing starts the service
// again before the run does. A start ends only when the service answers: its
// ready probe holds twice in a row. The memo has how the service was, and the
// way back makes it so again.
//
// It may import the model, internal/step, internal/service, internal/probe
// and internal/step/run/child.
package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	svc "upkeep/internal/service"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Managers gives the manager of a service's kind. OpID names the operation
// that asks, for what the manager's own probes start.
type Managers func(opID string, s plan.Service) (svc.Manager, error)

// Control stops and starts services.
type Control struct {
	Managers Managers
	Probes   *probe.Evaluator
}

// State is how a service is.
type State struct {
	Running   bool   `json:"running"`
	PID       int    `json:"pid,omitempty"`
	Started   string `json:"started,omitempty"` // identity of this invocation; empty where the kind has none
	Inhibited bool   `json:"inhibited,omitempty"`
	Reason    string `json:"reason,omitempty"` // of the inhibit
	Detail    string `json:"-"`
}

// Spec is the service as its manager takes it.
func Spec(env step.Env, s plan.Service) svc.Spec {
	put := func(texts []string) []string {
		var out []string
		for _, t := range texts {
			out = append(out, env.Expand(t))
		}
		return out
	}
	return svc.Spec{ID: s.ID, Names: s.Names, Run: put(s.Run), Start: put(s.Start), Stop: put(s.Stop), As: s.As, Env: put(s.Env),
		Dir: s.Dir, PIDFile: s.PIDFile, Log: s.Log, StopTimeout: s.StopTimeout, StartTimeout: s.StartTimeout}
}

// State reads how the service is.
func (c Control) State(ctx context.Context, env step.Env, s plan.Service) (State, error) {
	m, err := c.Managers(env.OpID, s)
	if err != nil {
		return State{}, err
	}
	spec := Spec(env, s)
	st, err := m.State(ctx, spec)
	if err != nil {
		return State{}, err
	}
	out := State{Running: st.Running, PID: st.PID, Started: st.Started, Detail: st.Detail}
	out.Reason, out.Inhibited, err = m.Inhibited(ctx, spec)
	return out, err
}

// Stop stops the service. With a reason it is inhibited first, durably.
func (c Control) Stop(ctx context.Context, env step.Env, s plan.Service, inhibit string) error {
	m, err := c.Managers(env.OpID, s)
	if err != nil {
		return err
	}
	spec := Spec(env, s)
	if inhibit != "" {
		if err := m.Inhibit(ctx, spec, inhibit); err != nil {
			return err
		}
	}
	child.Progress(env, step.Progress{Line: "stopping " + s.ID})
	return m.Stop(ctx, spec)
}

// Start lets the service start, starts it, and waits until it is ready.
func (c Control) Start(ctx context.Context, env step.Env, s plan.Service) error {
	m, err := c.Managers(env.OpID, s)
	if err != nil {
		return err
	}
	if err := m.Allow(ctx, Spec(env, s)); err != nil {
		return err
	}
	return c.start(ctx, env, s, m, nil)
}

// start starts it and waits. When it has not answered in its time, busy tells
// whether it still works on something that it may take its time for, and what.
func (c Control) start(ctx context.Context, env step.Env, s plan.Service, m svc.Manager, busy func() (string, bool)) error {
	child.Progress(env, step.Progress{Line: "starting " + s.ID})
	err := m.Start(ctx, Spec(env, s))
	var died *svc.DiedError
	if errors.As(err, &died) {
		return &step.UserError{Msg: "service " + s.ID + " does not start", Err: err, Now: "what it wrote says why"}
	}
	if err != nil {
		return err
	}
	return c.await(ctx, env, s, m, busy)
}

// Restore makes the service as it was.
func (c Control) Restore(ctx context.Context, env step.Env, s plan.Service, was State) error {
	m, err := c.Managers(env.OpID, s)
	if err != nil {
		return err
	}
	spec := Spec(env, s)
	if was.Running {
		if err := c.Start(ctx, env, s); err != nil {
			return err
		}
		if was.Inhibited {
			return m.Inhibit(ctx, spec, was.Reason)
		}
		return nil
	}
	if was.Inhibited {
		if err := m.Inhibit(ctx, spec, was.Reason); err != nil {
			return err
		}
	}
	if err := m.Stop(ctx, spec); err != nil {
		return err
	}
	if !was.Inhibited {
		return m.Allow(ctx, spec)
	}
	return nil
}

// Restored tells whether the service is as it was, a new invocation counting
// as the old one.
func (c Control) Restored(ctx context.Context, env step.Env, s plan.Service, was State) (bool, string, error) {
	now, err := c.State(ctx, env, s)
	if err != nil {
		return false, "", err
	}
	same := now.Running == was.Running && now.Inhibited == was.Inhibited && now.Reason == was.Reason
	text := Describe(s, now)
	if same && now.Running {
		ready, why, err := c.Ready(ctx, env, s)
		if err != nil {
			return false, "", err
		}
		if !ready {
			return false, text + ", but not ready: " + why, nil
		}
	}
	return same, text, nil
}

// Describe says in a line how a service is.
func Describe(s plan.Service, st State) string {
	text := s.ID + " is stopped"
	if st.Running {
		text = s.ID + " is running"
		if st.PID > 0 {
			text += fmt.Sprintf(" (pid %d)", st.PID)
		}
	} else if line, _, _ := strings.Cut(st.Detail, "\n"); line != "" && line != "stopped" {
		text += " (" + strings.TrimSuffix(line, ":") + ")"
	}
	if st.Inhibited {
		text += ", and kept from starting"
	}
	return text
}

// Ready asks once whether the service answers.
func (c Control) Ready(ctx context.Context, env step.Env, s plan.Service) (bool, string, error) {
	if s.Ready == nil {
		return true, "", nil
	}
	v, err := c.Probes.For(env.OpID).Check(ctx, *s.Ready)
	if ctx.Err() != nil {
		return false, "", context.Cause(ctx)
	}
	switch {
	case err != nil && probe.Permanent(err):
		return false, "", err
	case err != nil:
		return false, err.Error(), nil
	case !v.OK:
		return false, fmt.Sprintf("it reads %s, wanted is %s (%s)", v.Got, v.Want, v.Evidence), nil
	}
	return true, "", nil
}

// Bounds of the wait for readiness.
const (
	readyInARow  = 2
	readyFirst   = 5 * time.Millisecond   // between the first tries: users wait
	readyOften   = 2 * time.Second        // so long tries stay that close
	readyLast    = 250 * time.Millisecond // between later ones
	defaultStart = 60 * time.Second
)

// await waits until the service is ready, and ends early when it dies.
func (c Control) await(ctx context.Context, env step.Env, s plan.Service, m svc.Manager, busy func() (string, bool)) error {
	if s.Ready == nil {
		return nil
	}
	limit := s.StartTimeout
	if limit <= 0 {
		limit = defaultStart
	}
	began, row, pause, why, first := time.Now(), 0, readyFirst, "", ""
	for {
		st, err := m.State(ctx, Spec(env, s))
		if err != nil {
			return err
		}
		if !st.Running {
			return &step.UserError{Msg: "service " + s.ID + " was started and ended before it was ready: " + st.Detail, Now: "what it wrote says why"}
		}
		if first == "" {
			first = st.Started
		}
		if busy != nil && st.Started != first {
			return &step.UserError{Msg: "service " + s.ID + " ended before it was ready, and something else started it again", Now: "what it wrote says why; a unit with Restart= is started again by systemd"}
		}
		ready, said, err := c.Ready(ctx, env, s)
		if err != nil {
			return fmt.Errorf("cannot tell whether %s is ready: %w", s.ID, err)
		}
		row++
		if !ready {
			row, why = 0, said
			child.Progress(env, step.Progress{Line: "waiting until " + s.ID + " is ready: " + said})
		}
		switch {
		case row >= readyInARow:
			return nil
		case time.Since(began) > limit && busy != nil:
			said, more := busy()
			if !more {
				busy = nil
			}
			began = time.Now()
			child.Progress(env, step.Progress{Line: said})
		case time.Since(began) > limit:
			return &step.UserError{Msg: fmt.Sprintf("service %s is running, but not ready after %s: %s", s.ID, limit, why),
				Now: "look into its log; if it only needs longer, give it more time in the product's manifest"}
		}
		if row > 0 || time.Since(began) < readyOften {
			pause = readyFirst
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("service %s was not ready: %s: %w", s.ID, why, context.Cause(ctx))
		case <-t.C:
		}
		pause = min(readyLast, pause+pause/4+time.Millisecond)
	}
}
