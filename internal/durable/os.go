package durable

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// OS is the machine's file system.
func OS() FS { return osFS{synced: true} }

type osFS struct{ synced bool }

func (osFS) Unsynced() FS { return osFS{} }

// tempPrefix begins the names that WriteFile, Replace and SwapLink use beside their target.
const tempPrefix = ".upkeep-tmp-"

// IsTemp tells whether a file name was left by a WriteFile or SwapLink that a crash interrupted: safe to remove when nothing runs.
func IsTemp(name string) bool { return strings.HasPrefix(filepath.Base(name), tempPrefix) }

func tempBeside(path string) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return filepath.Join(filepath.Dir(path), tempPrefix+hex.EncodeToString(b[:]))
}

// absolute refuses what could land in whatever directory the process happens to be in.
func absolute(op, path string) error {
	if !filepath.IsAbs(path) {
		return fail(op, quoteEmpty(path), refused{"the path is not absolute"})
	}
	return nil
}

func quoteEmpty(p string) string {
	if p == "" {
		return `""`
	}
	return p
}

// named carries out do, which makes, moves or removes the given names, and makes that durable. The folders that hold them are
// opened before: afterwards their paths may lead elsewhere, as where a link is exchanged with what lies behind it.
func (f osFS) named(op string, do func() error, paths ...string) error {
	if !f.synced {
		return do()
	}
	var dirs []*os.File
	last := ""
	for _, p := range paths {
		dir := filepath.Dir(filepath.Clean(p))
		if dir == last {
			continue
		}
		d, err := openDir(dir)
		switch {
		case err != nil && len(paths) == 2:
			return fail2(op, paths[0], paths[1], err)
		case err != nil:
			return fail(op, p, err)
		}
		defer d.Close()
		dirs, last = append(dirs, d), dir
	}
	if err := do(); err != nil {
		return err
	}
	for i, d := range dirs {
		if err := syncOpened(d); err != nil {
			return failSync(op, paths[i], err)
		}
	}
	return nil
}

func (f osFS) WriteFile(path string, data []byte, perm fs.FileMode) error {
	const op = "write"
	if err := absolute(op, path); err != nil {
		return err
	}
	return f.named(op, func() error {
		tmp := tempBeside(path)
		if err := f.writeTemp(tmp, data, perm); err != nil {
			_ = os.Remove(tmp)
			return rename(err, op, path)
		}
		if err := os.Rename(tmp, path); err != nil {
			_ = os.Remove(tmp)
			return fail(op, path, err)
		}
		return nil
	}, path)
}

// rename gives an error about a temporary file the name that the caller knows.
func rename(err error, op, path string) error {
	if e, ok := err.(*Error); ok {
		return &Error{Op: op, Path: path, Err: e.Err}
	}
	return fail(op, path, err)
}

func (f osFS) writeTemp(tmp string, data []byte, perm fs.FileMode) error {
	w, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fail("write", tmp, err)
	}
	defer w.Close()
	if _, err := w.Write(data); err != nil {
		return fail("write", tmp, err)
	}
	if err := w.Chmod(perm); err != nil {
		return fail("write", tmp, err)
	}
	if f.synced {
		if err := w.Sync(); err != nil {
			return failSync("write", tmp, err)
		}
	}
	return fail("write", tmp, w.Close())
}

func (osFS) Create(path string, perm fs.FileMode) (File, error) {
	const op = "create"
	if err := absolute(op, path); err != nil {
		return nil, err
	}
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fail(op, path, err)
	}
	if perm != 0o600 {
		if err := w.Chmod(perm); err != nil {
			_ = w.Close()
			_ = os.Remove(path)
			return nil, fail(op, path, err)
		}
	}
	return &osFile{w, path}, nil
}

func (osFS) Append(path string) (File, error) {
	const op = "append to"
	if err := absolute(op, path); err != nil {
		return nil, err
	}
	i, err := os.Lstat(path)
	if err == nil && !i.Mode().IsRegular() {
		err = errNotRegular // a link, or what would hold us until somebody reads from it
	}
	if err != nil {
		return nil, fail(op, path, err)
	}
	w, err := os.OpenFile(path, os.O_WRONLY|openNoFollow|openNonblock, 0)
	if err != nil {
		return nil, fail(op, path, err)
	}
	if _, err := w.Seek(0, io.SeekEnd); err != nil {
		_ = w.Close()
		return nil, fail(op, path, err)
	}
	return &osFile{w, path}, nil
}

func (f osFS) Mkdir(path string, perm fs.FileMode) error {
	const op = "make directory"
	if err := absolute(op, path); err != nil {
		return err
	}
	return f.named(op, func() error {
		if err := os.Mkdir(path, 0o700); err != nil {
			return fail(op, path, err)
		}
		if perm != 0o700 {
			if err := chmod(path, perm); err != nil {
				_ = os.Remove(path)
				return fail(op, path, err)
			}
		}
		return nil
	}, path)
}

func (f osFS) MkdirAll(path string, perm fs.FileMode) error {
	const op = "make directory"
	if err := absolute(op, path); err != nil {
		return err
	}
	path = filepath.Clean(path)
	if i, err := os.Stat(path); err == nil {
		if !i.IsDir() {
			return fail(op, path, fs.ErrExist)
		}
		// An earlier run may have made it and died before its sync.
		return f.named(op, nothing, path)
	}
	if parent := filepath.Dir(path); parent != path {
		if _, err := os.Stat(parent); err != nil {
			if err := f.MkdirAll(parent, perm); err != nil {
				return err
			}
		}
	}
	err := f.Mkdir(path, perm)
	if err != nil {
		if i, serr := os.Stat(path); serr == nil && i.IsDir() {
			return nil // somebody else was faster
		}
	}
	return err
}

func nothing() error { return nil }

func (f osFS) Rename(oldPath, newPath string) error {
	return f.two("rename", oldPath, newPath, renameNoReplace)
}

func (f osFS) Replace(oldPath, newPath string) error {
	return f.two("replace", oldPath, newPath, os.Rename)
}

func (f osFS) Exchange(a, b string) error {
	return f.two("exchange", a, b, exchange)
}

func (f osFS) two(op, a, b string, do func(a, b string) error) error {
	for _, p := range []string{a, b} {
		if err := absolute(op, p); err != nil {
			return err
		}
	}
	return f.named(op, func() error { return fail2(op, a, b, do(a, b)) }, a, b)
}

func (f osFS) SwapLink(link, target string) error {
	const op = "point link"
	if err := absolute(op, link); err != nil {
		return err
	}
	if i, err := os.Lstat(link); err == nil && i.Mode()&fs.ModeSymlink == 0 {
		return fail(op, link, refused{"it exists and is not a symbolic link"})
	}
	return f.named(op, func() error {
		tmp := tempBeside(link)
		if err := os.Symlink(target, tmp); err != nil {
			return fail(op, link, err)
		}
		if err := os.Rename(tmp, link); err != nil {
			_ = os.Remove(tmp)
			return fail(op, link, err)
		}
		return nil
	}, link)
}

func (f osFS) Symlink(target, link string) error {
	const op = "make link"
	if err := absolute(op, link); err != nil {
		return err
	}
	return f.named(op, func() error { return fail(op, link, os.Symlink(target, link)) }, link)
}

func (f osFS) Link(oldPath, newPath string) error {
	return f.two("link", oldPath, newPath, func(a, b string) error { return os.Link(a, b) })
}

func (f osFS) Mknod(path string, mode fs.FileMode, rdev uint64) error {
	const op = "make node"
	if err := absolute(op, path); err != nil {
		return err
	}
	return f.named(op, func() error { return fail(op, path, mknod(path, mode, rdev)) }, path)
}

// meta is for the calls that change what an inode says of itself.
func (f osFS) meta(op, path string, do func() error) error {
	if err := absolute(op, path); err != nil {
		return err
	}
	if err := do(); err != nil {
		return fail(op, path, err)
	}
	if !f.synced {
		return nil
	}
	return failSync(op, path, syncInode(path))
}

func (f osFS) Chmod(path string, mode fs.FileMode) error {
	return f.meta("change mode of", path, func() error { return chmod(path, mode) })
}

func (f osFS) Chown(path string, uid, gid uint32) error {
	return f.meta("change owner of", path, func() error { return os.Lchown(path, int(uid), int(gid)) })
}

func (f osFS) Chtimes(path string, mtime time.Time) error {
	return f.meta("set time of", path, func() error { return chtimes(path, mtime) })
}

func (f osFS) SetXattr(path, name string, value []byte) error {
	return f.meta("set attribute "+name+" of", path, func() error { return setXattr(path, name, value) })
}

func (f osFS) RemoveXattr(path, name string) error {
	return f.meta("remove attribute "+name+" of", path, func() error { return removeXattr(path, name) })
}

func (osFS) SyncFile(path string) error { return failSync("sync", path, syncFile(path)) }

func (osFS) SyncDir(path string) error { return failSync("sync directory", path, syncDir(path)) }

func syncDir(path string) error {
	d, err := openDir(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncOpened(d)
}

func (osFS) SyncTree(path string) error { return failSync("sync tree", path, syncTree(path)) }

type osFile struct {
	*os.File
	path string
}

func (f *osFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, fail("write", f.path, err)
}

func (f *osFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	return n, fail("write", f.path, err)
}

func (f *osFile) Truncate(size int64) error { return fail("truncate", f.path, f.File.Truncate(size)) }
func (f *osFile) Sync() error               { return failSync("sync", f.path, f.File.Sync()) }
func (f *osFile) Close() error              { return fail("close", f.path, f.File.Close()) }
