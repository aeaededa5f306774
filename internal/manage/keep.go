package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/plan"
	"upkeep/internal/site"
	"upkeep/internal/step"
	stepbackup "upkeep/internal/step/backup"
)

// neededPoints are the restore points that an open run may go back by, and that
// of the last upgrade: the next morning's way back.
func (in *Installation) neededPoints(ctx context.Context) ([]string, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	row, ok, err := j.OpenedRun(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	add := func(r *Run) {
		for _, s := range r.Plan.Steps {
			if s.Verb != "backup" {
				continue
			}
			if p, err := step.Params[plan.BackupParams](s); err == nil {
				out = append(out, stepbackup.PointID(r.ID, p.Key))
			}
		}
	}
	if ok {
		r, err := in.load(ctx, j, row)
		if err != nil {
			return nil, err
		}
		add(r)
	}
	var none *NoReturnError
	switch last, err := in.lastChange(ctx, j); {
	case err == nil:
		add(last)
	case !errors.As(err, &none):
		return nil, err
	}
	return out, nil
}

func (in *Installation) keptPoints(list []backup.Point) []site.Kept {
	proven := in.proven()
	var out []site.Kept
	for _, p := range list {
		if p.Broken == "" {
			out = append(out, p.Kept(proven(p)))
		}
	}
	return out
}

// retire removes the restore points that the retention does not keep, and names
// them; and those of people that are not removed, though the retention does not
// keep what is as old. It is for whoever holds the installation's lock.
func (in *Installation) retire(ctx context.Context, e backup.Engine) (gone, old []string, err error) {
	list, err := e.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	needed, err := in.neededPoints(ctx)
	if err != nil {
		return nil, nil, err
	}
	keep, kept, now := in.Doc.Backup.Keep, in.keptPoints(list), time.Now()
	for _, id := range keep.Surplus(kept, now, needed...) {
		if err := e.Remove(ctx, id); err != nil {
			return gone, nil, fmt.Errorf("the new restore point is complete, and an old one cannot be removed: %w", err)
		}
		gone = append(gone, id)
	}
	var people []site.Kept
	for _, p := range kept {
		if p.Run == "" && !p.Timer {
			p.Timer = true // as if a timer had made it
			people = append(people, p)
		}
	}
	return gone, keep.Surplus(people, now), nil
}

// wouldGo names the restore points that a run of this plan will remove at its
// end, as things are now.
func (in *Installation) wouldGo(ctx context.Context, p *plan.Plan) ([]string, error) {
	keep, id := site.Retention{}, "this run"
	var points []site.Kept
	for _, s := range p.Steps {
		switch s.Verb {
		case "clean-up":
			params, err := step.Params[plan.CleanUpParams](s)
			if err != nil || params.RestoreDir == "" {
				return nil, err
			}
			keep = params.Keep
		case "backup":
			params, err := step.Params[plan.BackupParams](s)
			if err != nil {
				return nil, err
			}
			points = append(points, site.Kept{ID: stepbackup.PointID(id, params.Key), Run: id, Made: time.Now()})
		}
	}
	if keep == (site.Retention{}) {
		return nil, nil
	}
	list, err := in.archive().List(ctx)
	if err != nil {
		return nil, err
	}
	gone := keep.Surplus(append(in.keptPoints(list), points...), time.Now(), stepbackup.PointID(id, "origin"))
	return slices.DeleteFunc(gone, func(gone string) bool {
		return slices.ContainsFunc(points, func(p site.Kept) bool { return p.ID == gone })
	}), nil
}

// RemovePoint removes a restore point that nothing needs.
func (in *Installation) RemovePoint(ctx context.Context, id string) error {
	l, err := in.exclusive(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	needed, err := in.neededPoints(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(needed, id) {
		return &step.UserError{Msg: "restore point " + id + " is what the way back goes by", Now: "it goes by itself, by retention, once another upgrade has been finished"}
	}
	if half, err := in.Restoring(); err != nil {
		return err
	} else if half != nil && half.Point == id {
		return half
	}
	return in.archive().Remove(ctx, id)
}
