// Package backup is the verb that makes the restore point which the way back
// goes by: the files' second pass and a dump of each database, read back and
// compared before it counts.
//
// On the way back it restores, if any step that changes data after it was
// begun: what differs in the files is put right in place, and each database is
// restored and compared with what the dump knew of its content. The restore
// point itself stays; retention removes it.
//
// It imports the model, internal/step, internal/durable, internal/files,
// internal/database and internal/backup.
package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Engines gives the engine for a place where restore points are kept: a folder,
// or a repository with a folder for notes. It must give the same value for the same
// place: a first pass is remembered in it.
type Engines func(dir string, at *plan.Repository) backup.Engine

// Databases opens a database of the product in the name of an operation.
type Databases func(ctx context.Context, db plan.Database, opID string) (database.Database, error)

// Handler carries out the verb.
type Handler struct {
	fs        durable.FS
	engines   Engines
	databases Databases
	patience  time.Duration
}

// New makes a handler.
func New(fsys durable.FS, engines Engines, databases Databases) *Handler {
	return &Handler{fs: fsys, engines: engines, databases: databases, patience: 10 * time.Second}
}

// memo names the restore point.
type memo struct {
	ID  string `json:"id"`
	Dir bool   `json:"dir"` // the place was there
}

// PointID is the id of the restore point that a run makes under a key.
func PointID(run, key string) string { return run + "-" + key }

// Prepare names the restore point. Room is checked by Do, with the sizes of
// that moment.
func (h *Handler) Prepare(_ context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.BackupParams](s)
	if err != nil {
		return nil, err
	}
	m := memo{ID: PointID(env.Run, p.Key)}
	if err := backup.CheckID(m.ID); err != nil {
		return nil, err
	}
	if m.Dir, err = Exists(h.fs, p.Dir); err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

// job is one call on one restore point.
type job struct {
	*memo
	p   *plan.BackupParams
	e   backup.Engine
	env step.Env
}

func (h *Handler) open(env step.Env, s plan.Step, raw step.Memo) (*job, error) {
	p, err := step.Params[plan.BackupParams](s)
	if err != nil {
		return nil, err
	}
	m := &memo{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	return &job{memo: m, p: p, e: h.engines(p.Dir, p.Repository), env: env}, nil
}

// Do makes the restore point, unless this run has made it already.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	j, err := h.open(env, s, raw)
	if err != nil {
		return err
	}
	r, closeAll, err := Request(ctx, env, h.fs, j.e, j.p, h.databases)
	if err != nil {
		return err
	}
	defer closeAll()
	point, err := j.e.Finish(ctx, r)
	if err != nil {
		return Explain(err)
	}
	fmt.Fprintf(env.Log, "restore point %s in %s: %s\n", point.ID, Place(j.p), backup.Size(point.Size()))
	for _, part := range point.Parts {
		if part.Proof != nil {
			fmt.Fprintf(env.Log, "%s: %s in %s\n", part.Name, part.Proof.By, part.Proof.Took)
		}
		if part.Dump != nil && part.Dump.Consistency.By != "" {
			fmt.Fprintf(env.Log, "the dump of %s is of one moment by %s\n", part.Name, part.Dump.Consistency)
		}
		left := part.LeftOut
		if part.Dump != nil {
			left = append(left, part.Dump.LeftOut...)
		}
		for _, l := range left {
			fmt.Fprintf(env.Log, "not in the restore point of %s: %s\n", part.Name, l)
		}
	}
	return nil
}

// Explain makes of the engine's errors those that a person can mend.
func Explain(err error) error {
	var space *backup.SpaceError
	var place *backup.PlaceError
	switch {
	case errors.As(err, &place):
		return &step.UserError{Msg: "cannot make the restore point: " + place.Msg, Err: place.Err, Now: place.Now}
	case errors.As(err, &space):
		return &step.UserError{Msg: "cannot make the restore point", Err: err, Now: "make room, or name another place under backup: in the installation document"}
	case errors.Is(err, backup.ErrExists):
		return &step.UserError{Msg: "cannot make the restore point", Err: err, Now: "it is never overwritten; name another place under backup: in the installation document"}
	case errors.Is(err, backup.ErrNotProven):
		return &step.UserError{Msg: "the dump was restored into a scratch database, and what came out is not what the product's database holds: there is no restore point to go back to", Err: err,
			Now: "report it, with what the database holds; where the difference is known and does no harm, backup: {prove: never} in the installation document leaves the test restore out"}
	case errors.Is(err, database.ErrScratch):
		return &step.UserError{Msg: "the dump cannot be restored to prove it", Err: err, Now: "give what is missing, or leave the test restore out with backup: {prove: never} in the installation document"}
	case errors.Is(err, syscall.ENOSPC):
		return &step.UserError{Msg: "the volume of the restore points became full", Err: err, Now: "make room, or name another place under backup: in the installation document"}
	}
	return err
}

// Place is where restore points are kept, for people.
func Place(p *plan.BackupParams) string {
	if p.Repository != nil {
		return p.Repository.Location
	}
	return p.Dir
}

// covered says whether anything that changes data after this restore point was
// begun.
func (j *job) covered() bool {
	for _, id := range j.p.Covers {
		if j.env.Touched(id) {
			return true
		}
	}
	return false
}

// Exists says whether there is something at a path; an empty one has nothing.
func Exists(fsys durable.FS, path string) (bool, error) {
	if path == "" {
		return false, nil
	}
	_, err := fsys.Lstat(path)
	if err == nil {
		return true, nil
	}
	if errors.Is(err, errNotExist) {
		return false, nil
	}
	return false, err
}
