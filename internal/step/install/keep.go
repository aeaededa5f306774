package install

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"upkeep/internal/files"
	"upkeep/internal/step"
)

// carryOver moves the kept paths into the staged tree. The old tree is live.
func (h *Handler) carryOver(m *memo) error {
	c, _, err := h.now(m)
	if err != nil {
		return err
	}
	return c.Apply(h.fs)
}

// giveBack moves the kept paths into the old tree. It is live again.
func (h *Handler) giveBack(env step.Env, m *memo) error {
	if len(m.Moves) == 0 {
		return nil
	}
	c, gone, err := h.now(m)
	if err != nil {
		return err
	}
	for _, path := range gone {
		fmt.Fprintf(env.Log, "%s is in neither tree any more: the new version has removed it\n", path)
	}
	return c.Revert(h.fs)
}

// now is the plan of what is carried, with the identities that things have
// now, while the old tree is in its place. A program that saves a file by
// writing it anew and renaming gives it another inode; what stands under a kept
// path is still the site's. gone are kept things that are nowhere.
func (h *Handler) now(m *memo) (c files.Carry, gone []string, err error) {
	was := m.carry()
	c = files.Carry{Into: was.Into, Dirs: was.Dirs}
	shipped := map[string]files.Move{} // what the release brought under a kept name
	for _, v := range was.Moves {
		if m.ships(v) {
			shipped[v.From] = v
			c.Moves = append(c.Moves, v)
			continue
		}
		from, err := h.lstat(v.From)
		if err != nil {
			return c, nil, err
		}
		to, err := h.lstat(v.To)
		if err != nil {
			return c, nil, err
		}
		if s, ok := shipped[v.To]; ok && (identity{s.Dev, s.Ino}).is(to) {
			to = identity{} // that is not the site's
		}
		switch id := (identity{v.Dev, v.Ino}); {
		case id.is(from) || id.is(to):
		case from.some() && to.some():
			return c, nil, fmt.Errorf("%w: both %s and %s exist, and neither is the file that was there before; move away the one that is not wanted", files.ErrCarry, v.From, v.To)
		case from.some():
			v.Dev, v.Ino = from.Dev, from.Ino
		case to.some():
			v.Dev, v.Ino = to.Dev, to.Ino
		default:
			gone = append(gone, v.From)
			continue
		}
		c.Moves = append(c.Moves, v)
	}
	return c, gone, nil
}

// ships: the move puts aside what the release brought under a kept name.
func (m *memo) ships(v files.Move) bool {
	return below(v.From, []string{m.Staging.path()})
}

func (h *Handler) lstat(path string) (identity, error) {
	i, err := h.fs.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return identity{}, nil
	}
	if err != nil {
		return identity{}, err
	}
	return identityOf(i), nil
}

// home says whether everything carried is in the old tree, and what the
// release brought in the new one.
func (h *Handler) home(m *memo) (bool, error) {
	if len(m.Moves) == 0 {
		return true, nil
	}
	c, _, err := h.now(m)
	if err != nil {
		return false, err
	}
	places, err := c.Observe(h.fs)
	if err != nil {
		return false, err
	}
	for _, p := range places {
		if p != files.AtSource {
			return false, nil
		}
	}
	for _, d := range m.Dirs {
		if id, err := h.lstat(d.Path.path()); err != nil || id.some() {
			return false, err
		}
	}
	marked, err := files.Marked(h.fs, m.Staging.path())
	return !marked, err
}

// lost names a kept path that is not in the new tree, which is live.
func (h *Handler) lost(m *memo) (string, error) {
	for _, v := range m.carry().Moves {
		if m.ships(v) {
			continue
		}
		rel, err := filepath.Rel(m.Staging.path(), v.To)
		if err != nil {
			return "", err
		}
		path := m.newRoot(true) + string(filepath.Separator) + rel
		if id, err := h.lstat(path); err != nil || !id.some() {
			return path, err
		}
	}
	return "", nil
}

// robbed names a kept path that the old tree, which is live, has not.
func (h *Handler) robbed(m *memo) (string, error) {
	for _, v := range m.carry().Moves {
		if m.ships(v) {
			continue
		}
		if id, err := h.lstat(v.From); err != nil || !id.some() {
			return v.From, err
		}
	}
	return "", nil
}
