package crashfs

import (
	"path/filepath"
	"strings"
	"syscall"
)

const (
	maxName  = 255
	maxPath  = 4096
	maxLinks = 40
)

// place is where a path leads.
type place struct {
	dir   *node
	name  string // in dir; empty for "/" and what ends in "." or ".."
	node  *node  // nil where nothing is
	slash bool   // the path ends in a slash: it wants a directory
	dots  string // the last element where name is empty
}

// find walks a path as the kernel does: links in it are followed, one at its end if follow says so.
func (v *volume) find(path string, follow bool) (place, error) {
	p, err := v.walk(path, follow, false)
	if err == nil && p.slash && p.node != nil && !p.node.isDir() {
		return p, syscall.ENOTDIR
	}
	return p, err
}

// entry is find for a call that changes the name itself: nothing is followed at its end, whether a slash comes after it or not.
func (v *volume) entry(path string) (place, error) { return v.walk(path, false, true) }

func (v *volume) walk(path string, follow, entry bool) (place, error) {
	switch {
	case path == "" || path[0] != '/': // there is no working directory here
		return place{}, syscall.ENOENT
	case len(path) >= maxPath:
		return place{}, syscall.ENAMETOOLONG
	}
	at, links, dots := v.root, 0, ""
	for rest := path; ; {
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			return place{dir: at.parent, node: at, slash: true, dots: dots}, nil
		}
		if !at.isDir() {
			return place{}, syscall.ENOTDIR
		}
		var name string
		name, rest = cut(rest)
		last := strings.Trim(rest, "/") == ""
		switch {
		case name == ".":
			dots = name
			continue
		case name == "..":
			at, dots = at.parent, name
			continue
		case len(name) > maxName:
			return place{}, syscall.ENAMETOOLONG
		}
		n := at.names[name]
		switch {
		case n == nil && last:
			return place{dir: at, name: name, slash: rest != ""}, nil
		case n == nil:
			return place{}, syscall.ENOENT
		case n.isLink() && (!last || follow || rest != "" && !entry):
			if links++; links > maxLinks {
				return place{}, syscall.ELOOP
			}
			if rest = n.target + rest; rest[0] == '/' {
				at = v.root
			}
		case last:
			return place{dir: at, name: name, node: n, slash: rest != ""}, nil
		default:
			at = n
		}
	}
}

// cut takes the first element of a path.
func cut(p string) (name, rest string) {
	if i := strings.IndexByte(p, '/'); i >= 0 {
		return p[:i], p[i:]
	}
	return p, ""
}

// must is find for what has to be there.
func (v *volume) must(path string, follow bool) (place, error) {
	p, err := v.find(path, follow)
	if err == nil && p.node == nil {
		err = syscall.ENOENT
	}
	return p, err
}

// free is find for a name that has to be free.
func (v *volume) free(path string, dir bool) (place, error) {
	p, err := v.entry(path)
	switch {
	case err != nil:
		return p, err
	case p.node != nil:
		return p, syscall.EEXIST
	case p.slash && !dir:
		return p, syscall.ENOENT
	}
	return p, nil
}

// inside says whether n is dir or lies below it.
func inside(n, dir *node) bool {
	for ; ; n = n.parent {
		if n == dir {
			return true
		}
		if n.parent == n || n.parent == nil {
			return false
		}
	}
}

// opened gives the directories that hold the names of paths, before they
// change; none in a view that does not sync.
func (f *FS) opened(paths ...string) ([]*node, error) {
	if f.lazy {
		return nil, nil
	}
	var dirs []*node
	for _, p := range paths {
		dir, err := f.v.must(filepath.Dir(filepath.Clean(p)), true)
		if err == nil && !dir.node.isDir() {
			err = syscall.ENOTDIR
		}
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir.node)
	}
	return dirs, nil
}

func (f *FS) synced(dirs []*node) {
	for _, d := range dirs {
		f.v.syncDir(d)
	}
}

// parents makes the names of paths durable when the view does so.
func (f *FS) parents(op string, paths ...string) error {
	dirs, err := f.opened(paths...)
	if err != nil {
		return fail(op, paths[0], err)
	}
	f.synced(dirs)
	return nil
}
