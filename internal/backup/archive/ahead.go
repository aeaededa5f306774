package archive

import (
	"context"
	"errors"
	"maps"
	"slices"

	"upkeep/internal/backup"
	"upkeep/internal/database"
)

// aheadOf is the stem of the dump of a database that was made in the first
// pass.
func aheadOf(name string) string { return name + "@ahead" }

// dumpFile is the file of a dump.
func dumpFile(stem string) string { return stem + ".dump.zst" }

// ahead dumps the databases whose marks are still those from before: where
// others write all the time, a dump would only be made in vain. One that is
// locked now is left to Finish.
func (a *Archive) ahead(ctx context.Context, dir string, r backup.Request, before map[string]string, f *first, tell func(string) func(int64)) error {
	now, err := r.Marks(ctx)
	if err != nil {
		return err
	}
	for _, d := range r.Databases {
		if now[d.Name] == "" || now[d.Name] != before[d.Name] {
			continue
		}
		part, err := a.dump(ctx, dir, aheadOf(d.Name), d, f, tell(d.Name))
		switch {
		case err == nil && part.Dump.Mark != "":
			f.Dumps[d.Name] = part
			continue
		case err != nil && !errors.Is(err, database.ErrInUse):
			return err
		}
		if err := a.fs.RemoveAll(a.path(dir, a.keys.name(dumpFile(aheadOf(d.Name))))); err != nil {
			return err
		}
	}
	return r.Remark(ctx, f.Dumps)
}

// current gives the first pass with those of its dumps that are what a dump
// would be now: the database's mark has not moved. The others are removed, to
// give their room to those that Finish makes.
func (a *Archive) current(ctx context.Context, r backup.Request, f *first) (*first, error) {
	if len(f.Dumps) == 0 {
		return f, nil
	}
	now, err := r.Marks(ctx)
	if err != nil {
		return f, err
	}
	c := *f
	c.Dumps = maps.Clone(f.Dumps)
	for name, part := range f.Dumps {
		stored, _ := part.File(backup.Dump)
		i, err := a.fs.Lstat(a.path(r.ID+partial, stored.Name))
		if err == nil && i.Size == stored.Bytes && now[name] == part.Dump.Mark {
			continue
		}
		delete(c.Dumps, name)
		if err := a.fs.RemoveAll(a.path(r.ID+partial, stored.Name)); err != nil {
			return f, err
		}
	}
	return &c, nil
}

// take gives a dump of the first pass the name that dumps have. Interrupted, it
// is made anew.
func (a *Archive) take(dir string, part backup.Part) (backup.Part, error) {
	part.Stored = slices.Clone(part.Stored)
	for i, s := range part.Stored {
		if s.Role != backup.Dump {
			continue
		}
		part.Stored[i].Name = a.keys.name(dumpFile(part.Name))
		if err := a.fs.Rename(a.path(dir, s.Name), a.path(dir, part.Stored[i].Name)); err != nil {
			return part, err
		}
	}
	return part, nil
}
