package putback

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"upkeep/internal/files"
)

// inPlace says whether the tree cannot be exchanged as a whole: what was left
// out of the restore point must stay, and mounts stay where they are.
func (w *restoring) inPlace(now files.Tree) (bool, error) {
	if len(now.Entries) == 0 {
		if _, err := w.fs.Lstat(w.to.Path); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
	}
	if w.to.InPlace || len(w.part.Exclude)+len(w.part.Include) > 0 {
		return true, nil
	}
	mounts, err := w.fs.Mounts(w.to.Path)
	if err != nil || len(mounts) > 0 {
		return true, err
	}
	info, err := w.fs.Lstat(w.to.Path)
	// A link to the tree stays a link.
	return err == nil && info.IsLink(), err
}

// carry makes the target equal to the staged tree, entry by entry: what is too
// much is removed, what differs is moved over from the staged tree. A kill
// leaves a mixture, which the next run finds by comparing anew; the staged tree
// is made anew, too. Nothing is read by anybody meanwhile: the product is
// stopped.
func (w *restoring) carry(ctx context.Context, now files.Tree) error {
	root, err := filepath.EvalSymlinks(w.to.Path)
	if err != nil {
		return err
	}
	c := &carrier{restoring: w, root: root, from: w.staging + carried, now: now}
	if os.Geteuid() != 0 {
		if err := w.open(root, now); err != nil {
			return err
		}
		if err := w.open(c.from, w.tree); err != nil {
			return err
		}
	}
	if err := c.clear(ctx); err != nil {
		return err
	}
	if err := c.fill(ctx); err != nil {
		return err
	}
	if err := c.dress(ctx); err != nil {
		return err
	}
	mounts, err := w.fs.Mounts(root)
	if err != nil {
		return err
	}
	for _, volume := range append(mounts, root) { // each is synced for itself
		if err := w.fs.SyncTree(volume); err != nil {
			return err
		}
	}
	return nil
}

type carrier struct {
	*restoring
	root, from string
	now        files.Tree
}

func under(root, path string) string {
	if path == "." {
		return root
	}
	return strings.TrimSuffix(root, "/") + "/" + path
}

// clear removes what the restore point does not have, or has as another type.
// What was left out stays, and so do the directories above it.
func (c *carrier) clear(ctx context.Context) error {
	for i := len(c.now.Entries) - 1; i >= 0; i-- {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		e := c.now.Entries[i]
		want, ok := c.want.Find(e.Path)
		if ok && want.Type == e.Type || e.Path == "." {
			continue
		}
		err := c.fs.Unsynced().Remove(under(c.root, e.Path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !(e.Type == files.Dir && !ok) {
			return err
		}
	}
	return nil
}

// fill makes missing directories, and moves over every file, link or node that
// is missing or differs in more than a directory's own marks. The names of one
// file go together.
func (c *carrier) fill(ctx context.Context) error {
	fsys := c.fs.Unsynced()
	for _, want := range c.want.Entries {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		switch {
		case want.Type == files.Dir && want.Path != ".":
			if have, ok := c.now.Find(want.Path); ok && have.Type == files.Dir {
				continue
			}
			if err := fsys.Mkdir(under(c.root, want.Path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		case c.outdated[want.Path]:
			if err := c.move(ctx, want.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

// outdated gives the paths of which the file itself, or another name of it, is
// not as wanted.
func outdated(want, now files.Tree) map[string]bool {
	groups := map[string]bool{}
	for _, d := range files.Compare(want, now, files.Ignore{}) {
		if e, ok := want.Find(d.Path); ok {
			groups[firstName(e)] = true
		}
	}
	out := map[string]bool{}
	for _, e := range want.Entries {
		if e.Type != files.Dir && groups[firstName(e)] {
			out[e.Path] = true
		}
	}
	return out
}

// move takes a staged file over. Below a mount it has to be copied first.
func (c *carrier) move(ctx context.Context, path string) error {
	from, at := under(c.from, path), under(c.root, path)
	err := c.fs.Unsynced().Replace(from, at)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	beside := files.StagingName(at, c.to.OpID)
	if err := c.fs.RemoveAll(beside); err != nil {
		return err
	}
	if _, err := files.CopyTree(ctx, c.fs, from, beside, files.Options{}); err != nil {
		return err
	}
	return c.fs.Replace(beside, at)
}

// dress gives directories their owners, modes, attributes and times, deepest
// first, since work in a directory moves its time.
func (c *carrier) dress(ctx context.Context) error {
	fsys := c.fs.Unsynced()
	for i := len(c.want.Entries) - 1; i >= 0; i-- {
		want := c.want.Entries[i]
		if want.Type != files.Dir {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		at := under(c.root, want.Path)
		have, err := fsys.Lstat(at)
		if err != nil {
			return err
		}
		if have.UID != want.UID || have.GID != want.GID {
			if err := fsys.Chown(at, want.UID, want.GID); err != nil {
				return err
			}
		}
		if err := fsys.Chmod(at, want.FileMode()); err != nil {
			return err
		}
		if err := c.attributes(at, want); err != nil {
			return err
		}
		if err := fsys.Chtimes(at, time.Unix(0, want.MTime)); err != nil {
			return err
		}
	}
	return nil
}

func (c *carrier) attributes(at string, want files.Entry) error {
	fsys := c.fs.Unsynced()
	have, err := fsys.Xattrs(at)
	if err != nil {
		return err
	}
	for name := range have {
		if _, ok := want.Xattrs[name]; !ok {
			if err := fsys.RemoveXattr(at, name); err != nil {
				return err
			}
		}
	}
	for name, value := range want.Xattrs {
		if old, ok := have[name]; !ok || !bytes.Equal(old, value) {
			if err := fsys.SetXattr(at, name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// differences are those that count: where something was left out of the
// restore point, a directory may be there just to hold that.
func (w *restoring) differences(now files.Tree) []files.Difference {
	list := files.Compare(w.want, now, files.Ignore{})
	if len(w.part.Exclude)+len(w.part.Include) == 0 {
		return list
	}
	holds := func(dir string) bool { // something that counts
		for _, e := range now.Entries {
			if e.Type != files.Dir && strings.HasPrefix(e.Path, dir+"/") {
				return true
			}
		}
		return false
	}
	var out []files.Difference
	for _, d := range list {
		if e, ok := now.Find(d.Path); d.What == files.Added && ok && e.Type == files.Dir && !holds(d.Path) {
			if left, err := w.fs.ReadDir(under(w.to.Path, d.Path)); err == nil && len(left) > 0 {
				continue
			}
		}
		out = append(out, d)
	}
	return out
}

func firstName(e files.Entry) string {
	if e.HardLink != "" {
		return e.HardLink
	}
	return e.Path
}
