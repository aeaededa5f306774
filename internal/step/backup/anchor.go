package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Anchor is the verb `restore`: the point of the plan from which the way back
// restores. It stands behind the stop where the restore point was made before
// it, while the product was read-only: data is put back only while nothing of
// the product runs.
//
// A request that was under way when read-only was entered may have been kept
// behind the restore point's back. So, now that nothing writes any more, the
// data are compared with the restore point, and what differs is taken into it.
type Anchor struct {
	*Handler
	mu   sync.Mutex
	seen map[string]bool // points that this process has compared, or amended and read back
}

// NewAnchor makes the handler of that verb.
func NewAnchor(h *Handler) *Anchor { return &Anchor{Handler: h, seen: map[string]bool{}} }

// Do makes sure that the restore point is there and holds all that was written.
func (a *Anchor) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	j, err := a.open(env, s, raw)
	if err != nil {
		return err
	}
	point, err := j.e.Find(ctx, j.ID)
	if err != nil {
		return err
	}
	late, err := a.late(ctx, j, point)
	if err != nil {
		return err
	}
	if len(late)+len(point.Replaced) > 0 {
		if err := a.amend(ctx, j, late); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[j.ID] = true
	return nil
}

func (a *Anchor) amend(ctx context.Context, j *job, late []lateness) error {
	r, closeAll, err := Request(ctx, j.env, a.fs, j.e, j.p, a.databases)
	if err != nil {
		return err
	}
	defer closeAll()
	var parts []string
	for _, l := range late {
		fmt.Fprintf(j.env.Log, "written after the restore point was made, and taken into it: %s\n", l)
		parts = append(parts, l.part)
	}
	j.tell("taking into the restore point what was written after it was made: " + strings.Join(parts, ", "))
	_, err = j.e.Amend(ctx, r, parts...)
	return Explain(err)
}

// Observe compares, on the way forward, what Do of an earlier process may have
// left undone.
func (a *Anchor) Observe(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	o, err := a.Handler.Observe(ctx, env, s, raw)
	if err != nil || env.Direction == step.Back || o.State != step.New {
		return o, err
	}
	j, err := a.open(env, s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	point, err := j.e.Find(ctx, j.ID)
	if err != nil {
		return step.Observation{}, err
	}
	a.mu.Lock()
	seen := a.seen[j.ID]
	a.mu.Unlock()
	if !seen {
		late, err := a.late(ctx, j, point)
		if err != nil {
			return step.Observation{}, err
		}
		if len(late) > 0 {
			return step.Observation{State: step.Mixed, Evidence: "written after restore point " + j.ID + " was made: " + late[0].String()}, nil
		}
	}
	if len(point.Replaced) > 0 {
		return step.Observation{State: step.Mixed, Evidence: "restore point " + j.ID + " still has files that were replaced"}, nil
	}
	o.Evidence += ", and holds what was written until the stop"
	return o, nil
}

// lateness is a part of a restore point that differs from what is there.
type lateness struct{ part, why string }

func (l lateness) String() string { return l.part + ": " + l.why }

// late compares what is there with the restore point. A database whose mark has
// not moved and a file with its times of then are not read.
func (a *Anchor) late(ctx context.Context, j *job, point backup.Point) ([]lateness, error) {
	var out []lateness
	for _, f := range j.p.Files {
		why, err := a.lateFiles(ctx, j, point, f)
		if err != nil {
			return nil, fmt.Errorf("cannot compare the files of %s with restore point %s: %w", f.Component, j.ID, err)
		}
		if why != "" {
			out = append(out, lateness{f.Component, why})
		}
	}
	for _, d := range j.p.Databases {
		why, err := a.lateDatabase(ctx, j, point, d)
		if err != nil {
			return nil, err
		}
		if why != "" {
			out = append(out, lateness{d.Component, why})
		}
	}
	return out, nil
}

func (a *Anchor) lateDatabase(ctx context.Context, j *job, point backup.Point, d plan.Database) (string, error) {
	part, err := point.Part(d.Component)
	if err != nil || part.Dump == nil {
		return "", errors.Join(err, fmt.Errorf("restore point %s holds no dump of %s", j.ID, d.Component))
	}
	db, err := a.databases(ctx, d, j.env.OpID)
	if err != nil {
		return "", fmt.Errorf("cannot open the database of %s: %w", d.Component, err)
	}
	defer db.Close()
	mark, err := db.Mark(ctx)
	if err != nil {
		return "", err
	}
	if mark != "" && mark == part.Dump.Mark {
		return "", nil
	}
	j.tell("comparing the database of " + d.Component + " with the restore point")
	now, err := a.fingerprint(ctx, db, part)
	if err != nil {
		return "", fmt.Errorf("cannot compare the database of %s with its dump: %w", d.Component, err)
	}
	if ds := database.Compare(part.Dump.Fingerprint, now); len(ds) > 0 {
		return database.Summary(ds), nil
	}
	return "", nil
}

func (a *Anchor) lateFiles(ctx context.Context, j *job, point backup.Point, f plan.FileSource) (string, error) {
	part, err := point.Part(f.Component)
	if err != nil {
		return "", err
	}
	want, err := j.e.Tree(ctx, j.ID, f.Component)
	if err != nil {
		return "", err
	}
	o := files.Options{Exclude: part.Exclude, Include: part.Include}
	now, err := files.Scan(ctx, a.fs, f.Path, o)
	if err != nil {
		return "", err
	}
	var known files.Tree // what needs not be read
	for _, e := range now.Entries {
		w, ok := want.Find(e.Path)
		if ok && e.Type == files.File && w.Type == e.Type && w.Size == e.Size && w.MTime == e.MTime && !backup.Touched(point, e) {
			e.SHA256, e.Stamp.Settled = w.SHA256, true
			known.Entries = append(known.Entries, e)
		}
	}
	o.Hash, o.Known = true, &known
	if now, err = files.Scan(ctx, a.fs, f.Path, o); err != nil {
		return "", err
	}
	if ds := files.Compare(files.Scoped(want, part.Include), files.Scoped(now, part.Include), files.Fingerprint()); len(ds) > 0 {
		return fmt.Sprintf("%d differences, first %s", len(ds), ds[0]), nil
	}
	return "", nil
}
