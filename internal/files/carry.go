package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"syscall"

	"upkeep/internal/durable"
)

// Place tells where a thing that is to be moved is found.
type Place string

// The places. Conflict: it is at its source, but something else is where it should go, or both names lead to it. Missing: neither does.
const (
	AtSource      Place = "source"
	AtDestination Place = "destination"
	Conflict      Place = "conflict"
	Missing       Place = "missing"
)

// Move is one rename. What is moved is known by its inode, so that it is told from another file of the same name.
type Move struct {
	From, To string // absolute
	Dev, Ino uint64 // 0 where the platform does not tell: then names alone count
}

// Carry moves kept paths (uploads, a configuration file, a cache of thumbnails) from an old tree into the new one by renames, so that
// gigabytes cost nothing. It is a plain value: keep it in the step's memo before the first Apply. Apply and Revert converge from every
// state that a crash can leave, and refuse, with the evidence, what is neither.
//
// A kept file that a running version saves anew (write, rename) gets another inode, and counts as foreign then: whoever lets the new version
// run between Apply and Revert must look again and bring the moves' identities up to date.
//
// While a tree holds carried files it has a marker, and Discard refuses to remove it: a staging directory is then no longer worthless.
type Carry struct {
	Into  string  // root of the new tree, which gets the marker
	Dirs  []Entry // directories to make, parents first; their Path is absolute
	Moves []Move  // in order
}

// ErrCarry: something is where neither the plan nor a crash in the middle of it would have put it.
var ErrCarry = errors.New("kept files are not where they should be")

// marker lies in the root of a tree that holds carried files.
const marker = ".upkeep-carried"

// PlanCarry finds the kept paths in the old tree and decides the moves into the new one, writing nothing. keep are paths or patterns
// relative to the tree (elements as of path.Match); those that the old tree does not have are left out. What the release ships under
// a kept name (an empty uploads directory, a sample configuration) is put aside first, into a directory that must not exist yet and lies on
// the same volume: kept files win.
func PlanCarry(fsys durable.FS, old, into, aside string, keep []string) (Carry, error) {
	p := carryPlanner{fsys: fsys, old: old, aside: aside, c: Carry{Into: into}, made: map[string]bool{}}
	if err := p.all(keep); err != nil {
		return Carry{}, fmt.Errorf("cannot plan what to carry from %s to %s: %w", old, into, err)
	}
	return p.c, nil
}

type carryPlanner struct {
	fsys       durable.FS
	old, aside string
	c          Carry
	made       map[string]bool
	shipped    int
}

func (p *carryPlanner) all(keep []string) error {
	paths, err := expand(p.fsys, p.old, keep)
	if err != nil {
		return err
	}
	target, err := p.fsys.Stat(p.c.Into)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := p.one(path, target); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (p *carryPlanner) one(path string, target durable.Info) error {
	from, to := join(p.old, path), join(p.c.Into, path)
	kept, err := p.fsys.Lstat(from)
	if err != nil {
		return err
	}
	mounts, err := p.fsys.Mounts(from)
	if err != nil {
		return err
	}
	if kept.Dev != target.Dev || len(mounts) > 0 {
		return errors.New("it is, or holds, a volume of its own, which a rename cannot move: place it outside the tree and leave a link")
	}
	if err := p.parents(path); err != nil {
		return err
	}
	switch shipped, err := p.fsys.Lstat(to); {
	case err == nil:
		if p.shipped == 0 {
			p.c.Dirs = append(p.c.Dirs, Entry{Path: p.aside, Type: Dir, Mode: 0o700, UID: target.UID, GID: target.GID, MTime: target.MTime.UnixNano()})
		}
		p.c.Moves = append(p.c.Moves, Move{to, filepath.Join(p.aside, strconv.Itoa(p.shipped)), shipped.Dev, shipped.Ino})
		p.shipped++
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	p.c.Moves = append(p.c.Moves, Move{from, to, kept.Dev, kept.Ino})
	return nil
}

// parents plans the directories above a kept path that the new tree no longer has.
func (p *carryPlanner) parents(path string) error {
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		dir := path[:i]
		to := join(p.c.Into, dir)
		if p.made[dir] {
			continue
		}
		have, err := p.fsys.Lstat(to)
		switch {
		case err == nil && !have.IsDir():
			return fmt.Errorf("the new release has no directory at %s", dir)
		case err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		from := join(p.old, dir)
		was, err := p.fsys.Lstat(from)
		if err != nil {
			return err
		}
		x, err := p.fsys.Xattrs(from)
		if err != nil {
			return err
		}
		p.made[dir] = true
		p.c.Dirs = append(p.c.Dirs, Entry{Path: to, Type: Dir, Mode: modeOf(was.Mode), UID: was.UID, GID: was.GID, MTime: was.MTime.UnixNano(), Xattrs: x})
	}
	return nil
}

// Observe tells where each thing is. Nothing is written.
func (c Carry) Observe(fsys durable.FS) ([]Place, error) {
	out := make([]Place, len(c.Moves))
	for i := range c.Moves {
		var err error
		if out[i], err = c.place(fsys, i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c Carry) place(fsys durable.FS, i int) (Place, error) {
	m := c.Moves[i]
	_, srcOurs, err := m.at(fsys, m.From)
	if err != nil {
		return "", err
	}
	dst, dstOurs, err := m.at(fsys, m.To)
	if err != nil {
		return "", err
	}
	switch {
	case srcOurs && dstOurs:
		return Conflict, nil
	case dstOurs:
		return AtDestination, nil
	case !srcOurs:
		return Missing, nil
	case dst == nil, c.leaves(*dst, m.To):
		return AtSource, nil
	}
	return Conflict, nil
}

// leaves: what is at a path is itself to be moved from there.
func (c Carry) leaves(i durable.Info, path string) bool {
	for _, m := range c.Moves {
		if m.From == path && m.is(i) {
			return true
		}
	}
	return false
}

// is compares the inode alone: a device may have another number after a reboot,
// and what is moved stays on one.
func (m Move) is(i durable.Info) bool { return m.Ino == 0 || m.Ino == i.Ino }

func (m Move) at(fsys durable.FS, path string) (*durable.Info, bool, error) {
	i, err := fsys.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, false, nil
	} else if err != nil {
		return nil, false, err
	}
	return &i, m.is(i), nil
}

// Apply moves everything that is not there yet. On a conflict nothing further is moved.
func (c Carry) Apply(fsys durable.FS) error {
	if len(c.Moves) == 0 {
		return nil
	}
	if err := Mark(fsys, c.Into); err != nil {
		return err
	}
	for _, d := range c.Dirs {
		err := fsys.Mkdir(d.Path, 0o700)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := Dress(fsys, d.Path, d); err != nil {
			return err
		}
	}
	for i, m := range c.Moves {
		place, err := c.place(fsys, i)
		if err != nil {
			return err
		}
		switch place {
		case AtDestination:
		case AtSource:
			if err := fsys.Rename(m.From, m.To); err != nil {
				return fmt.Errorf("%w: %w", ErrCarry, err)
			}
		default:
			return m.astray(place)
		}
	}
	return nil
}

// Revert moves everything back that is not there yet, in reverse order, and removes the directories that Apply made if nothing else is in them.
func (c Carry) Revert(fsys durable.FS) error {
	for i := len(c.Moves) - 1; i >= 0; i-- {
		m := c.Moves[i]
		place, err := c.place(fsys, i)
		if err != nil {
			return err
		}
		switch place {
		case AtSource:
		case AtDestination:
			if err := fsys.Rename(m.To, m.From); err != nil {
				return fmt.Errorf("%w: %w", ErrCarry, err)
			}
		default:
			return m.astray(place)
		}
	}
	for i := len(c.Dirs) - 1; i >= 0; i-- {
		err := fsys.Remove(c.Dirs[i].Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return Settle(fsys, c.Into)
}

func (m Move) astray(p Place) error {
	if p == Missing {
		return fmt.Errorf("%w: neither at %s nor at %s", ErrCarry, m.From, m.To)
	}
	return fmt.Errorf("%w: both %s and %s exist; move away the one that is not the kept one", ErrCarry, m.From, m.To)
}

// Mark notes that a tree holds files carried from another version, so that Discard refuses to remove it. Apply does so itself; it is for a tree that
// was settled and leaves its place again.
func Mark(fsys durable.FS, tree string) error {
	return fsys.WriteFile(join(tree, marker), []byte("This tree holds files that were moved here from the version before. Upkeep removes this note when the upgrade is through.\n"), 0o600)
}

// Marked tells whether a tree has the marker. A tree that does not exist has none.
func Marked(fsys durable.FS, tree string) (bool, error) {
	_, err := fsys.Lstat(join(tree, marker))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return err == nil, err
}

// Settle removes the marker of a tree: it is in place now, or has given back what it held.
func Settle(fsys durable.FS, tree string) error {
	err := fsys.Remove(join(tree, marker))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Discard removes a tree that is no longer needed: staging that was interrupted, an old version after its retention. It refuses one
// that holds carried files. Content when there is nothing.
func Discard(fsys durable.FS, tree string) error {
	held, err := Marked(fsys, tree)
	if err != nil {
		return err
	}
	if held {
		return fmt.Errorf("cannot remove %s: %w: it holds files carried from another version; put them back first (upkeep resume, upkeep back)", tree, ErrCarry)
	}
	return fsys.RemoveAll(tree)
}
