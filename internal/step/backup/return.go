package backup

import (
	"context"
	"encoding/json"
	"fmt"

	"upkeep/internal/backup"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Return is the verb `return`: files and databases are put back as an earlier
// run's restore point has them, which takes a whole upgrade back; trees that
// the run has added are taken away. It stands behind a restore point of the
// present state, and is taken back by that.
type Return struct{ *Handler }

// NewReturn makes the handler of that verb.
func NewReturn(h *Handler) *Return { return &Return{h} }

// Prepare refuses when the restore point is not there, or holds less than is
// to be put back.
func (r *Return) Prepare(ctx context.Context, _ step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.ReturnParams](s)
	if err != nil {
		return nil, err
	}
	point, err := r.engines(p.Dir, p.Repository).Find(ctx, p.Point)
	if err != nil {
		return nil, &step.UserError{Msg: fmt.Sprintf("cannot go back without restore point %s in %s", p.Point, p.Dir), Err: err, Now: "bring it back to that folder"}
	}
	for _, f := range p.Files {
		if _, err := point.Part(f.Component); err != nil {
			return nil, err
		}
	}
	for _, d := range p.Databases {
		if _, err := point.Part(d.Component); err != nil {
			return nil, err
		}
	}
	for _, a := range p.Gone {
		mounts, err := r.fs.Mounts(a.At)
		if err != nil {
			return nil, err
		}
		if len(mounts) > 0 {
			return nil, &step.UserError{Msg: fmt.Sprintf("cannot take %s away: another volume is mounted at %s, and what is on it would go too", a.Component, mounts[0]), Now: "unmount it"}
		}
	}
	return json.Marshal(memo{ID: p.Point, Dir: true})
}

// open looks at the earlier run's restore point as its own way back would.
func (r *Return) open(env step.Env, s plan.Step, raw step.Memo) (*job, *plan.ReturnParams, backup.Point, error) {
	p, err := step.Params[plan.ReturnParams](s)
	if err != nil {
		return nil, nil, backup.Point{}, err
	}
	m := &memo{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, nil, backup.Point{}, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	j := &job{memo: m, p: &p.BackupParams, e: r.engines(p.Dir, p.Repository), env: env}
	point, err := j.e.Find(context.Background(), j.ID)
	return j, p, point, err
}

// Do puts everything back and compares it. It converges when it is killed and
// done again.
func (r *Return) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	j, p, point, err := r.open(env, s, raw)
	if err != nil {
		return err
	}
	if err := r.restore(ctx, j, point); err != nil {
		return err
	}
	for _, a := range p.Gone {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		j.tell("taking away " + a.Component)
		if err := r.fs.RemoveAll(a.At); err != nil {
			return fmt.Errorf("cannot take %s away: %w", a.Component, err)
		}
		fmt.Fprintf(env.Log, "took away %s, which run %s had added: %s\n", a.Component, p.Run, a.At)
	}
	return nil
}

// Undo leaves it to the restore point of the state before.
func (r *Return) Undo(context.Context, step.Env, plan.Step, step.Memo) error { return nil }

// Observe compares, on the way forward, all files and databases with the
// restore point.
func (r *Return) Observe(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	if env.Direction == step.Back {
		return step.Observation{State: step.Old, Evidence: "left to the restore point of the state before"}, nil
	}
	j, p, point, err := r.open(env, s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	why, err := r.differs(ctx, j, point)
	if err != nil {
		return step.Observation{}, err
	}
	for _, a := range p.Gone {
		there, err := Exists(r.fs, a.At)
		if err != nil {
			return step.Observation{}, err
		}
		if there && why == "" {
			why = a.Component + ": " + a.At + " is still there"
		}
	}
	if why != "" {
		return step.Observation{State: step.Mixed, Evidence: "not as in restore point " + j.ID + ": " + why}, nil
	}
	return step.Observation{State: step.New, Evidence: fmt.Sprintf("files and databases are as in restore point %s, compared in full", j.ID)}, nil
}
