package cleanup

import (
	"errors"
	"io/fs"
	"slices"

	"upkeep/internal/plan"
)

// gone lists what is left of a tree that the product does not have: all that
// Upkeep kept beside its place, and the folders that were made for it.
func (h *Handler) gone(m *memo, run string, a plan.Addition) error {
	if there, err := h.exists(a.At); there || err != nil {
		return err // somebody has put something there
	}
	left, err := h.leftovers(run, a.At, 0)
	if err != nil {
		return err
	}
	m.Leftovers = append(m.Leftovers, left...)
	for _, dir := range append([]string{folder(a.At)}, inward(a.Above)...) {
		there, err := h.exists(dir)
		if err != nil {
			return err
		}
		m.Folders = slices.DeleteFunc(m.Folders, func(d string) bool { return d == dir }) // last of those that lie in it
		if there {
			m.Folders = append(m.Folders, dir)
		}
	}
	return nil
}

// inward turns a list of folders round: the innermost first.
func inward(above []string) []string {
	out := slices.Clone(above)
	slices.Reverse(out)
	return out
}

// removeEmpty removes a folder in which nothing is.
func (h *Handler) removeEmpty(dir string) error {
	if empty, err := h.empty(dir); err != nil || !empty {
		return err
	}
	return h.fs.Remove(dir)
}

// empty says that a folder is there, and nothing in it.
func (h *Handler) empty(dir string) (bool, error) {
	list, err := h.fs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && len(list) == 0, err
}
