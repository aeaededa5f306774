package crashfs

import (
	"io/fs"
	"path/filepath"

	"upkeep/internal/durable"
)

// LoadOS copies a tree of the machine to the same path, all durable. What is there already is kept where it is not in the
// tree. Directories above it are made as they are on the machine. Open the volume to others after it only.
func (f *FS) LoadOS(root string) error {
	const op = "load"
	if err := absolute(op, root); err != nil {
		return err
	}
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	l := loader{f.v, durable.OS(), map[[2]uint64]*node{}}
	err := l.above(filepath.Dir(filepath.Clean(root)))
	if err == nil {
		err = l.tree(filepath.Clean(root))
	}
	f.v.syncAll()
	return err
}

type loader struct {
	v    *volume
	real durable.FS
	seen map[[2]uint64]*node // hard links
}

// above makes the directories that lead to a tree; links among them become directories.
func (l loader) above(dir string) error {
	i, err := l.real.Stat(dir)
	if err != nil || dir == "/" {
		return err
	}
	if err := l.above(filepath.Dir(dir)); err != nil {
		return err
	}
	if _, err := l.v.must(dir, true); err == nil {
		return nil
	}
	return l.one(dir, i)
}

func (l loader) tree(path string) error {
	i, err := l.real.Lstat(path)
	if err == nil {
		err = l.one(path, i)
	}
	if err != nil || !i.IsDir() {
		return err
	}
	list, err := l.real.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := l.tree(filepath.Join(path, e.Name)); err != nil {
			return err
		}
	}
	p, err := l.v.must(path, false)
	if err == nil { // filling it changed it
		p.node.now.mtime = i.MTime.UnixNano()
		p.node.sync()
	}
	return err
}

// one copies a single file under its path.
func (l loader) one(path string, i durable.Info) error {
	p, err := l.v.find(path, false)
	if err != nil {
		return fail("load", path, err)
	}
	if p.node != nil && p.node.isDir() && i.IsDir() {
		return l.fill(p.node, path, i)
	}
	if p.node != nil {
		l.v.removeTree(p.dir, p.name)
	}
	n, known := l.seen[[2]uint64{i.Dev, i.Ino}]
	if !known || i.IsDir() {
		n, err = l.v.make(p.dir, i.Mode.Type(), i.Mode)
		if err == nil {
			err = l.fill(n, path, i)
		}
		if err != nil {
			return fail("load", path, err)
		}
		l.seen[[2]uint64{i.Dev, i.Ino}] = n
	}
	l.v.change(edit{p.dir, p.name, nil, n})
	return nil
}

// fill gives an inode the content and metadata of a real one.
func (l loader) fill(n *node, path string, i durable.Info) (err error) {
	switch {
	case i.IsLink():
		if n.target, err = l.real.Readlink(path); err != nil {
			return err
		}
	case i.IsRegular():
		b, err := l.real.ReadFile(path)
		if err == nil {
			_, err = l.v.fill(n, b, 0)
		}
		if err != nil {
			return err
		}
	case i.Mode&fs.ModeDevice != 0:
		n.rdev = i.Rdev
	}
	if n.now.xattrs, err = l.real.Xattrs(path); err != nil {
		return err
	}
	n.now.perm, n.now.uid, n.now.gid, n.now.mtime = i.Mode&special, i.UID, i.GID, i.MTime.UnixNano()
	n.sync()
	return nil
}
