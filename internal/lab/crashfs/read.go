package crashfs

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"upkeep/internal/durable"
)

// look finds what a reading call is about, and locks while it is read.
func (f *FS) look(op, path string, follow bool, read func(*node) error) error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	p, err := f.v.must(path, follow)
	if err == nil {
		err = read(p.node)
	}
	return fail(op, quoteEmpty(path), err)
}

func (f *FS) Open(path string) (durable.ReadFile, error) { return f.open(path, true) }

func (f *FS) OpenNoFollow(path string) (durable.ReadFile, error) { return f.open(path, false) }

func (f *FS) open(path string, follow bool) (durable.ReadFile, error) {
	var r *reader
	err := f.look("open", path, follow, func(n *node) error {
		if err := n.openable(); err != nil {
			return err
		}
		switch {
		case n.isLink():
			return syscall.ELOOP
		case !n.isDir() && !n.isFile():
			return errNotReadable
		}
		n.opens++
		r = &reader{file{v: f.v, n: n, path: path}}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (f *FS) Lstat(path string) (durable.Info, error) { return f.stat(path, false) }

func (f *FS) Stat(path string) (durable.Info, error) { return f.stat(path, true) }

func (f *FS) stat(path string, follow bool) (i durable.Info, err error) {
	err = f.look("stat", path, follow, func(n *node) error {
		i = n.info(filepath.Base(path))
		return nil
	})
	return i, err
}

func (f *FS) ReadDir(path string) (list []durable.DirEntry, err error) {
	err = f.look("list", path, true, func(n *node) error {
		if !n.isDir() {
			return syscall.ENOTDIR
		}
		list = make([]durable.DirEntry, 0, len(n.names))
		for name, child := range n.names {
			list = append(list, durable.DirEntry{Name: name, Type: child.kind})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b durable.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

func (f *FS) ReadFile(path string) (b []byte, err error) {
	err = f.look("read", path, true, func(n *node) error {
		if err := n.openable(); err != nil {
			return err
		}
		switch {
		case n.isDir():
			return syscall.EISDIR
		case !n.isFile():
			return errNotReadable // where the real thing would block
		}
		b = n.now.body.bytes()
		return nil
	})
	return b, err
}

func (f *FS) Readlink(path string) (target string, err error) {
	err = f.look("read link", path, false, func(n *node) error {
		if !n.isLink() {
			return syscall.EINVAL
		}
		target = n.target
		return nil
	})
	return target, err
}

func (f *FS) Xattrs(path string) (m map[string][]byte, err error) {
	err = f.look("read attributes of", path, false, func(n *node) error {
		m = maps.Clone(n.now.xattrs)
		for name, value := range m {
			m[name] = slices.Clone(value)
		}
		return nil
	})
	return m, err
}

// Free knows no reserve for root: all that is free may be used.
func (f *FS) Free(path string) (durable.VolumeInfo, error) {
	const op = "read free space of"
	if err := absolute(op, path); err != nil {
		return durable.VolumeInfo{}, err
	}
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		_, err := f.v.must(p, true)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return durable.VolumeInfo{}, fail(op, path, err)
		}
	}
	i := durable.VolumeInfo{ID: volumeID, Total: totalBytes, Free: max(0, totalBytes-f.v.used), FreeInodes: -1}
	if f.v.limit >= 0 {
		i.Total, i.Free = f.v.limit, f.v.room()
	}
	if f.v.inodeLimit >= 0 {
		i.FreeInodes = max(0, f.v.inodeLimit-f.v.inodes)
	}
	return i, nil
}

// Mounts is empty: there is one volume.
func (f *FS) Mounts(path string) ([]string, error) {
	const op = "find mounts in"
	if err := absolute(op, path); err != nil {
		return nil, err
	}
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	_, err := f.v.must(filepath.Dir(filepath.Clean(path)), true)
	if err == syscall.ELOOP {
		err = errors.New("EvalSymlinks: too many links") // it is that, not the kernel, which follows them in durable
	}
	return nil, fail(op, path, err)
}
