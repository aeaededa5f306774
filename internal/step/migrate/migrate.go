// Package migrate is the verb `migrate`: the data of a product is changed once
// for a new version, by a command of the product or by SQL scripts of the
// bundle. It takes nothing back itself: the restore point does.
//
// It may import the model, internal/step, internal/database, internal/probe,
// internal/step/run and its sub-packages.
package migrate

import (
	"context"
	"fmt"

	"upkeep/internal/database"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run"
	"upkeep/internal/step/run/child"
)

// Scripts opens the scripts of bundles.
type Scripts interface {
	// Open gives the content of a file of the bundle with that digest.
	Open(ctx context.Context, digest, name string) ([]byte, error)
	// Site gives the site's own content with that SHA-256, which it has put in the
	// place of a script of the vendor, out of a state folder.
	Site(ctx context.Context, state, sha256 string) ([]byte, error)
}

// Opener opens a product's database. OpID names the session, so that recovery
// finds and ends it.
type Opener func(ctx context.Context, db plan.Database, opID string) (database.Database, error)

// Handler carries out `migrate` steps.
type Handler struct {
	effect  run.Effect
	scripts Scripts
	open    Opener
	times   Times // nil: nothing tells
}

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(r child.Runner, p *probe.Evaluator, s Scripts, open Opener) *Handler {
	return &Handler{effect: run.Effect{Runner: r, Probes: p}, scripts: s, open: open}
}

// command is a migration by a command of the product; the schema's version,
// where it can be read, tells whether it is done.
func command(p *plan.MigrateParams) run.Spec {
	verify := append([]plan.Probe{}, p.Run.Verify...)
	if p.Version != nil {
		verify = append(verify, *p.Version)
	}
	return run.Spec{Run: *p.Run, Verify: verify}
}

// Prepare implements step.Handler. It refuses, before anything has happened,
// scripts that cannot be applied.
func (h *Handler) Prepare(ctx context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.MigrateParams](s)
	switch {
	case err != nil:
		return nil, err
	case p.Run != nil:
		return step.Memo("{}"), nil
	case len(p.Scripts) == 0:
		return nil, fmt.Errorf("cannot carry out %s: it has neither a command nor scripts", s.ID)
	}
	return h.prepareScripts(ctx, env, s, p)
}

// Do implements step.Handler.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	p, err := step.Params[plan.MigrateParams](s)
	switch {
	case err != nil:
		return err
	case p.Run != nil:
		return h.effect.Do(ctx, env, s, command(p))
	}
	return h.apply(ctx, env, s, p) // Observe reads the version
}

// Undo implements step.Handler. The restore point brings the data back; what
// became of the command is forgotten, so that it can be run again.
func (h *Handler) Undo(_ context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	return h.effect.Forget(env, s)
}

// Observe implements step.Handler.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, m step.Memo) (step.Observation, error) {
	p, err := step.Params[plan.MigrateParams](s)
	switch {
	case err != nil:
		return step.Observation{}, err
	case env.Direction == step.Back:
		return h.effect.Records().Forgotten(env, s, step.Observation{State: step.Old, Evidence: "the restore point brings back what it changed"}, "")
	case p.Run != nil:
		return h.effect.Observe(ctx, env, s, command(p))
	}
	return h.observeScripts(ctx, env, s, p, m)
}
