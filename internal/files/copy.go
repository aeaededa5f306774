package files

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"upkeep/internal/durable"
)

// CopyTree makes an exact copy of the tree (or single file) at from under the new name to: content, mode, owner, times, extended
// attributes, hard links within the tree, holes, links as links, FIFOs, sockets and device nodes as nodes. What cannot be kept exactly is an
// error (another account's files need root, unless o.Mine). to must not exist; after an error what was copied so far is removed. The copy is durable.
//
// It returns the description of what was copied, without sums. The source must be at rest: a file that changes meanwhile is an error.
func CopyTree(ctx context.Context, fsys durable.FS, from, to string, o Options) (Tree, error) {
	o.Hash, o.Known = false, nil
	t, err := Scan(ctx, fsys, from, o)
	if err != nil {
		return Tree{}, err
	}
	if _, err := fsys.Lstat(to); err == nil {
		return Tree{}, fmt.Errorf("cannot copy %s: %s exists already", from, to)
	}
	c := &copier{fsys: fsys.Unsynced(), from: from, to: to, mine: o.Mine, buf: make([]byte, 256<<10)}
	err = c.all(ctx, t)
	if err == nil {
		err = fsys.SyncTree(to)
	}
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(to))
	}
	if err != nil {
		// Only what was made here is removed: `to` did not exist, and Create and Mkdir never reuse a name.
		if c.made {
			_ = fsys.RemoveAll(to)
		}
		return Tree{}, fmt.Errorf("cannot copy %s to %s: %w", from, to, err)
	}
	return t, nil
}

type copier struct {
	fsys     durable.FS
	from, to string
	mine     bool
	made     bool
	buf      []byte
}

func (c *copier) all(ctx context.Context, t Tree) error {
	for _, e := range t.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.one(e); err != nil {
			return err
		}
		c.made = true
	}
	// Directories last and deepest first: what is made in them moves their times.
	for i := len(t.Entries) - 1; i >= 0; i-- {
		if e := t.Entries[i]; e.Type == Dir {
			if err := c.dress(join(c.to, e.Path), e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *copier) one(e Entry) error {
	to := join(c.to, e.Path)
	var err error
	switch {
	case e.Type == Dir:
		return c.fsys.Mkdir(to, 0o700)
	case e.HardLink != "":
		return c.fsys.Link(join(c.to, e.HardLink), to)
	case e.Type == Link:
		err = c.fsys.Symlink(e.Target, to)
	case e.Type == File:
		err = c.file(e, to)
	default:
		err = c.fsys.Mknod(to, e.FileMode(), e.Rdev)
	}
	if err != nil {
		return err
	}
	return c.dress(to, e)
}

// dress gives what was made what its entry says of it, but for the owner where
// the copy belongs to whoever makes it.
func (c *copier) dress(to string, e Entry) error {
	if c.mine {
		have, err := c.fsys.Lstat(to)
		if err != nil {
			return err
		}
		e.UID, e.GID = have.UID, have.GID
	}
	return Dress(c.fsys, to, e)
}

func (c *copier) file(e Entry, to string) error {
	open := c.fsys.OpenNoFollow
	if e.Path == "." {
		open = c.fsys.Open
	}
	r, err := open(join(c.from, e.Path))
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := c.fsys.Create(to, 0o600)
	if err != nil {
		return err
	}
	c.made = true
	var n int64
	if rf, ok := w.(io.ReaderFrom); ok && !e.Sparse {
		n, err = rf.ReadFrom(r) // in the kernel, or as a reflink, where the volume can
	} else {
		n, err = writeContent(w, r, e.Sparse, c.buf)
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	now, err := r.Stat()
	if err != nil {
		return err
	}
	if n != e.Size || now.Size != e.Size || now.MTime.UnixNano() != e.MTime {
		return fmt.Errorf("%s was written to while it was copied: stop what writes to it first", join(c.from, e.Path))
	}
	return nil
}
