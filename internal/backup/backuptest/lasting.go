package backuptest

import (
	"context"

	"upkeep/internal/backup"
	"upkeep/internal/database"
)

// lasting is an engine of which all that it says it has done must be durable.
type lasting struct {
	backup.Engine
	s *stage
}

// after looks at what a call has left.
func (l lasting) after(what string, err error) {
	l.s.t.Helper()
	if dirty := l.s.disk.Dirty(); err == nil && len(dirty) > 0 {
		l.s.t.Errorf("%s returned before these were durable, or the record spoke of them too early: %q", what, dirty)
	}
}

// Prepare and all the others are those of backup.Engine.
func (l lasting) Prepare(ctx context.Context, r backup.Request) error {
	err := l.Engine.Prepare(ctx, r)
	l.after("Prepare", err)
	return err
}

func (l lasting) Finish(ctx context.Context, r backup.Request) (backup.Point, error) {
	p, err := l.Engine.Finish(ctx, r)
	l.after("Finish", err)
	return p, err
}

func (l lasting) Amend(ctx context.Context, r backup.Request, parts ...string) (backup.Point, error) {
	p, err := l.Engine.Amend(ctx, r, parts...)
	l.after("Amend", err)
	return p, err
}

func (l lasting) RestoreFiles(ctx context.Context, id, part string, to backup.Target) (backup.Restored, error) {
	done, err := l.Engine.RestoreFiles(ctx, id, part, to)
	l.after("RestoreFiles", err)
	return done, err
}

func (l lasting) RestoreDatabase(ctx context.Context, id, part string, db database.Database) error {
	err := l.Engine.RestoreDatabase(ctx, id, part, db)
	l.after("RestoreDatabase", err)
	return err
}

func (l lasting) Remove(ctx context.Context, id string) error {
	err := l.Engine.Remove(ctx, id)
	l.after("Remove", err)
	return err
}

func (l lasting) Sweep(ctx context.Context, keep ...string) ([]string, error) {
	swept, err := l.Engine.Sweep(ctx, keep...)
	l.after("Sweep", err)
	return swept, err
}
