package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

var (
	errNotReadable = errors.New("neither a regular file nor a directory")
	errNotRegular  = errors.New("no regular file")
)

func (osFS) Open(path string) (ReadFile, error) { return open("open", path, 0) }

func (osFS) OpenNoFollow(path string) (ReadFile, error) { return open("open", path, openNoFollow) }

func open(op, path string, flags int) (ReadFile, error) {
	// Non-blocking, or a FIFO would hold us until somebody writes to it.
	f, err := os.OpenFile(path, os.O_RDONLY|openNonblock|flags, 0)
	if err != nil {
		return nil, fail(op, quoteEmpty(path), err)
	}
	i, err := f.Stat()
	if err == nil && !i.Mode().IsRegular() && !i.IsDir() {
		err = errNotReadable
	}
	if err != nil {
		_ = f.Close()
		return nil, fail(op, path, err)
	}
	return &osReadFile{f, path}, nil
}

type osReadFile struct {
	*os.File
	path string
}

func (f *osReadFile) Stat() (Info, error) {
	i, err := fstat(f.File)
	return i, fail("stat", f.path, err)
}

func (osFS) Lstat(path string) (Info, error) {
	i, err := lstat(path)
	return i, fail("stat", quoteEmpty(path), err)
}

func (osFS) Stat(path string) (Info, error) {
	i, err := stat(path)
	return i, fail("stat", quoteEmpty(path), err)
}

func (osFS) ReadDir(path string) ([]DirEntry, error) {
	list, err := os.ReadDir(path)
	if err != nil {
		return nil, fail("list", quoteEmpty(path), err)
	}
	out := make([]DirEntry, len(list))
	for i, e := range list {
		out[i] = DirEntry{Name: e.Name(), Type: e.Type()}
	}
	return out, nil
}

func (osFS) ReadFile(path string) ([]byte, error) {
	const op = "read"
	f, err := open(op, path, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return b, fail(op, path, err)
}

func (osFS) Readlink(path string) (string, error) {
	s, err := os.Readlink(path)
	return s, fail("read link", quoteEmpty(path), err)
}

func (osFS) Xattrs(path string) (map[string][]byte, error) {
	m, err := xattrs(path)
	return m, fail("read attributes of", quoteEmpty(path), err)
}

func (osFS) Free(path string) (VolumeInfo, error) {
	const op = "read free space of"
	if err := absolute(op, path); err != nil {
		return VolumeInfo{}, err
	}
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		v, err := volume(p)
		if err == nil {
			return v, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || p == filepath.Dir(p) {
			return VolumeInfo{}, fail(op, path, err)
		}
	}
}

func (osFS) Mounts(path string) ([]string, error) {
	const op = "find mounts in"
	if err := absolute(op, path); err != nil {
		return nil, err
	}
	real, err := realParent(path)
	if err != nil {
		return nil, fail(op, path, err)
	}
	all, err := mountPoints()
	if err != nil {
		return nil, fail(op, path, err)
	}
	var in []string
	for _, m := range all {
		if m == real || strings.HasPrefix(m, strings.TrimSuffix(real, "/")+"/") {
			in = append(in, m)
		}
	}
	return in, nil
}

// realParent resolves links above the last element, so that the path can be compared with the kernel's own names.
func realParent(path string) (string, error) {
	path = filepath.Clean(path)
	dir := filepath.Dir(path)
	if dir == path {
		return path, nil
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}
