// Package putback puts a part of files of a restore point back, whatever engine
// has stored it: staged beside the target, compared, exchanged with it as a whole
// or carried over file by file, and proven. It may import internal/backup,
// internal/durable, internal/files and the standard library.
package putback

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// ready is added to the name of a staged tree that is whole and on the disk.
const ready = ".ready"

// carried is added to the name of a staged tree whose files are being moved
// over one by one: what a kill leaves of it is ours.
const carried = ".carried"

// From is added to the name at which a Fill puts a part, for a folder that it
// needs meanwhile; what is left of it is swept.
const From = ".from"

// Fill puts entries of a part at a path where nothing is yet: those of tree, or
// of its files only those in some, unless that is nil. What it writes need not
// be durable.
type Fill func(ctx context.Context, at string, some map[string]bool) error

// Job is one restore of one part of files.
type Job struct {
	FS   durable.FS
	Part backup.Part
	Tree files.Tree // the part's description, sums included
	To   backup.Target
	Fill Fill
	// Read says that what Fill has written was not summed by it: the files are read
	// before they are used.
	Read bool
}

// Run fills the part in beside the target, compares it with the
// description, makes it durable, and then exchanges the two, or carries over what
// differs. Before that moment the target is untouched.
func (j Job) Run(ctx context.Context) (done backup.Restored, err error) {
	w := &restoring{fs: j.FS, fill: j.Fill, read: j.Read, part: j.Part, tree: j.Tree, want: files.Scoped(j.Tree, j.Part.Include), to: j.To, staging: files.StagingName(j.To.Path, j.To.OpID)}
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
	fs      durable.FS
	fill    Fill
	read    bool
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
	tree := w.staged()
	if v, err := w.fs.Free(filepath.Dir(w.staging)); err != nil {
		return err
	} else if need := tree.Bytes(); need > v.Free {
		return &backup.SpaceError{Need: backup.Need{Volume: v.ID, Path: filepath.Dir(w.to.Path), Bytes: need, Free: v.Free}}
	}
	if err := w.fill(ctx, w.staging, w.outdated); err != nil {
		return err
	}
	// Where the sums are those of what was written, owners, modes, times and
	// attributes are read back.
	got, err := files.Scan(ctx, w.fs, w.staging, files.Options{Hash: w.read})
	if err == nil {
		err = backup.Differ("what is stored of "+w.part.Name, tree, got)
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
	return errors.Join(w.discard(w.staging), w.discard(w.staging+From), w.discard(w.staging+carried))
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
