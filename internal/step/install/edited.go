package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// discard is the choice to leave an edited file behind in the old tree.
const discard = "discard"

// defaultBeside is what the name of a kept-aside copy ends in.
const defaultBeside = ".upkeep-old"

// inherited are the copies that the hop before has laid into what is now the
// old tree: they go on into the next.
func inherited(env step.Env, s plan.Step) ([]string, error) {
	own := fmt.Sprintf("h%d.", s.Hop)
	if s.Hop < 2 || !strings.HasPrefix(s.ID, own) || env.Recall == nil {
		return nil, nil
	}
	raw, err := env.Recall(fmt.Sprintf("h%d.%s", s.Hop-1, strings.TrimPrefix(s.ID, own)))
	if err != nil || raw == nil {
		return nil, err
	}
	m, err := open(s, raw)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range m.Copies {
		out = append(out, c.To.path())
	}
	return out, nil
}

// changed keeps aside what was merged into the new tree, or kept in it, and is
// another by now: a hook or a person has edited it since.
func (h *Handler) changed(env step.Env, m *memo, p *plan.InstallParams) error {
	for _, file := range slices.Sorted(maps.Keys(p.Merged)) {
		text, err := h.fs.ReadFile(join(m.OldRoot.path(), file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) == p.Merged[file] {
			continue
		}
		if p.Edited == nil {
			p.Edited = map[string]string{}
		}
		p.Edited[file] = "keep-aside"
		fmt.Fprintf(env.Log, "%s was edited after it was merged: the merged one is installed, and the edited one kept beside it\n", file)
	}
	return nil
}

// planCopies decides what the copies of edited files are called: an edited
// file's copy lies beside the new one, a file that only the site has at its own
// path. No name is taken twice, nor one that the release brings.
func (h *Handler) planCopies(m *memo, p *plan.InstallParams, before []string) (out []copied, dirs []raw, err error) {
	beside := p.Beside
	if beside == "" {
		beside = defaultBeside
	}
	var kept []string
	for _, v := range m.carry().Moves {
		if rel, err := filepath.Rel(m.OldRoot.path(), v.From); err == nil {
			kept = append(kept, filepath.ToSlash(rel))
		}
	}
	taken, made := map[string]bool{}, map[string]bool{}
	for _, from := range append(slices.Sorted(maps.Keys(p.Edited)), before...) {
		if p.Edited[from] == discard || below(from, kept) {
			continue
		}
		if err := files.CheckPath(from); err != nil {
			return nil, nil, fmt.Errorf("cannot keep the edited file %q: %w", from, err)
		}
		if id, err := h.lstat(join(m.OldRoot.path(), from)); err != nil {
			return nil, nil, err
		} else if !id.some() {
			continue // gone since the plan was made: there is nothing to keep
		}
		name := from
		if id, err := h.lstat(join(m.Staging.path(), from)); err != nil {
			return nil, nil, err
		} else if id.some() && !strings.Contains(path.Base(from), beside) {
			name += beside
		}
		to, err := h.free(m, name, taken)
		if err != nil {
			return nil, nil, err
		}
		taken[to] = true
		out = append(out, copied{rawOf(from), rawOf(to)})
		if dirs, err = h.missing(m, path.Dir(to), made, dirs); err != nil {
			return nil, nil, err
		}
	}
	return out, dirs, nil
}

// free finds the first of name, name.1, name.2 … that is not taken.
func (h *Handler) free(m *memo, name string, taken map[string]bool) (string, error) {
	const most = 1000
	for n := range most {
		to := name
		if n > 0 {
			to += "." + strconv.Itoa(n)
		}
		id, err := h.lstat(join(m.Staging.path(), to))
		if err != nil {
			return "", err
		}
		if !id.some() && !taken[to] {
			return to, nil
		}
	}
	return "", fmt.Errorf("cannot keep %s aside: %d names beside it are taken", name, most)
}

// missing adds the directories above a copy that the new tree has not,
// parents first.
func (h *Handler) missing(m *memo, dir string, made map[string]bool, dirs []raw) ([]raw, error) {
	if dir == "." || made[dir] {
		return dirs, nil
	}
	i, err := h.fs.Lstat(join(m.Staging.path(), dir))
	switch {
	case err == nil && !i.IsDir():
		return nil, &step.UserError{Msg: fmt.Sprintf("cannot keep the site's files in %s: the new release has no directory there", dir),
			Now: "say edited: {PATH: discard} in the installation document for each of them, or move them"}
	case err == nil:
		return dirs, nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
		return nil, err
	}
	if dirs, err = h.missing(m, path.Dir(dir), made, dirs); err != nil {
		return nil, err
	}
	made[dir] = true
	return append(dirs, rawOf(dir)), nil
}

// copyEdited makes the copies in the staged tree, and makes them durable
// together. What an interrupted try has left is made anew.
func (h *Handler) copyEdited(ctx context.Context, env step.Env, m *memo) error {
	if len(m.Copies) == 0 {
		return nil
	}
	fsys, old, staged := lazy{h.fs}, m.OldRoot.path(), m.Staging.path()
	for _, d := range m.CopyDirs {
		if err := makeDir(fsys.Unsynced(), join(old, d.path()), join(staged, d.path())); err != nil {
			return err
		}
	}
	for _, c := range m.Copies {
		from, to := join(old, c.From.path()), join(staged, c.To.path())
		if err := fsys.Unsynced().RemoveAll(to); err != nil {
			return err
		}
		if err := copyOne(ctx, fsys, from, to); err != nil {
			return err
		}
		fmt.Fprintf(env.Log, "the site's %s is kept as %s\n", c.From.path(), c.To.path())
	}
	return h.sync(m)
}

func copyOne(ctx context.Context, fsys durable.FS, from, to string) error {
	i, err := fsys.Lstat(from)
	if err != nil {
		return err
	}
	if i.IsLink() { // CopyTree would follow it
		target, err := fsys.Readlink(from)
		if err != nil {
			return err
		}
		if err := fsys.Unsynced().Symlink(target, to); err != nil {
			return err
		}
		return fsys.Unsynced().Chown(to, i.UID, i.GID)
	}
	_, err = files.CopyTree(ctx, fsys, from, to, files.Options{})
	return err
}

func makeDir(fsys durable.FS, like, dir string) error {
	i, err := fsys.Lstat(like)
	if err != nil {
		return err
	}
	// one that an interrupted try has made may lack its owner
	if err := fsys.Mkdir(dir, i.Mode.Perm()); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.Chown(dir, i.UID, i.GID)
}

// sync makes the copies durable: few files one by one, since the volume may be
// busy with what is not ours, many with the whole volume.
func (h *Handler) sync(m *memo) error {
	const few = 32
	staged := m.Staging.path()
	if len(m.Copies) > few {
		return h.fs.SyncTree(staged)
	}
	dirs := map[string]bool{}
	for _, d := range m.CopyDirs {
		dirs[join(staged, d.path())], dirs[join(staged, path.Dir(d.path()))] = true, true
	}
	for _, c := range m.Copies {
		to := join(staged, c.To.path())
		dirs[filepath.Dir(to)] = true
		i, err := h.fs.Lstat(to)
		if err != nil {
			return err
		}
		if !i.IsRegular() {
			return h.fs.SyncTree(staged)
		}
		if err := h.fs.SyncFile(to); err != nil {
			return err
		}
	}
	return h.syncDirs(dirs)
}

func (h *Handler) syncDirs(dirs map[string]bool) error {
	for _, d := range slices.Sorted(maps.Keys(dirs)) {
		if err := h.fs.SyncDir(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeCopies takes the copies out of the staged tree again.
func (h *Handler) removeCopies(m *memo) error {
	staged, dirs := m.Staging.path(), map[string]bool{}
	for _, c := range m.Copies {
		to := join(staged, c.To.path())
		id, err := h.lstat(to)
		if err != nil {
			return err
		}
		if !id.some() {
			continue
		}
		if err := h.fs.Unsynced().RemoveAll(to); err != nil {
			return err
		}
		dirs[filepath.Dir(to)] = true
	}
	for _, d := range slices.Backward(m.CopyDirs) {
		dir := join(staged, d.path())
		err := h.fs.Unsynced().Remove(dir)
		switch {
		case err == nil:
			delete(dirs, dir)
			dirs[filepath.Dir(dir)] = true
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	return h.syncDirs(dirs)
}

// copiesLeft names a copy that lies in the staged tree.
func (h *Handler) copiesLeft(m *memo) (string, error) {
	var paths []raw
	for _, c := range m.Copies {
		paths = append(paths, c.To)
	}
	for _, p := range append(paths, m.CopyDirs...) {
		if id, err := h.lstat(join(m.Staging.path(), p.path())); err != nil || id.some() {
			return p.path(), err
		}
	}
	return "", nil
}

// join makes the path of a name in a tree; names are bytes, so nothing is
// cleaned.
func join(root, rel string) string {
	if rel == "." {
		return root
	}
	return root + string(filepath.Separator) + filepath.FromSlash(rel)
}

// lazy leaves the syncing of many small copies to one sync at the end.
type lazy struct{ durable.FS }

func (l lazy) Unsynced() durable.FS { return lazy{l.FS.Unsynced()} }

func (lazy) SyncTree(string) error { return nil }

func (lazy) SyncDir(string) error { return nil }
