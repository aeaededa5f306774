package crashfs

import (
	"io/fs"
	"maps"
	"math"
	"strings"
	"syscall"
	"time"
)

const capability = "security.capability"

// inode is a call that changes what one inode says of itself.
func (f *FS) inode(op, path string, effect func(*node) error) error {
	if err := absolute(op, path); err != nil {
		return err
	}
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	p, err := f.v.must(path, false)
	if err == nil {
		err = effect(p.node)
	}
	if err != nil {
		return fail(op, path, err)
	}
	f.v.touch(p.node, meta)
	if !f.lazy {
		p.node.sync()
	}
	return nil
}

func (f *FS) Chmod(path string, mode fs.FileMode) error {
	return f.inode("change mode of", path, func(n *node) error {
		if n.isLink() {
			return refused{"a symbolic link has no mode"}
		}
		n.now.perm = mode & special
		return nil
	})
}

// Chown clears what a new owner must not inherit, as the kernel does for root.
func (f *FS) Chown(path string, uid, gid uint32) error {
	return f.inode("change owner of", path, func(n *node) error {
		if uid != math.MaxUint32 { // -1 keeps it
			n.now.uid = uid
		}
		if gid != math.MaxUint32 {
			n.now.gid = gid
		}
		if n.isDir() {
			return nil
		}
		n.now.perm &^= fs.ModeSetuid
		if n.now.perm&0o010 != 0 {
			n.now.perm &^= fs.ModeSetgid
		}
		n.dropCapability()
		return nil
	})
}

func (n *node) dropCapability() {
	if _, has := n.now.xattrs[capability]; has {
		n.setXattrs(func(m map[string][]byte) { delete(m, capability) })
	}
}

func (f *FS) Chtimes(path string, mtime time.Time) error {
	return f.inode("set time of", path, func(n *node) error {
		n.now.mtime = mtime.UnixNano()
		return nil
	})
}

func (f *FS) SetXattr(path, name string, value []byte) error {
	return f.inode("set attribute "+name+" of", path, func(n *node) error {
		if err := n.mayHave(name); err != nil {
			return err
		}
		if len(value) > 64<<10 {
			return syscall.E2BIG
		}
		own := append([]byte{}, value...)
		n.setXattrs(func(m map[string][]byte) { m[name] = own })
		return nil
	})
}

func (f *FS) RemoveXattr(path, name string) error {
	return f.inode("remove attribute "+name+" of", path, func(n *node) error {
		if err := n.mayHave(name); err != nil {
			return err
		}
		if _, has := n.now.xattrs[name]; !has {
			return syscall.ENODATA
		}
		n.setXattrs(func(m map[string][]byte) { delete(m, name) })
		return nil
	})
}

// setXattrs changes a copy: other states share the map.
func (n *node) setXattrs(change func(map[string][]byte)) {
	m := maps.Clone(n.now.xattrs)
	if m == nil {
		m = map[string][]byte{}
	}
	change(m)
	if len(m) == 0 {
		m = nil
	}
	n.now.xattrs = m
}

func (n *node) mayHave(name string) error {
	space, rest, _ := strings.Cut(name, ".")
	switch {
	case name == "" || len(name) > maxName:
		return syscall.ERANGE
	case space == "user" && !n.isDir() && !n.isFile():
		return syscall.EPERM
	case space == "user" || space == "trusted" || space == "security":
		if rest == "" {
			return syscall.EINVAL
		}
		return nil
	case space == "system" && !n.isLink() && (rest == "posix_acl_access" || rest == "posix_acl_default" && n.isDir()):
		return nil
	}
	return syscall.EOPNOTSUPP
}

func (f *FS) SyncFile(path string) error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	return failSync("sync", path, f.v.syncPath(path, false))
}

func (f *FS) SyncDir(path string) error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	p, err := f.v.must(path, true)
	if err == nil && !p.node.isDir() {
		err = syscall.ENOTDIR
	}
	if err == nil {
		f.v.syncDir(p.node)
	}
	return failSync("sync directory", path, err)
}

// SyncTree is a syncfs: the volume of path is durable, not only the tree.
func (f *FS) SyncTree(path string) error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	p, err := f.v.must(path, true)
	if err == nil {
		err = p.node.openable()
	}
	if err == nil {
		f.v.syncAll()
	}
	return failSync("sync tree", path, err)
}

// SyncAll is durable.SyncAll for this volume.
func (f *FS) SyncAll() error { return f.SyncTree("/") }

// syncPath is an fsync: of a directory, its names too.
func (v *volume) syncPath(path string, follow bool) error {
	p, err := v.must(path, follow)
	if err != nil {
		return err
	}
	switch n := p.node; {
	case n.isDir():
		v.syncDir(n)
	case n.isFile():
		n.sync()
	case n.isLink():
		return syscall.ELOOP
	default:
		if err := n.openable(); err != nil {
			return err
		}
		return syscall.EINVAL
	}
	return nil
}

// openable says what open(2) says without blocking.
func (n *node) openable() error {
	if n.kind&(fs.ModeSocket|fs.ModeDevice) != 0 {
		return syscall.ENXIO
	}
	return nil
}

// Preallocate leaves a longer file behind when it fails on an existing one, as durable does.
func (f *FS) Preallocate(path string, size int64) error {
	return f.write("reserve space in", path, func() error {
		p, err := f.v.entry(path)
		switch {
		case err != nil:
			return err
		case p.slash:
			return syscall.EISDIR
		case p.node != nil && p.node.isLink():
			return syscall.ELOOP
		case p.node != nil && p.node.isDir():
			return syscall.EISDIR
		case p.node != nil && !p.node.isFile():
			return syscall.EINVAL
		}
		n, made := p.node, false
		if n == nil {
			if n, err = f.v.add(p, 0, 0o600); err != nil {
				return err
			}
			made = true
		}
		if err := f.v.reserve(n, size); err != nil {
			if made {
				f.v.change(edit{p.dir, p.name, n, nil})
			}
			return err
		}
		if !f.lazy {
			n.sync()
		}
		return nil
	})
}

func (v *volume) reserve(n *node, size int64) error {
	if err := v.truncate(n, size); err != nil || size == 0 {
		return err
	}
	body := n.now.body.covered(0, size)
	more := body.alloc() - n.now.body.alloc()
	if more > v.room() {
		return syscall.ENOSPC
	}
	v.used += more
	n.now.body = body
	return nil
}
