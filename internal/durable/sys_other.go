//go:build !linux

package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	openNoFollow = 0
	openNonblock = 0
)

func lstat(path string) (Info, error) { return portable(os.Lstat(path)) }
func stat(path string) (Info, error)  { return portable(os.Stat(path)) }
func fstat(f *os.File) (Info, error)  { return portable(f.Stat()) }

func portable(i fs.FileInfo, err error) (Info, error) {
	if err != nil {
		return Info{}, err
	}
	return Info{Name: i.Name(), Mode: i.Mode(), Size: i.Size(), MTime: i.ModTime(), Nlink: 1, Alloc: -1}, nil
}

func renameNoReplace(a, b string) error {
	if _, err := os.Lstat(b); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(a, b)
}

func exchange(_, _ string) error { return ErrExchangeUnsupported }

func mknod(string, fs.FileMode, uint64) error { return ErrUnsupported }

func chmod(path string, mode fs.FileMode) error {
	if i, err := os.Lstat(path); err != nil {
		return err
	} else if i.Mode()&fs.ModeSymlink != 0 {
		return refused{"a symbolic link has no mode"}
	}
	return os.Chmod(path, mode)
}

func chtimes(path string, mtime time.Time) error {
	if i, err := os.Lstat(path); err != nil {
		return err
	} else if i.Mode()&fs.ModeSymlink != 0 {
		return nil // no call for the link itself
	}
	return os.Chtimes(path, time.Time{}, mtime)
}

func openDir(path string) (*os.File, error) { return os.Open(path) }

// syncOpened: Windows writes names with the file; there is no handle of a directory that could be flushed.
func syncOpened(dir *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return dir.Sync()
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func syncInode(path string) error {
	if i, err := os.Lstat(path); err != nil || !i.Mode().IsRegular() {
		return err
	}
	return syncFile(path)
}

// syncTree syncs file by file: without administrator's rights a volume cannot be flushed as a whole.
func syncTree(path string) error {
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Type().IsRegular():
			return syncFile(p)
		case d.IsDir():
			return syncDir(p)
		}
		return nil
	})
}

func xattrs(string) (map[string][]byte, error) { return nil, nil }

func setXattr(string, string, []byte) error { return ErrUnsupported }

func removeXattr(string, string) error { return ErrUnsupported }

func mountPoints() ([]string, error) { return nil, nil }

func allocate(f *os.File, size int64) error { return writeZeros(f, size) }
