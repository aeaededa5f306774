package tap

import (
	"io/fs"
	"path/filepath"
	"time"

	"upkeep/internal/durable"
)

// FS puts the hook around every call that writes.
func FS(inner durable.FS, hook Hook) durable.FS {
	return &tapped{FS: inner, lazy: inner.Unsynced(), hook: hook}
}

// tapped reads through the embedded FS.
type tapped struct {
	durable.FS
	lazy     durable.FS
	hook     Hook
	unsynced bool
}

func (t *tapped) Unsynced() durable.FS {
	return &tapped{FS: t.lazy, lazy: t.lazy, hook: t.hook, unsynced: true}
}

// write is one operation that f makes, through either view.
func (t *tapped) write(name, path, other string, f func(durable.FS) error, torn func() error) error {
	op := Op{Kind: "file", Name: name, Path: path, Other: other, Site: site(), Unsynced: t.unsynced, Torn: torn}
	if !t.unsynced {
		op.Lazy = func() error { return f(t.lazy) }
	}
	return t.hook(op, func() error { return f(t.FS) })
}

// tempPrefix begins the name of what a WriteFile that was killed leaves.
const tempPrefix = ".upkeep-tmp-"

func (t *tapped) WriteFile(path string, data []byte, perm fs.FileMode) error {
	return t.write("WriteFile", path, "", func(v durable.FS) error { return v.WriteFile(path, data, perm) }, func() error {
		f, err := t.lazy.Create(filepath.Join(filepath.Dir(path), tempPrefix+"torn"), perm)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Write(data[:len(data)/2])
		return err
	})
}

func (t *tapped) Create(path string, perm fs.FileMode) (durable.File, error) {
	var w durable.File
	err := t.write("Create", path, "", func(v durable.FS) (err error) {
		w, err = v.Create(path, perm)
		return err
	}, nil)
	if err != nil {
		if w != nil {
			_ = w.Close() // the process died after it
		}
		return nil, err
	}
	if w == nil { // it was left out
		return nowhere{}, nil
	}
	return &tappedFile{w, path, t.hook}, nil
}

// Append is no operation: only what is written to it is.
func (t *tapped) Append(path string) (durable.File, error) {
	w, err := t.FS.Append(path)
	if err != nil {
		return nil, err
	}
	return &tappedFile{w, path, t.hook}, nil
}

func (t *tapped) Mkdir(path string, perm fs.FileMode) error {
	return t.write("Mkdir", path, "", func(v durable.FS) error { return v.Mkdir(path, perm) }, nil)
}

func (t *tapped) MkdirAll(path string, perm fs.FileMode) error {
	return t.write("MkdirAll", path, "", func(v durable.FS) error { return v.MkdirAll(path, perm) }, func() error {
		parent := filepath.Dir(path)
		if _, err := t.lazy.Lstat(parent); err == nil {
			return nil
		}
		return t.lazy.MkdirAll(parent, perm)
	})
}

func (t *tapped) Rename(from, to string) error {
	return t.write("Rename", from, to, func(v durable.FS) error { return v.Rename(from, to) }, nil)
}

func (t *tapped) Replace(from, to string) error {
	return t.write("Replace", from, to, func(v durable.FS) error { return v.Replace(from, to) }, nil)
}

func (t *tapped) Exchange(a, b string) error {
	return t.write("Exchange", a, b, func(v durable.FS) error { return v.Exchange(a, b) }, nil)
}

func (t *tapped) SwapLink(link, target string) error {
	return t.write("SwapLink", link, target, func(v durable.FS) error { return v.SwapLink(link, target) }, func() error {
		return t.lazy.Symlink(target, filepath.Join(filepath.Dir(link), tempPrefix+"torn"))
	})
}

func (t *tapped) Remove(path string) error {
	return t.write("Remove", path, "", func(v durable.FS) error { return v.Remove(path) }, nil)
}

func (t *tapped) RemoveAll(path string) error {
	return t.write("RemoveAll", path, "", func(v durable.FS) error { return v.RemoveAll(path) }, func() error { return t.half(path) })
}

// half removes the first half of what is in a directory, in the order in which
// the names are listed.
func (t *tapped) half(path string) error {
	i, err := t.lazy.Lstat(path)
	if err != nil || !i.IsDir() {
		return err
	}
	list, err := t.lazy.ReadDir(path)
	if err != nil {
		return err
	}
	if len(list) == 1 {
		return t.half(filepath.Join(path, list[0].Name))
	}
	for _, e := range list[:len(list)/2] {
		if err := t.lazy.RemoveAll(filepath.Join(path, e.Name)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tapped) Symlink(target, link string) error {
	return t.write("Symlink", link, target, func(v durable.FS) error { return v.Symlink(target, link) }, nil)
}

func (t *tapped) Link(from, to string) error {
	return t.write("Link", from, to, func(v durable.FS) error { return v.Link(from, to) }, nil)
}

func (t *tapped) Mknod(path string, mode fs.FileMode, rdev uint64) error {
	return t.write("Mknod", path, "", func(v durable.FS) error { return v.Mknod(path, mode, rdev) }, nil)
}

func (t *tapped) Chmod(path string, mode fs.FileMode) error {
	return t.write("Chmod", path, "", func(v durable.FS) error { return v.Chmod(path, mode) }, nil)
}

func (t *tapped) Chown(path string, uid, gid uint32) error {
	return t.write("Chown", path, "", func(v durable.FS) error { return v.Chown(path, uid, gid) }, nil)
}

func (t *tapped) Chtimes(path string, mtime time.Time) error {
	return t.write("Chtimes", path, "", func(v durable.FS) error { return v.Chtimes(path, mtime) }, nil)
}

func (t *tapped) SetXattr(path, name string, value []byte) error {
	return t.write("SetXattr", path, name, func(v durable.FS) error { return v.SetXattr(path, name, value) }, nil)
}

func (t *tapped) RemoveXattr(path, name string) error {
	return t.write("RemoveXattr", path, name, func(v durable.FS) error { return v.RemoveXattr(path, name) }, nil)
}

func (t *tapped) SyncFile(path string) error {
	return t.sync("SyncFile", path, func() error { return t.FS.SyncFile(path) })
}

func (t *tapped) SyncDir(path string) error {
	return t.sync("SyncDir", path, func() error { return t.FS.SyncDir(path) })
}

func (t *tapped) SyncTree(path string) error {
	return t.sync("SyncTree", path, func() error { return t.FS.SyncTree(path) })
}

func (t *tapped) sync(name, path string, do func() error) error {
	return t.hook(Op{Kind: "file", Name: name, Path: path, Site: site(), Unsynced: t.unsynced}, do)
}

func (t *tapped) Preallocate(path string, size int64) error {
	return t.write("Preallocate", path, "", func(v durable.FS) error { return v.Preallocate(path, size) }, nil)
}

// tappedFile is a file being written. Close is no operation of its own: a dead
// process closes its files, too.
type tappedFile struct {
	durable.File
	path string
	hook Hook
}

func (f *tappedFile) Write(p []byte) (n int, err error) {
	err = f.hook(Op{Kind: "file", Name: "fill", Path: f.path, Site: site(), Torn: func() error {
		_, err := f.File.Write(p[:len(p)/2])
		return err
	}}, func() (err error) {
		n, err = f.File.Write(p)
		return err
	})
	if err == nil {
		n = len(p) // also where it was left out
	}
	return n, err
}

func (f *tappedFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.hook(Op{Kind: "file", Name: "fill", Path: f.path, Site: site()}, func() (err error) {
		n, err = f.File.WriteAt(p, off)
		return err
	})
	if err == nil {
		n = len(p)
	}
	return n, err
}

func (f *tappedFile) Truncate(size int64) error {
	return f.hook(Op{Kind: "file", Name: "Truncate", Path: f.path, Site: site()}, func() error { return f.File.Truncate(size) })
}

func (f *tappedFile) Sync() error {
	return f.hook(Op{Kind: "file", Name: "Sync", Path: f.path, Site: site()}, f.File.Sync)
}

// nowhere is the file of a Create that was left out.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error)            { return len(p), nil }
func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (nowhere) Truncate(int64) error                   { return nil }
func (nowhere) Sync() error                            { return nil }
func (nowhere) Close() error                           { return nil }
