package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"upkeep/internal/backup"
	"upkeep/internal/backup/putback"
	"upkeep/internal/database"
	"upkeep/internal/files"
)

// RestoreFiles unpacks the part beside the target and puts it in its place.
func (a *Archive) RestoreFiles(ctx context.Context, id, part string, to backup.Target) (backup.Restored, error) {
	r, err := a.restore(ctx, id, part, to)
	if err != nil {
		return r, fmt.Errorf("cannot restore %s of restore point %s to %s: %w", part, id, to.Path, err)
	}
	return r, nil
}

func (a *Archive) restore(ctx context.Context, id, name string, to backup.Target) (backup.Restored, error) {
	_, part, tree, err := a.part(ctx, id, name)
	if err != nil {
		return backup.Restored{}, err
	}
	fill := func(ctx context.Context, at string, some map[string]bool) error {
		options := files.UnpackOptions{Exact: true, Limits: limits(tree)}
		if some != nil {
			options.Skip = func(path string) bool { return !some[path] }
		}
		return a.unpack(ctx, id, part, tree, func(r io.Reader) (files.Tree, error) {
			return files.Unpack(ctx, a.fs, r, at, options)
		})
	}
	return putback.Job{FS: a.fs, Part: part, Tree: tree, To: to, Fill: fill}.Run(ctx)
}

// RestoreDatabase streams the dump: its sum is compared before the database
// takes it over, since the reader ends in an error otherwise.
func (a *Archive) RestoreDatabase(ctx context.Context, id, name string, db database.Database) error {
	fail := func(err error) error {
		return fmt.Errorf("cannot restore %s of restore point %s: %w", name, id, err)
	}
	p, err := a.Find(ctx, id)
	if err != nil {
		return err
	}
	part, err := p.Part(name)
	if err != nil {
		return err
	}
	stored, ok := part.File(backup.Dump)
	if !ok || part.Dump == nil || part.Kind != db.Kind() {
		return fail(fmt.Errorf("it is a part of kind %s, and the database is %s", part.Kind, db.Kind()))
	}
	r, err := a.unzip(ctx, id, stored)
	if err != nil {
		return fail(err)
	}
	err = db.Restore(ctx, plainReader{r})
	if err := errors.Join(err, r.Close()); err != nil {
		return fail(err)
	}
	got, err := db.Fingerprint(ctx)
	if err != nil {
		return fail(err)
	}
	if list := database.Compare(part.Dump.Fingerprint, got); len(list) > 0 {
		return fail(fmt.Errorf("%w: %s", backup.ErrNotProven, database.Summary(list)))
	}
	return nil
}
