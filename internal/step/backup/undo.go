package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// cheap is up to which size of a dump a database is first looked at, so that
// one that has not changed is left alone. A bigger one is restored at once.
const cheap = 256 << 20

// Undo puts the data back as the restore point has it, if anything may have
// changed it or a proof is asked for; otherwise it removes an unfinished restore
// point.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	j, err := h.open(env, s, raw)
	if err != nil {
		return err
	}
	point, err := j.e.Find(ctx, j.ID)
	switch {
	case errors.Is(err, backup.ErrNotFound) && j.covered():
		return &step.UserError{Msg: fmt.Sprintf("cannot put the data back: there is no restore point %s in %s", j.ID, j.p.Dir), Err: err,
			Now: "bring it back to that folder, then: upkeep resume"}
	case errors.Is(err, backup.ErrNotFound):
		return h.sweep(ctx, j)
	case err != nil && !j.covered():
		return nil // whatever is wrong with it: nothing depends on it
	case err != nil:
		return err
	case !j.covered() && !j.p.Prove:
		fmt.Fprintf(env.Log, "no step that is taken back by restore point %s here was begun: nothing is put back\n", j.ID)
		return nil
	}
	return h.restore(ctx, j, point)
}

// restore puts every part back as the restore point has it.
func (h *Handler) restore(ctx context.Context, j *job, point backup.Point) error {
	for _, f := range j.p.Files {
		if err := h.restoreFiles(ctx, j, f); err != nil {
			return err
		}
	}
	for _, d := range j.p.Databases {
		if err := h.restoreDatabase(ctx, j, point, d); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes what is unfinished, and the place if this step made it.
func (h *Handler) sweep(ctx context.Context, j *job) error {
	if _, err := j.e.Sweep(ctx); err != nil {
		return err
	}
	return RemoveEmpty(h.fs, j.p.Dir, j.Dir)
}

// restoreFiles puts right what differs, in place: the tree's root stays the
// directory that it is, by which the step install knows it.
func (h *Handler) restoreFiles(ctx context.Context, j *job, f plan.FileSource) error {
	j.tell("comparing and restoring " + f.Component)
	done, err := j.e.RestoreFiles(ctx, j.ID, f.Component, backup.Target{Path: f.Path, OpID: j.env.OpID, InPlace: true})
	if err != nil {
		return fmt.Errorf("cannot put the files of %s back: %w", f.Component, err)
	}
	for _, d := range done.Changed {
		fmt.Fprintf(j.env.Log, "put back %s: %s\n", f.Component, d)
	}
	return nil
}

func (h *Handler) restoreDatabase(ctx context.Context, j *job, point backup.Point, d plan.Database) error {
	part, err := point.Part(d.Component)
	if err != nil {
		return err
	}
	if part.Dump == nil {
		return fmt.Errorf("cannot put the database of %s back: restore point %s holds no dump of it", d.Component, j.ID)
	}
	db, err := h.databases(ctx, d, j.env.OpID)
	if err != nil {
		return fmt.Errorf("cannot open the database of %s: %w", d.Component, err)
	}
	defer db.Close()
	if part.Dump.Bytes <= cheap || j.p.Prove {
		now, err := h.fingerprint(ctx, db, part)
		switch {
		case err == nil && len(database.Compare(part.Dump.Fingerprint, now)) == 0:
			fmt.Fprintf(j.env.Log, "the database of %s is as the restore point has it\n", d.Component)
			return nil
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		}
	}
	j.tell("restoring the database of " + d.Component)
	if err := j.e.RestoreDatabase(ctx, j.ID, d.Component, db); err != nil {
		return fmt.Errorf("cannot put the database of %s back: %w", d.Component, err)
	}
	fmt.Fprintf(j.env.Log, "restored the database of %s from %s, and compared it\n", d.Component, j.ID)
	return nil
}

// errBusy: a database could not be read in time.
var errBusy = errors.New("it could not be read in time; a session that is left may hold a lock")

// fingerprint reads a database, but does not wait for ever: what the failed
// version has left on the server may hold a lock, until the restore ends it.
func (h *Handler) fingerprint(ctx context.Context, db database.Database, part backup.Part) (database.Fingerprint, error) {
	const slow = 10 << 20 // bytes a second
	ctx, cancel := context.WithTimeoutCause(ctx, h.patience+time.Duration(part.Dump.Bytes/slow)*time.Second, errBusy)
	defer cancel()
	now, err := db.Fingerprint(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errBusy) {
		err = errBusy
	}
	return now, err
}

func (j *job) tell(line string) {
	if j.env.Progress != nil {
		j.env.Progress(step.Progress{Line: line})
	}
}

// differs compares the data with the restore point; an empty text says that
// nothing differs.
func (h *Handler) differs(ctx context.Context, j *job, point backup.Point) (string, error) {
	for _, f := range j.p.Files {
		part, err := point.Part(f.Component)
		if err != nil {
			return "", err
		}
		want, err := j.e.Tree(ctx, j.ID, f.Component)
		if err != nil {
			return "", err
		}
		have, err := files.Scan(ctx, h.fs, f.Path, files.Options{Hash: true, Exclude: part.Exclude, Include: part.Include})
		if errors.Is(err, errNotExist) {
			return fmt.Sprintf("%s: %s is missing", f.Component, f.Path), nil
		} else if err != nil {
			return "", err
		}
		if ds := files.Compare(files.Scoped(want, part.Include), files.Scoped(have, part.Include), files.Fingerprint()); len(ds) > 0 {
			return fmt.Sprintf("%s: %d differences, first %s", f.Component, len(ds), ds[0]), nil
		}
		if left, err := h.staged(f.Path, j.env.OpID); left != "" || err != nil {
			return fmt.Sprintf("%s: %s is still there", f.Component, left), err
		}
	}
	for _, d := range j.p.Databases {
		why, err := h.databaseDiffers(ctx, j, point, d)
		if why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

func (h *Handler) databaseDiffers(ctx context.Context, j *job, point backup.Point, d plan.Database) (string, error) {
	part, err := point.Part(d.Component)
	if err != nil || part.Dump == nil {
		return "", errors.Join(err, fmt.Errorf("restore point %s holds no dump of %s", j.ID, d.Component))
	}
	db, err := h.databases(ctx, d, j.env.OpID)
	if err != nil {
		return "", fmt.Errorf("cannot open the database of %s: %w", d.Component, err)
	}
	defer db.Close()
	now, err := h.fingerprint(ctx, db, part)
	if err != nil {
		return "", fmt.Errorf("cannot compare the database of %s with its dump: %w", d.Component, err)
	}
	if ds := database.Compare(part.Dump.Fingerprint, now); len(ds) > 0 {
		return fmt.Sprintf("the database of %s: %s", d.Component, database.Summary(ds)), nil
	}
	return "", nil
}
