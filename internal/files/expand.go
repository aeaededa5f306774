package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"upkeep/internal/durable"
)

// expand finds the paths of a tree that patterns name, sorted; a path inside another one that is found is left out. Links are not followed.
func expand(fsys durable.FS, root string, patterns []string) ([]string, error) {
	found := map[string]bool{}
	for _, pattern := range patterns {
		clean := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(pattern, "./"), "/"), "/")
		if err := CheckPath(clean); err != nil {
			return nil, err
		}
		if err := expandParts(fsys, root, "", strings.Split(clean, "/"), found); err != nil {
			return nil, err
		}
	}
	var out []string
	for p := range found {
		if !inside(p, found) {
			out = append(out, p)
		}
	}
	sort.Strings(out)
	return out, nil
}

func inside(p string, found map[string]bool) bool {
	for i := range len(p) {
		if p[i] == '/' && found[p[:i]] {
			return true
		}
	}
	return false
}

func expandParts(fsys durable.FS, root, at string, parts []string, found map[string]bool) error {
	if len(parts) == 0 {
		found[at] = true
		return nil
	}
	names := []string{parts[0]}
	if strings.ContainsAny(parts[0], `*?[\`) {
		list, err := fsys.ReadDir(join(root, at))
		if err != nil {
			return err
		}
		names = nil
		for _, e := range list {
			ok, err := path.Match(parts[0], e.Name)
			if err != nil {
				return fmt.Errorf("pattern %q: %w", parts[0], err)
			}
			if ok {
				names = append(names, e.Name)
			}
		}
	}
	for _, n := range names {
		p := n
		if at != "" {
			p = at + "/" + n
		}
		i, err := fsys.Lstat(join(root, p))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if len(parts) > 1 && !i.IsDir() {
			if i.IsLink() {
				return fmt.Errorf("%s leads through a link; name what the link leads to, or the link itself", p)
			}
			continue
		}
		if err := expandParts(fsys, root, p, parts[1:], found); err != nil {
			return err
		}
	}
	return nil
}
