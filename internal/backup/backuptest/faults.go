package backuptest

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"upkeep/internal/durable"
)

// ErrKilled is what a dead process's calls give.
var ErrKilled = errors.New("killed")

// Dying is a file system whose process dies before one of its writing calls:
// from then on nothing is done any more. It counts, so that every call can be
// the one.
type Dying struct {
	durable.FS
	left *atomic.Int64
	full bool // instead of dying, the disk is full for what takes room
}

// DieAfter lets calls writing calls pass.
func DieAfter(real durable.FS, calls int) Dying {
	var left atomic.Int64
	left.Store(int64(calls))
	return Dying{FS: real, left: &left}
}

// FullAfter is a volume with room for so many writing calls; what takes no
// room, such as removing, goes on working.
func FullAfter(real durable.FS, calls int) Dying {
	d := DieAfter(real, calls)
	d.full = true
	return d
}

// Dead says whether the moment has come.
func (d Dying) Dead() bool { return d.left.Load() < 0 }

func (d Dying) die() error {
	if d.left.Add(-1) >= 0 {
		return nil
	}
	if d.full {
		return &durable.Error{Op: "write", Path: "the full volume", Err: syscall.ENOSPC}
	}
	return ErrKilled
}

// Unsynced is just as mortal.
func (d Dying) Unsynced() durable.FS { return Dying{d.FS.Unsynced(), d.left, d.full} }

func (d Dying) try(do func() error) error {
	if err := d.die(); err != nil {
		return err
	}
	return do()
}

// free are the calls for which a full disk has room.
func (d Dying) free(do func() error) error {
	if d.full {
		return do()
	}
	return d.try(do)
}

// Create and all the others are those of durable.FS.
func (d Dying) Create(p string, m fs.FileMode) (durable.File, error) {
	if err := d.die(); err != nil {
		return nil, err
	}
	f, err := d.FS.Create(p, m)
	if err != nil {
		return nil, err
	}
	return dyingFile{f, d}, nil
}

func (d Dying) WriteFile(p string, b []byte, m fs.FileMode) error {
	return d.try(func() error { return d.FS.WriteFile(p, b, m) })
}
func (d Dying) Mkdir(p string, m fs.FileMode) error {
	return d.try(func() error { return d.FS.Mkdir(p, m) })
}
func (d Dying) MkdirAll(p string, m fs.FileMode) error {
	return d.try(func() error { return d.FS.MkdirAll(p, m) })
}
func (d Dying) Rename(a, b string) error  { return d.free(func() error { return d.FS.Rename(a, b) }) }
func (d Dying) Replace(a, b string) error { return d.free(func() error { return d.FS.Replace(a, b) }) }
func (d Dying) Exchange(a, b string) error {
	return d.free(func() error { return d.FS.Exchange(a, b) })
}
func (d Dying) Remove(p string) error { return d.free(func() error { return d.FS.Remove(p) }) }

// RemoveAll dies half way: a tree is not removed in one moment.
func (d Dying) RemoveAll(p string) error {
	return d.free(func() error {
		if info, err := d.FS.Lstat(p); d.full || err != nil || !info.IsDir() {
			return d.FS.RemoveAll(p)
		}
		list, err := d.FS.ReadDir(p)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := d.RemoveAll(filepath.Join(p, e.Name)); err != nil {
				return err
			}
		}
		return d.FS.RemoveAll(p)
	})
}
func (d Dying) Symlink(a, b string) error { return d.try(func() error { return d.FS.Symlink(a, b) }) }
func (d Dying) Link(a, b string) error    { return d.try(func() error { return d.FS.Link(a, b) }) }
func (d Dying) Mknod(p string, m fs.FileMode, r uint64) error {
	return d.try(func() error { return d.FS.Mknod(p, m, r) })
}
func (d Dying) Chmod(p string, m fs.FileMode) error {
	return d.free(func() error { return d.FS.Chmod(p, m) })
}
func (d Dying) Chown(p string, u, g uint32) error {
	return d.free(func() error { return d.FS.Chown(p, u, g) })
}
func (d Dying) Chtimes(p string, m time.Time) error {
	return d.free(func() error { return d.FS.Chtimes(p, m) })
}
func (d Dying) SetXattr(p, n string, v []byte) error {
	return d.try(func() error { return d.FS.SetXattr(p, n, v) })
}
func (d Dying) RemoveXattr(p, n string) error {
	return d.free(func() error { return d.FS.RemoveXattr(p, n) })
}
func (d Dying) SyncDir(p string) error  { return d.free(func() error { return d.FS.SyncDir(p) }) }
func (d Dying) SyncTree(p string) error { return d.free(func() error { return d.FS.SyncTree(p) }) }

type dyingFile struct {
	durable.File
	d Dying
}

func (f dyingFile) Write(p []byte) (int, error) {
	if err := f.d.die(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f dyingFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.d.die(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f dyingFile) Sync() error { return f.d.free(f.File.Sync) }
