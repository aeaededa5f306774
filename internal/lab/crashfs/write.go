package crashfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"upkeep/internal/durable"
)

// write is one call: the effect, then what makes its names durable.
func (f *FS) write(op, path string, effect func() error) error {
	if err := absolute(op, path); err != nil {
		return err
	}
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	dirs, err := f.opened(path)
	if err == nil {
		err = effect()
	}
	if err != nil {
		return fail(op, path, err)
	}
	f.synced(dirs)
	return nil
}

// WriteFile goes through a temporary name, which a cut may leave when nothing is synced.
func (f *FS) WriteFile(path string, data []byte, perm fs.FileMode) error {
	const op = "write"
	return f.write(op, path, func() error {
		tmp, err := f.v.free(f.v.tempBeside(path), false)
		if err != nil {
			return err
		}
		n, err := f.v.make(tmp.dir, 0, perm)
		if err != nil {
			return err
		}
		_, err = f.v.fill(n, data, 0)
		if err == nil {
			err = f.v.put(tmp, n, path)
		}
		if err != nil {
			f.v.release(n)
			return err
		}
		if !f.lazy {
			n.sync()
		}
		return nil
	})
}

// put gives a new inode a temporary name and moves it to its place.
func (v *volume) put(tmp place, n *node, path string) error {
	p, err := v.find(path, false)
	switch {
	case err != nil:
		return err
	case p.node != nil && p.node.isDir():
		return syscall.EEXIST // so says os.Rename
	case p.slash:
		return syscall.ENOTDIR
	}
	v.change(edit{tmp.dir, tmp.name, nil, n})
	v.change(edit{tmp.dir, tmp.name, n, nil}, edit{p.dir, p.name, p.node, n})
	return nil
}

// tempBeside counts where durable draws lots: runs are to be alike.
func (v *volume) tempBeside(path string) string {
	v.temp++
	return filepath.Join(filepath.Dir(path), fmt.Sprintf(".upkeep-tmp-%016x", v.temp))
}

func (f *FS) Create(path string, perm fs.FileMode) (durable.File, error) {
	const op = "create"
	if err := absolute(op, path); err != nil {
		return nil, err
	}
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	p, err := f.v.free(path, false)
	if err == nil {
		var n *node
		if n, err = f.v.add(p, 0, perm); err == nil {
			n.opens++
			return &file{v: f.v, n: n, path: path}, nil
		}
	} else if p.slash && p.name != "" {
		err = syscall.EISDIR // so says open
	}
	return nil, fail(op, path, err)
}

func (f *FS) Append(path string) (durable.File, error) {
	const op = "append to"
	if err := absolute(op, path); err != nil {
		return nil, err
	}
	var w *file
	err := f.look(op, path, false, func(n *node) error {
		if !n.isFile() {
			return errNotRegular
		}
		n.opens++
		w = &file{v: f.v, n: n, path: path, at: n.now.body.size}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Overwrite writes into a file as programs do that take no care: in place, the old
// content gone first. One that is not there is made, with its mode at once.
func (f *FS) Overwrite(path string, data []byte, perm fs.FileMode) error {
	w, err := f.Create(path, perm)
	switch {
	case err == nil:
		w.(*file).n.moded = true
	case errors.Is(err, fs.ErrExist):
		f.v.mu.Lock()
		p, ferr := f.v.must(path, false)
		if err = ferr; err == nil && p.node.isDir() {
			err = syscall.EISDIR
		}
		if err == nil {
			p.node.opens++
			w = &file{v: f.v, n: p.node, path: path}
		}
		f.v.mu.Unlock()
		if err == nil {
			err = w.Truncate(0)
		}
	}
	if err != nil {
		return fail("write", path, err)
	}
	_, err = w.Write(data)
	return errors.Join(err, w.Close())
}

// add makes a new inode under a free name.
func (v *volume) add(p place, kind, perm fs.FileMode) (*node, error) {
	n, err := v.make(p.dir, kind, perm)
	if err == nil {
		v.change(edit{p.dir, p.name, nil, n})
	}
	return n, err
}

func (f *FS) Mkdir(path string, perm fs.FileMode) error {
	return f.write("make directory", path, func() error { return f.v.mkdir(path, perm) })
}

func (v *volume) mkdir(path string, perm fs.FileMode) error {
	p, err := v.free(path, true)
	if err == nil {
		_, err = v.add(p, fs.ModeDir, perm)
	}
	return err
}

func (f *FS) MkdirAll(path string, perm fs.FileMode) error {
	const op = "make directory"
	if err := absolute(op, path); err != nil {
		return err
	}
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	return f.mkdirAll(op, filepath.Clean(path), perm)
}

func (f *FS) mkdirAll(op, path string, perm fs.FileMode) error {
	if p, err := f.v.must(path, true); err == nil {
		if !p.node.isDir() {
			return fail(op, path, fs.ErrExist)
		}
		return f.parents(op, path)
	}
	if parent := filepath.Dir(path); parent != path {
		if _, err := f.v.must(parent, true); err != nil {
			if err := f.mkdirAll(op, parent, perm); err != nil {
				return err
			}
		}
	}
	if err := f.v.mkdir(path, perm); err != nil {
		return fail(op, path, err)
	}
	return f.parents(op, path)
}

func (f *FS) SwapLink(link, target string) error {
	return f.write("point link", link, func() error {
		if p, err := f.v.must(link, false); err == nil && !p.node.isLink() {
			return refused{"it exists and is not a symbolic link"}
		}
		tmp, n, err := f.v.symlink(target, f.v.tempBeside(link))
		if err == nil {
			if err = f.v.put(tmp, n, link); err != nil {
				f.v.release(n)
			}
		}
		return err
	})
}

func (f *FS) Symlink(target, link string) error {
	return f.write("make link", link, func() error {
		p, n, err := f.v.symlink(target, link)
		if err == nil {
			f.v.change(edit{p.dir, p.name, nil, n})
		}
		return err
	})
}

// symlink gives a link that has no name yet, and the place for it.
func (v *volume) symlink(target, path string) (place, *node, error) {
	switch {
	case target == "":
		return place{}, nil, syscall.ENOENT
	case len(target) >= maxPath:
		return place{}, nil, syscall.ENAMETOOLONG
	}
	p, err := v.free(path, false)
	if err != nil {
		return p, nil, err
	}
	n, err := v.make(p.dir, fs.ModeSymlink, 0o777)
	if err == nil {
		n.target = target
	}
	return p, n, err
}

func (f *FS) Mknod(path string, mode fs.FileMode, rdev uint64) error {
	return f.write("make node", path, func() error {
		kind := mode & (fs.ModeNamedPipe | fs.ModeSocket | fs.ModeDevice | fs.ModeCharDevice)
		switch {
		case kind&fs.ModeNamedPipe != 0:
			kind, rdev = fs.ModeNamedPipe, 0
		case kind&fs.ModeSocket != 0:
			kind, rdev = fs.ModeSocket, 0
		case kind&fs.ModeCharDevice != 0:
			kind = fs.ModeDevice | fs.ModeCharDevice
		case kind == 0:
			return refused{"not a FIFO, socket or device"}
		}
		p, err := f.v.free(path, false)
		if err != nil {
			return err
		}
		n, err := f.v.add(p, kind, mode)
		if err == nil {
			n.rdev = rdev
		}
		return err
	})
}

func (f *FS) Remove(path string) error {
	return f.write("remove", path, func() error {
		p, err := f.v.entry(path)
		switch {
		case err != nil:
			return err
		case p.dots == ".":
			return syscall.EINVAL
		case p.dots == "..":
			return syscall.ENOTEMPTY
		case p.name == "":
			return syscall.EBUSY
		case p.node == nil:
			return syscall.ENOENT
		case p.slash && !p.node.isDir():
			return syscall.ENOTDIR
		case len(p.node.names) > 0:
			return syscall.ENOTEMPTY
		}
		f.v.change(edit{p.dir, p.name, p.node, nil})
		return nil
	})
}

func (f *FS) RemoveAll(path string) error {
	const op = "remove tree"
	if strings.HasPrefix(path, "/") && filepath.Clean(path) == "/" {
		return fail(op, "/", refused{"it is the root of a file system"})
	}
	if err := absolute(op, path); err != nil {
		return err
	}
	path = filepath.Clean(path)
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	p, err := f.v.must(path, false)
	if err == syscall.ENOENT {
		if dirs, err := f.opened(path); err == nil {
			f.synced(dirs)
		}
		return nil
	} else if err != nil {
		return fail(op, path, err)
	}
	f.v.removeTree(p.dir, p.name)
	return f.parents(op, path)
}

// removeTree removes name by name, so that a cut may leave a part.
func (v *volume) removeTree(dir *node, name string) {
	n := dir.names[name]
	for _, child := range slices.Sorted(maps.Keys(n.names)) {
		v.removeTree(n, child)
	}
	v.change(edit{dir, name, n, nil})
}
