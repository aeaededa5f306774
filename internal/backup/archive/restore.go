package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// ready is added to the name of a staged tree that is whole and on the disk.
const ready = ".ready"

// carried is added to the name of a staged tree whose files are being moved
// over one by one: what a kill leaves of it is ours.
const carried = ".carried"

// RestoreFiles unpacks the part beside the target, compares it with the
// manifest, makes it durable, and then exchanges the two, or carries over what
// differs. Before that moment the target is untouched.
func (a *Archive) RestoreFiles(ctx context.Context, id, part string, to backup.Target) (backup.Restored, error) {
	r, err := a.restore(ctx, id, part, to)
	if err != nil {
		return r, fmt.Errorf("cannot restore %s of restore point %s to %s: %w", part, id, to.Path, err)
	}
	return r, nil
}

func (a *Archive) restore(ctx context.Context, id, name string, to backup.Target) (done backup.Restored, err error) {
	_, part, tree, err := a.part(ctx, id, name)
	if err != nil {
		return done, err
	}
	w := &restoring{Archive: a, id: id, part: part, tree: tree, want: files.Scoped(tree, part.Include), to: to, staging: files.StagingName(to.Path, to.OpID)}
	defer func() {
		if err != nil { // the next try may be another step's, which would not find what is staged
			err = errors.Join(err, w.sweep())
		}
	}()
	now, err := w.look(ctx, false)
	if err != nil {
		return done, err
	}
	inPlace, err := w.inPlace(now)
	if err != nil {
		return done, err
	}
	if done.Changed = w.differences(now); inPlace || len(done.Changed) == 0 {
		// Content has to be read only where it decides something: a tree that
		// differs already is exchanged as a whole.
		if now, err = w.look(ctx, true); err != nil {
			return done, err
		}
		done.Changed = w.differences(now)
	}
	if len(done.Changed) == 0 {
		// Nothing to do, or an earlier run died after the exchange.
		done.Old, err = w.settle(ctx)
		return done, err
	}
	if inPlace {
		w.outdated = outdated(w.want, now)
	}
	if err := w.stage(ctx); err != nil {
		return done, err
	}
	if !inPlace {
		err = w.exchange(len(now.Entries) > 0)
		if inPlace = errors.Is(err, durable.ErrExchangeUnsupported); inPlace {
			now, err = w.look(ctx, true)
			w.outdated = outdated(w.want, now)
			if err == nil {
				err = w.fs.Rename(w.staging+ready, w.staging+carried)
			}
		}
	}
	if err == nil && inPlace {
		err = w.carry(ctx, now)
	}
	if done.InPlace = inPlace; err != nil {
		return done, err
	}
	if !done.InPlace {
		if done.Old, err = w.settle(ctx); err != nil {
			return done, err
		}
	} else if err = w.discard(w.staging + carried); err != nil {
		return done, err
	}
	err = w.prove(ctx, done.InPlace)
	return done, err
}

// restoring is one restore of one part.
type restoring struct {
	*Archive
	id      string
	part    backup.Part
	tree    files.Tree // all that is stored
	want    files.Tree // of it, what is meant: without the directories above what was included
	to      backup.Target
	staging string
	// outdated, unless nil, are the files that are carried over one by one: only
	// these are staged. What is right already needs no room.
	outdated map[string]bool
}

// staged describes what is unpacked.
func (w *restoring) staged() files.Tree {
	if w.outdated == nil {
		return w.tree
	}
	var t files.Tree
	for _, e := range w.tree.Entries {
		if e.Type == files.Dir || w.outdated[e.Path] {
			t.Entries = append(t.Entries, e)
		}
	}
	return t
}

// look describes the target; there is nothing to describe where it is missing.
func (w *restoring) look(ctx context.Context, hash bool) (files.Tree, error) {
	t, err := files.Scan(ctx, w.fs, w.to.Path, files.Options{Exclude: w.part.Exclude, Include: w.part.Include, Hash: hash})
	if errors.Is(err, fs.ErrNotExist) {
		return files.Tree{}, nil
	}
	return files.Scoped(t, w.part.Include), err
}

func (w *restoring) scan(ctx context.Context, path string) (files.Tree, error) {
	return files.Scan(ctx, w.fs, path, files.Options{Exclude: w.part.Exclude, Hash: true})
}

// stage unpacks beside the target. The name says when it is whole, or all that
// is to be carried over.
func (w *restoring) stage(ctx context.Context) error {
	if err := w.aside(ctx); err != nil {
		return err
	}
	if err := w.sweep(); err != nil {
		return err
	}
	if err := w.fs.MkdirAll(filepath.Dir(w.staging), 0o755); err != nil {
		return err
	}
	tree, options := w.staged(), unlimited(w.tree)
	if w.outdated != nil {
		options.Skip = func(path string) bool { return !w.outdated[path] }
	}
	if v, err := w.fs.Free(filepath.Dir(w.staging)); err != nil {
		return err
	} else if need := tree.Bytes(); need > v.Free {
		return &backup.SpaceError{Need: backup.Need{Volume: v.ID, Path: filepath.Dir(w.to.Path), Bytes: need, Free: v.Free}}
	}
	err := w.unpack(ctx, w.id, w.part, w.tree, func(r io.Reader) (files.Tree, error) {
		return files.Unpack(ctx, w.fs, r, w.staging, options)
	})
	if err != nil {
		return err
	}
	// The sums are those of what was written; owners, modes, times and
	// attributes are read back.
	got, err := files.Scan(ctx, w.fs, w.staging, files.Options{})
	if err == nil {
		err = differ(w.part.Name, tree, got)
	}
	if err == nil && w.outdated == nil { // what is carried over is synced where it comes to lie
		err = w.fs.SyncTree(w.staging)
	}
	if err != nil {
		return err
	}
	if w.outdated != nil {
		return w.fs.Rename(w.staging, w.staging+carried)
	}
	return w.fs.Rename(w.staging, w.staging+ready)
}

// aside looks at what lies under the name of a whole staged tree: of a run that
// died. Our own copy is removed; anything else is the replaced tree of a run
// after which the target was changed again, and is kept under another name.
func (w *restoring) aside(ctx context.Context) error {
	got, err := w.scan(ctx, w.staging+ready)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(files.Compare(w.tree, got, files.Ignore{})) == 0 {
		return w.discard(w.staging + ready)
	}
	for n := 1; ; n++ {
		err := w.fs.Rename(w.staging+ready, fmt.Sprintf("%s.replaced-%d", w.to.Path, n))
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

// sweep removes what a run that died has left of its own.
func (w *restoring) sweep() error {
	return errors.Join(w.discard(w.staging), w.discard(w.staging+carried))
}

// discard removes a tree of ours or of the product's. An ordinary account cannot
// empty a directory that it may not write to, even its own: that is made
// writable first.
func (w *restoring) discard(path string) error {
	err := w.fs.RemoveAll(path)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	t, scanErr := files.Scan(context.Background(), w.fs, path, files.Options{})
	if scanErr != nil {
		return errors.Join(err, scanErr)
	}
	if err := w.open(path, t); err != nil {
		return err
	}
	return w.fs.RemoveAll(path)
}

// open makes directories writable to their owner.
func (w *restoring) open(root string, t files.Tree) error {
	const mine = 0o700
	for _, e := range t.Entries {
		if e.Type != files.Dir || e.Mode&mine == mine {
			continue
		}
		if err := w.fs.Unsynced().Chmod(under(root, e.Path), e.FileMode()|mine); err != nil {
			return err
		}
	}
	return nil
}

// exchange swaps the trees; a target that is missing is simply put there.
func (w *restoring) exchange(exists bool) error {
	if !exists {
		if _, err := w.fs.Lstat(w.to.Path); errors.Is(err, fs.ErrNotExist) {
			return w.fs.Rename(w.staging+ready, w.to.Path)
		}
	}
	return w.fs.Exchange(w.staging+ready, w.to.Path)
}

// settle disposes of the replaced tree and of what else is staged.
func (w *restoring) settle(ctx context.Context) (old string, err error) {
	if err := w.sweep(); err != nil {
		return "", err
	}
	if _, err := w.fs.Lstat(w.staging + ready); errors.Is(err, fs.ErrNotExist) {
		return w.kept(), nil
	} else if err != nil {
		return "", err
	}
	if w.to.KeepOld == "" {
		return "", w.discard(w.staging + ready)
	}
	// The copy of a run that found nothing to do any more is not the old tree.
	got, err := w.scan(ctx, w.staging+ready)
	if err != nil {
		return "", err
	}
	if len(files.Compare(w.tree, got, files.Ignore{})) == 0 {
		return w.kept(), w.discard(w.staging + ready)
	}
	if err := w.fs.Rename(w.staging+ready, w.to.KeepOld); err != nil {
		return "", err
	}
	return w.to.KeepOld, nil
}

// kept is where an earlier run of this operation put the replaced tree.
func (w *restoring) kept() string {
	if w.to.KeepOld != "" {
		if _, err := w.fs.Lstat(w.to.KeepOld); err == nil {
			return w.to.KeepOld
		}
	}
	return ""
}

// prove reads the target back. After an exchange it is the very tree that was
// read before; after work in place it is read again.
func (w *restoring) prove(ctx context.Context, all bool) error {
	o := files.Options{Exclude: w.part.Exclude, Include: w.part.Include, Hash: all}
	got, err := files.Scan(ctx, w.fs, w.to.Path, o)
	if err != nil {
		return err
	}
	if list := w.differences(files.Scoped(got, w.part.Include)); len(list) > 0 {
		return fmt.Errorf("%w: %s (%d differences)", backup.ErrNotProven, list[0], len(list))
	}
	return nil
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
