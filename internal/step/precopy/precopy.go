// Package precopy is the verb that makes the first pass of the restore point
// over files and databases, while the product is up, so that the outage holds
// only what has changed since.
//
// It imports the model, internal/step, internal/step/backup, internal/durable
// and internal/backup.
package precopy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	stepbackup "upkeep/internal/step/backup"
)

// Handler carries out the verb.
type Handler struct {
	fs        durable.FS
	engines   stepbackup.Engines
	databases stepbackup.Databases
}

// New makes a handler; it needs what that of backup needs.
func New(fsys durable.FS, engines stepbackup.Engines, databases stepbackup.Databases) *Handler {
	return &Handler{fs: fsys, engines: engines, databases: databases}
}

// memo says what was there before.
type memo struct {
	ID  string `json:"id"`
	Dir bool   `json:"dir"` // the place of restore points
}

// Prepare names the restore point.
func (h *Handler) Prepare(_ context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.BackupParams](s)
	if err != nil {
		return nil, err
	}
	m := memo{ID: stepbackup.PointID(env.Run, p.Key)}
	if err := backup.CheckID(m.ID); err != nil {
		return nil, err
	}
	if m.Dir, err = stepbackup.Exists(h.fs, p.Dir); err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

func open(s plan.Step, raw step.Memo) (*plan.BackupParams, *memo, error) {
	p, err := step.Params[plan.BackupParams](s)
	if err != nil {
		return nil, nil, err
	}
	m := &memo{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, nil, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	return p, m, nil
}

// The engine does not tell how far a first pass has come, so the run's folder
// does: a note is written before it begins and another when it is through.
const begun, through = "begun", "through"

func note(env step.Env, m *memo) string { return filepath.Join(env.Dir, "precopy-"+m.ID) }

// Do copies the files. What an interrupted try has left is started over by the
// engine.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, m, err := open(s, raw)
	if err != nil {
		return err
	}
	state, err := h.state(env, m)
	if err != nil || state == through {
		return err
	}
	r, closeAll, err := stepbackup.Request(ctx, env, h.fs, h.engines(p.Dir, p.Repository), p, h.databases)
	if err != nil {
		return err
	}
	defer closeAll()
	r.Ahead = p.Ahead
	for i, d := range r.Databases {
		mode := p.Proof[d.Name]
		r.Databases[i].Prove = mode == plan.ProveAlways || mode == plan.ProveAhead && p.Ahead
	}
	if err := h.fs.WriteFile(note(env, m), []byte(begun), 0o600); err != nil {
		return err
	}
	if err := h.engines(p.Dir, p.Repository).Prepare(ctx, r); err != nil {
		return stepbackup.Explain(err)
	}
	return h.fs.WriteFile(note(env, m), []byte(through), 0o600)
}

// Undo removes the first pass. A restore point that came of it stays.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, m, err := open(s, raw)
	if err != nil {
		return err
	}
	state, err := h.state(env, m)
	if err != nil {
		return err
	}
	if state == "" {
		return nil
	}
	if _, err := h.engines(p.Dir, p.Repository).Sweep(ctx); err != nil {
		return err
	}
	if err := stepbackup.RemoveEmpty(h.fs, p.Dir, m.Dir); err != nil {
		return err
	}
	return h.fs.Remove(note(env, m))
}

// Observe reads the note.
func (h *Handler) Observe(_ context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	_, m, err := open(s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	state, err := h.state(env, m)
	switch {
	case err != nil:
		return step.Observation{}, err
	case state == through:
		return step.Observation{State: step.New, Evidence: "the first pass of restore point " + m.ID + " is through"}, nil
	case state == "":
		return step.Observation{State: step.Old, Evidence: "there is no first pass of restore point " + m.ID}, nil
	}
	return step.Observation{State: step.Mixed, Evidence: "the first pass of restore point " + m.ID + " was interrupted"}, nil
}

func (h *Handler) state(env step.Env, m *memo) (string, error) {
	b, err := h.fs.ReadFile(note(env, m))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}
