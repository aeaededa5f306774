package crashfs

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"upkeep/internal/durable"
)

// two is a call with two names.
func (f *FS) two(op, a, b string, effect func(a, b string) error) error {
	for _, p := range []string{a, b} {
		if err := absolute(op, p); err != nil {
			return err
		}
	}
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	dirs, err := f.opened(a, b)
	if err == nil {
		err = effect(a, b)
	}
	if err != nil {
		return fail2(op, a, b, err)
	}
	f.synced(dirs)
	return nil
}

func (f *FS) Rename(oldPath, newPath string) error {
	return f.two("rename", oldPath, newPath, func(a, b string) error { return f.v.rename(a, b, false) })
}

func (f *FS) Replace(oldPath, newPath string) error {
	return f.two("replace", oldPath, newPath, func(a, b string) error { return f.v.rename(a, b, true) })
}

func (f *FS) Exchange(a, b string) error { return f.two("exchange", a, b, f.v.exchange) }

func (f *FS) Link(oldPath, newPath string) error {
	return f.two("link", oldPath, newPath, func(a, b string) error {
		from, err := f.v.must(a, false)
		if err != nil {
			return err
		}
		to, err := f.v.free(b, false)
		switch {
		case err != nil:
			return err
		case from.node.isDir():
			return syscall.EPERM
		}
		f.v.change(edit{to.dir, to.name, nil, from.node})
		return nil
	})
}

// pair finds both ends of a rename, in the kernel's order.
func (v *volume) pair(a, b string) (from, to place, err error) {
	if from, err = v.entry(a); err != nil {
		return
	}
	if to, err = v.entry(b); err != nil {
		return
	}
	if from.node == nil {
		err = syscall.ENOENT
	}
	return
}

func (v *volume) rename(a, b string, replace bool) error {
	if replace { // os.Rename looks first
		if to, err := v.must(b, false); err == nil && to.node.isDir() {
			from, err := v.must(a, false)
			if err != nil {
				return err
			}
			if a == b || from.node != to.node {
				return syscall.EEXIST
			}
		}
	}
	from, to, err := v.pair(a, b)
	switch {
	case err != nil:
		return err
	case from.name == "":
		return syscall.EBUSY
	case to.node != nil && !replace:
		return syscall.EEXIST
	case to.name == "":
		return syscall.EBUSY
	case !from.node.isDir() && (from.slash || to.slash):
		return syscall.ENOTDIR
	case from.node.isDir() && inside(to.dir, from.node):
		return syscall.EINVAL
	case to.node == from.node:
		return nil // two names of one file: rename(2) leaves both
	case to.node != nil && from.node.isDir():
		return syscall.ENOTDIR
	}
	v.change(edit{from.dir, from.name, from.node, nil}, edit{to.dir, to.name, to.node, from.node})
	return nil
}

func (v *volume) exchange(a, b string) error {
	x, y, err := v.pair(a, b)
	switch {
	case err != nil:
		return err
	case x.name == "" || y.name == "":
		return syscall.EBUSY
	case y.node == nil:
		return syscall.ENOENT
	case x.slash && !x.node.isDir(), y.slash && !y.node.isDir():
		return syscall.ENOTDIR
	case x.node.isDir() && x.node != y.node && inside(y.dir, x.node), y.node.isDir() && x.node != y.node && inside(x.dir, y.node):
		if a, b := filepath.Clean(a)+"/", filepath.Clean(b)+"/"; strings.HasPrefix(a, b) || strings.HasPrefix(b, a) {
			return refused{"one lies inside the other"}
		}
		return fmt.Errorf("%w: %w", durable.ErrExchangeUnsupported, syscall.EINVAL)
	case x.node == y.node:
		return nil
	}
	v.change(edit{x.dir, x.name, x.node, y.node}, edit{y.dir, y.name, y.node, x.node})
	return nil
}
