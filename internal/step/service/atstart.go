package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// A product that migrates its data when it starts: its start is a migration.
// It may take long, it may end half way, and starting it again is no cure. So
// the versions of what it migrates are read before, and again wherever the
// start would be repeated: what is neither as before nor as wanted is left to
// the way back.

// versions reads what the start migrates. At a first install there may be
// nothing that could be read before the start has made it; then nothing of
// anybody can be lost by another start either.
func (c Control) versions(ctx context.Context, env step.Env, p *plan.ServiceParams, made bool) (map[string]string, error) {
	out := map[string]string{}
	for _, v := range p.Migrates {
		got, err := c.Probes.For(env.OpID).Read(ctx, v.Probe)
		if err != nil && p.First && !made {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the version of %s: %w", v.Component, err)
		}
		out[v.Component] = got.Text
	}
	return out, nil
}

// migrate starts a service whose start migrates.
func (c Control) migrate(ctx context.Context, env step.Env, s plan.Step, p *plan.ServiceParams, raw step.Memo) error {
	var was memo
	if err := json.Unmarshal(raw, &was); err != nil {
		return fmt.Errorf("cannot read the memo of %s: %w", s.ID, err)
	}
	now, err := c.State(ctx, env, p.Service)
	if err != nil {
		return err
	}
	if !now.Running {
		if err := c.begun(ctx, env, p, was.Versions); err != nil {
			return err
		}
	}
	m, err := c.Managers(env.OpID, p.Service)
	if err != nil {
		return err
	}
	if err := m.Allow(ctx, Spec(env, p.Service)); err != nil {
		return err
	}
	err = c.start(ctx, env, p.Service, m, func() (string, bool) { return c.busy(ctx, env, p) })
	return c.told(ctx, env, p, was.Versions, err)
}

// begun refuses to start again what has ended in the middle of its migration.
func (c Control) begun(ctx context.Context, env step.Env, p *plan.ServiceParams, before map[string]string) error {
	now, err := c.versions(ctx, env, p, false)
	if err != nil {
		return err
	}
	for _, v := range p.Migrates {
		if got := now[v.Component]; got != before[v.Component] && got != v.Want {
			return &step.UserError{Msg: fmt.Sprintf("service %s ended in the middle of its migration: %s. It is not started again: that would go on from a state that nobody knows", p.Service.ID, where(p, before, now)),
				Now: "what it wrote says why"}
		}
	}
	return nil
}

// busy says whether something is still to be migrated.
func (c Control) busy(ctx context.Context, env step.Env, p *plan.ServiceParams) (string, bool) {
	now, err := c.versions(ctx, env, p, true)
	if err != nil {
		return fmt.Sprintf("service %s does not answer yet: %v", p.Service.ID, err), true // locked by the migration, it may be
	}
	for _, v := range p.Migrates {
		if now[v.Component] != v.Want {
			return fmt.Sprintf("service %s migrates: %s reads %s of %s", p.Service.ID, v.Component, word(now[v.Component]), v.Want), true
		}
	}
	return fmt.Sprintf("service %s has migrated, and does not answer yet", p.Service.ID), false
}

// told adds to how a start ended what it did to the data.
func (c Control) told(ctx context.Context, env step.Env, p *plan.ServiceParams, before map[string]string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	now, rerr := c.versions(ctx, env, p, err == nil)
	if rerr != nil {
		return errors.Join(err, rerr)
	}
	if err == nil {
		fmt.Fprintf(env.Log, "service %s is started: %s\n", p.Service.ID, where(p, before, now))
		return nil
	}
	var user *step.UserError
	if errors.As(err, &user) {
		return &step.UserError{Msg: user.Msg + " (it migrates when it starts: " + where(p, before, now) + ")", Err: user.Err, Now: user.Now}
	}
	return fmt.Errorf("%w (it migrates when it starts: %s)", err, where(p, before, now))
}

// where says how far each migration has come.
func where(p *plan.ServiceParams, before, now map[string]string) string {
	var out []string
	for _, v := range p.Migrates {
		out = append(out, fmt.Sprintf("%s read %s before, reads %s, wanted is %s", v.Component, word(before[v.Component]), word(now[v.Component]), v.Want))
	}
	return strings.Join(out, "; ")
}

func word(version string) string {
	if version == "" {
		return "nothing"
	}
	return version
}
