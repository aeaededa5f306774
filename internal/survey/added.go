package survey

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// Added looks at the places of the trees that features bring and that are not
// installed: in the document of a hop, and not in that of what is installed.
func (s *Surveyor) Added(f *plan.Facts, installed, hop *manifest.Product, in *site.Installation) error {
	if hop.Chosen == nil {
		return nil
	}
	is, err := s.Resolver(installed, in, *f)
	if err != nil {
		return err
	}
	r, err := s.Resolver(hop, in, *f)
	if err != nil {
		return err
	}
	owner := ""
	for _, id := range is.Product.Order {
		if o := f.Instances[id].Owner; owner == "" && is.Product.Components[id].Kind == "tree" {
			owner = o
		}
	}
	for _, id := range r.Product.Order {
		_, there := installed.Components[plan.ComponentOf(id)]
		if _, known := f.Instances[id]; known || there || r.Product.Components[id].Kind != "tree" || !slices.Contains(hop.Chosen.Fresh, plan.ComponentOf(id)) {
			continue
		}
		at, err := r.Scope.Expand(r.Product.Components[id].At.Path)
		if err != nil {
			return fmt.Errorf("component %s: %w", id, err)
		}
		fact, err := s.place(at)
		if err != nil {
			return fmt.Errorf("cannot look at the place of %s: %w", id, err)
		}
		fact.Owner = owner
		f.Instances[id] = fact
		if err := s.volumes(f, filepath.Dir(at)); err != nil {
			return err
		}
	}
	return nil
}

// place says what is at the place of a new tree, and which folders above it are
// missing.
func (s *Surveyor) place(at string) (fact plan.InstanceFact, err error) {
	info, err := s.FS.Lstat(at)
	switch {
	case missing(err):
	case err != nil:
		return fact, err
	case info.IsDir():
		list, err := s.FS.ReadDir(at)
		if fact.Taken = fmt.Sprintf("there is a folder at %s already", at); err == nil && len(list) == 0 {
			fact.Taken = fmt.Sprintf("there is an empty folder at %s already", at)
		}
		return fact, nil
	default:
		fact.Taken = fmt.Sprintf("there is something at %s already", at)
		return fact, nil
	}
	fact.New = true
	for dir := filepath.Dir(at); ; dir = filepath.Dir(dir) {
		info, err := s.FS.Stat(dir)
		if missing(err) {
			fact.Above = slices.Insert(fact.Above, 0, dir)
			continue
		}
		if err == nil && !info.IsDir() {
			fact.New, fact.Above, fact.Taken = false, nil, fmt.Sprintf("%s is no folder", dir)
			return fact, nil
		}
		if err != nil {
			return fact, err
		}
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			rel, err := filepath.Rel(dir, at)
			if err != nil {
				return fact, err
			}
			fact.Real = filepath.Join(real, rel)
		}
		return fact, nil
	}
}

// missing says that nothing is there, also where a file is in the way of a folder.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
