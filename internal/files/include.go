package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// includes says what of a tree is meant. A path that ends in a slash stands
// for itself and everything below it, any other for itself alone. The
// directories above are described too, so that the description can be packed,
// but they are not meant.
type includes struct {
	trees map[string]bool // with all below
	names map[string]bool // alone
}

func newIncludes(list []string) (*includes, error) {
	if len(list) == 0 {
		return nil, nil
	}
	in := &includes{map[string]bool{}, map[string]bool{}}
	for _, text := range list {
		p, tree := strings.CutSuffix(text, "/")
		if err := CheckPath(p); err != nil || p == "." {
			return nil, fmt.Errorf("cannot include %q: it is no path inside the tree", text)
		}
		if tree {
			in.trees[p] = true
		} else {
			in.names[p] = true
		}
	}
	return in, nil
}

// means says whether the path is meant.
func (in *includes) means(p string) bool {
	if in.names[p] {
		return true
	}
	for ; p != "." && p != ""; p = path.Dir(p) {
		if in.trees[p] {
			return true
		}
	}
	return false
}

// Scoped cuts a description down to what an Include list means, without the
// directories above it. An empty list means everything.
func Scoped(t Tree, include []string) Tree {
	in, err := newIncludes(include)
	if in == nil || err != nil {
		return t
	}
	var out Tree
	for _, e := range t.Entries {
		if in.means(e.Path) {
			out.Entries = append(out.Entries, e)
		}
	}
	return out
}

// some describes what is meant and there, instead of walking from the root.
func (s *scanner) some(in *includes) error {
	todo := map[string]bool{} // whether all below is meant
	for p := range in.names {
		todo[p] = false
	}
	for p := range in.trees {
		todo[p] = true
	}
	paths := make([]string, 0, len(todo))
	for p := range todo {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	seen := map[string]bool{".": true}
	within := map[string]bool{} // trees that the walk describes
	many := map[inode][]string{}
	for _, p := range paths {
		if covered(path.Dir(p), within) {
			continue
		}
		if there, err := s.above(path.Dir(p), seen); err != nil {
			return err
		} else if !there {
			continue
		}
		full := join(s.root, p)
		i, err := s.fsys.Lstat(full)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if s.match.covers(p, i.IsDir()) {
			continue
		}
		if !seen[p] {
			seen[p] = true
			e, ok := s.describe(full, p, i)
			if !ok {
				continue
			}
			s.entries = append(s.entries, e)
			if e.Type != Dir && i.Nlink > 1 {
				many[inode{i.Dev, i.Ino}] = append(many[inode{i.Dev, i.Ino}], p)
			}
		}
		if todo[p] && i.IsDir() {
			within[p] = true
			s.todo = append(s.todo, p)
		}
	}
	s.links = many
	s.walk()
	return nil
}

// above describes the directories above a path; not there when one of them is
// missing, or is something else.
func (s *scanner) above(dir string, seen map[string]bool) (bool, error) {
	if dir == "." {
		return true, nil
	}
	if there, err := s.above(path.Dir(dir), seen); err != nil || !there {
		return false, err
	}
	full := join(s.root, dir)
	i, err := s.fsys.Lstat(full)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil || !i.IsDir() {
		return false, err
	}
	if !seen[dir] {
		seen[dir] = true
		if e, ok := s.describe(full, dir, i); ok {
			s.entries = append(s.entries, e)
		}
	}
	return true, nil
}

// covered says whether a path lies in one of the trees.
func covered(p string, trees map[string]bool) bool {
	for ; p != "."; p = path.Dir(p) {
		if trees[p] {
			return true
		}
	}
	return false
}
