package steptest

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"upkeep/internal/durable"
)

// deadlyFS is the machine's file system with a moment at each call that
// writes. It reads through the embedded FS and writes through raw, which does
// not sync; what would have been synced is kept in the killer's ledger.
type deadlyFS struct {
	durable.FS
	raw    durable.FS
	k      *Killer
	synced bool
}

func (f *deadlyFS) Unsynced() durable.FS {
	return &deadlyFS{FS: f.FS, raw: f.raw, k: f.k}
}

// write is one moment; what it leaves unsynced is noted when the view does not
// sync by itself.
func (f *deadlyFS) write(op, path string, effect func() error, unsynced func(ledger)) error {
	return f.k.moment(op+" "+filepath.Base(path), func() error {
		if err := effect(); err != nil {
			return err
		}
		if f.synced {
			f.k.note(func(l ledger) { l.syncedDir(filepath.Dir(path)) })
		} else {
			f.k.note(unsynced)
		}
		return nil
	}, nil)
}

func (f *deadlyFS) WriteFile(path string, data []byte, perm fs.FileMode) error {
	return f.write("write", path, func() error {
		f.k.changes(path)
		return f.raw.WriteFile(path, data, perm)
	}, func(l ledger) { l.content(path); l.name(path) })
}

func (f *deadlyFS) Create(path string, perm fs.FileMode) (durable.File, error) {
	var w durable.File
	err := f.k.moment("create "+filepath.Base(path), func() (err error) {
		w, err = f.raw.Create(path, perm)
		return err
	}, nil)
	if err != nil {
		if w != nil {
			_ = w.Close() // the process died after it
		}
		return nil, err
	}
	f.k.note(func(l ledger) { l.content(path); l.name(path) })
	return &deadlyFile{w, f.k, path}, nil
}

// Append is no moment: only what is written to it is.
func (f *deadlyFS) Append(path string) (durable.File, error) {
	w, err := f.raw.Append(path)
	if err != nil {
		return nil, err
	}
	f.k.note(func(l ledger) { l.content(path) })
	return &deadlyFile{w, f.k, path}, nil
}

func (f *deadlyFS) Mkdir(path string, perm fs.FileMode) error {
	return f.write("mkdir", path, func() error { return f.raw.Mkdir(path, perm) }, func(l ledger) { l.name(path) })
}

func (f *deadlyFS) MkdirAll(path string, perm fs.FileMode) error {
	return f.write("mkdirall", path, func() error { return f.raw.MkdirAll(path, perm) }, func(l ledger) { l.name(path) })
}

func (f *deadlyFS) Rename(from, to string) error {
	return f.write("rename", to, func() error {
		if !f.synced {
			f.k.order(func(o only, l ledger) { o.renamed(l, from, to) })
		}
		err := f.raw.Rename(from, to)
		if err == nil {
			f.k.note(func(l ledger) { l.moved(from, to) })
		}
		return err
	}, func(l ledger) { l.name(from); l.name(to) })
}

func (f *deadlyFS) Replace(from, to string) error {
	return f.write("replace", to, func() error {
		f.k.changes(to)
		err := f.raw.Replace(from, to)
		if err == nil {
			f.k.note(func(l ledger) { l.gone(to); l.moved(from, to) })
		}
		return err
	}, func(l ledger) { l.name(from); l.name(to) })
}

func (f *deadlyFS) Exchange(a, b string) error {
	return f.write("exchange", a, func() error { return f.raw.Exchange(a, b) }, func(l ledger) { l.name(a); l.name(b) })
}

func (f *deadlyFS) SwapLink(link, target string) error {
	return f.write("swaplink", link, func() error { return f.raw.SwapLink(link, target) }, func(l ledger) { l.name(link) })
}

func (f *deadlyFS) Remove(path string) error {
	return f.k.moment("remove "+filepath.Base(path), func() error { return f.gone(path, f.raw.Remove(path)) }, nil)
}

func (f *deadlyFS) RemoveAll(path string) error {
	return f.k.moment("removeall "+filepath.Base(path), func() error {
		f.k.changes(path)
		return f.gone(path, f.raw.RemoveAll(path))
	}, func() error { return f.half(path) })
}

// gone notes a removal. What had not even a durable name needs no sync.
func (f *deadlyFS) gone(path string, err error) error {
	if err == nil {
		f.k.note(func(l ledger) {
			fresh := l["name of "+path]
			l.gone(path)
			switch {
			case f.synced:
				l.syncedDir(filepath.Dir(path))
			case !fresh:
				l.name(path)
			}
		})
	}
	return err
}

// half removes the first half of what is in a directory, in the order in which
// the names are listed.
func (f *deadlyFS) half(path string) error {
	i, err := f.raw.Lstat(path)
	if err != nil || !i.IsDir() {
		return err
	}
	list, err := f.raw.ReadDir(path)
	if err != nil {
		return err
	}
	if len(list) == 1 {
		return f.half(filepath.Join(path, list[0].Name))
	}
	for _, e := range list[:len(list)/2] {
		if err := f.raw.RemoveAll(filepath.Join(path, e.Name)); err != nil {
			return err
		}
	}
	return nil
}

func (f *deadlyFS) Symlink(target, link string) error {
	return f.write("symlink", link, func() error { return f.raw.Symlink(target, link) }, func(l ledger) { l.name(link) })
}

func (f *deadlyFS) Link(from, to string) error {
	return f.write("link", to, func() error {
		if !f.synced {
			f.k.order(func(o only, l ledger) { o.linked(l, from, to) })
		}
		return f.raw.Link(from, to)
	}, func(l ledger) { l.name(to) })
}

func (f *deadlyFS) Mknod(path string, mode fs.FileMode, rdev uint64) error {
	return f.write("mknod", path, func() error { return f.raw.Mknod(path, mode, rdev) }, func(l ledger) { l.name(path) })
}

func (f *deadlyFS) Chmod(path string, mode fs.FileMode) error {
	return f.write("chmod", path, func() error { return f.raw.Chmod(path, mode) }, func(l ledger) { l.content(path) })
}

func (f *deadlyFS) Chown(path string, uid, gid uint32) error {
	return f.write("chown", path, func() error { return f.raw.Chown(path, uid, gid) }, func(l ledger) { l.content(path) })
}

func (f *deadlyFS) Chtimes(path string, mtime time.Time) error {
	return f.write("chtimes", path, func() error { return f.raw.Chtimes(path, mtime) }, func(l ledger) { l.content(path) })
}

func (f *deadlyFS) SetXattr(path, name string, value []byte) error {
	return f.write("setxattr", path, func() error { return f.raw.SetXattr(path, name, value) }, func(l ledger) { l.content(path) })
}

func (f *deadlyFS) RemoveXattr(path, name string) error {
	return f.write("removexattr", path, func() error { return f.raw.RemoveXattr(path, name) }, func(l ledger) { l.content(path) })
}

func (f *deadlyFS) SyncFile(path string) error {
	return f.sync("syncfile", path, func(l ledger) { l.syncedContent(path) })
}

func (f *deadlyFS) SyncDir(path string) error {
	return f.sync("syncdir", path, func(l ledger) { l.syncedDir(path); l.syncedContent(path) })
}

func (f *deadlyFS) SyncTree(path string) error {
	return f.sync("synctree", path, func(l ledger) { l.syncedTree() })
}

// sync is a moment as well: a sync that fails must not be taken for one that
// did not.
func (f *deadlyFS) sync(op, path string, clean func(ledger)) error {
	return f.k.moment(op+" "+filepath.Base(path), func() error {
		if _, err := f.FS.Lstat(path); err != nil {
			return fmt.Errorf("cannot sync %s: %w", path, err)
		}
		f.k.note(clean)
		return nil
	}, nil)
}

func (f *deadlyFS) Preallocate(path string, size int64) error {
	return f.write("preallocate", path, func() error { return f.raw.Preallocate(path, size) }, func(l ledger) { l.content(path); l.name(path) })
}

// deadlyFile is a file being written.
type deadlyFile struct {
	durable.File
	k    *Killer
	path string
}

func (f *deadlyFile) Write(p []byte) (n int, err error) {
	err = f.k.moment("fill "+filepath.Base(f.path), func() (err error) {
		n, err = f.File.Write(p)
		return err
	}, func() error {
		n, err = f.File.Write(p[:len(p)/2])
		return err
	})
	return n, err
}

func (f *deadlyFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.k.moment("fill "+filepath.Base(f.path), func() (err error) {
		n, err = f.File.WriteAt(p, off)
		return err
	}, nil)
	return n, err
}

func (f *deadlyFile) Truncate(size int64) error {
	return f.k.moment("truncate "+filepath.Base(f.path), func() error { return f.File.Truncate(size) }, nil)
}

func (f *deadlyFile) Sync() error {
	return f.k.moment("sync "+filepath.Base(f.path), func() error {
		f.k.note(func(l ledger) { l.syncedContent(f.path) })
		return nil
	}, nil)
}

// Close is no moment: a dead process closes its files, too.
func (f *deadlyFile) Close() error { return f.File.Close() }
