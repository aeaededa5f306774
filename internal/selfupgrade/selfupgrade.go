// Package selfupgrade exchanges the program of Upkeep itself. A new one is laid
// beside it, asked who it is and whether it can go on with what there is, and
// takes its place by one rename; the old one is kept and can be taken back. At
// every moment a program that works lies at the path. It may import durable, the
// standard library and golang.org/x/sys.
package selfupgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"upkeep/internal/durable"
)

// MaxBytes is how long a program may be.
const MaxBytes = 512 << 20

// Kept is where the program before is kept: beside it, so that it can take its
// place by a rename, and can be run by hand.
func Kept(exe string) string { return exe + ".old" }

// Names of what is under way. Whatever bears them is nobody's as soon as the
// lock can be taken.
func staged(exe string) string  { return exe + ".new" }
func keeping(exe string) string { return exe + ".keep" }

// Answer is what a program says of itself.
type Answer struct {
	Version  string
	Problems []string // why it cannot go on with what there is on this computer
}

// Asker runs the program at a path and asks it. Whoever asks bounds its time.
type Asker func(ctx context.Context, path string) (Answer, error)

// Program is the program of Upkeep at a path.
type Program struct {
	FS   durable.FS
	Path string // absolute, no symbolic link
	Ask  Asker
}

// UnfitError says that a program was not put in place, or was taken back.
type UnfitError struct {
	Path  string
	Why   []string
	Taken bool // it was in place, and the one before is back
}

func (e *UnfitError) Error() string {
	text := "the new program is not used"
	if e.Taken {
		text = "the new program did not work in its place, and the one before is back"
	}
	for i, w := range e.Why {
		if i == 0 {
			text += ": " + w
		} else {
			text += "; " + w
		}
	}
	return text
}

// Tidy removes what an interrupted exchange has left. The lock is held.
func (p Program) Tidy() error {
	for _, at := range []string{staged(p.Path), keeping(p.Path)} {
		// what a power cut brings back is removed again
		if err := p.FS.Unsynced().Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove what an interrupted self-upgrade has left: %w", err)
		}
	}
	return nil
}

// Stage lays a new program beside the one in use, with its owner and mode. The
// lock is held, and Tidy was called.
func (p Program) Stage(r io.Reader) (err error) {
	now, err := p.FS.Lstat(p.Path)
	if err != nil {
		return fmt.Errorf("cannot look at the program in use: %w", err)
	}
	at, fsys := staged(p.Path), p.FS.Unsynced() // SyncFile below is the one that counts
	f, err := fsys.Create(at, 0o700)
	if err != nil {
		return fmt.Errorf("cannot lay the new program beside the old one: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(r, MaxBytes+1))
	switch {
	case err == nil && n > MaxBytes:
		err = fmt.Errorf("it is longer than %d bytes", MaxBytes)
	case err == nil && n == 0:
		err = errors.New("it is empty")
	}
	err = errors.Join(err, f.Close())
	if is, lerr := p.FS.Lstat(at); err == nil && lerr == nil && (is.UID != now.UID || is.GID != now.GID) {
		err = fsys.Chown(at, now.UID, now.GID)
	}
	if err == nil {
		err = fsys.Chmod(at, now.Mode.Perm()|0o500)
	}
	if err == nil {
		err = fsys.SyncFile(at)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot lay the new program beside the old one: %w", err), p.Tidy())
	}
	return nil
}

// Exchange puts the staged program in place, if it says that it is of that
// version and can go on with what there is, and keeps the one before. What does
// not work in its place is taken back, with an *UnfitError. The lock is held.
func (p Program) Exchange(ctx context.Context, version string) error {
	if err := p.fit(ctx, staged(p.Path), version); err != nil {
		return errors.Join(err, p.Tidy())
	}
	ctx = context.WithoutCancel(ctx) // what is begun is ended: it takes no time worth a question
	if err := p.keep(); err != nil {
		return errors.Join(fmt.Errorf("cannot keep the program in use: %w", err), p.Tidy())
	}
	if err := p.FS.Replace(staged(p.Path), p.Path); err != nil {
		return fmt.Errorf("cannot put the new program in place: %w", err)
	}
	err := p.fit(ctx, p.Path, version)
	var unfit *UnfitError
	if !errors.As(err, &unfit) {
		return err
	}
	unfit.Taken = true
	return errors.Join(unfit, p.restore())
}

// keep has the program in use under a second name.
func (p Program) keep() error {
	if same, err := p.kept(); err != nil || same {
		return err // a rename onto another name of the same file does nothing
	}
	fsys := p.FS.Unsynced() // whoever exchanges the program syncs the same folder
	if err := fsys.Link(p.Path, keeping(p.Path)); err != nil {
		return err
	}
	return fsys.Replace(keeping(p.Path), Kept(p.Path))
}

// kept says whether what is kept is the program in use.
func (p Program) kept() (bool, error) {
	use, err := p.FS.Lstat(p.Path)
	if err != nil {
		return false, err
	}
	old, err := p.FS.Lstat(Kept(p.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && old.Dev == use.Dev && old.Ino == use.Ino, err
}

// restore puts the kept program in place; it stays kept.
func (p Program) restore() error {
	err := p.FS.Unsynced().Link(Kept(p.Path), keeping(p.Path))
	if err == nil {
		err = p.FS.Replace(keeping(p.Path), p.Path)
	}
	if err != nil {
		return fmt.Errorf("cannot put the program before in place: it is %s: %w", Kept(p.Path), err)
	}
	return nil
}

// fit asks a program who it is, and whether it can go on.
func (p Program) fit(ctx context.Context, at, version string) error {
	a, err := p.Ask(ctx, at)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return &UnfitError{Path: at, Why: []string{err.Error()}}
	case version != "" && a.Version != version:
		return &UnfitError{Path: at, Why: []string{fmt.Sprintf("its release is %s, and it says that it is %s", version, a.Version)}}
	case len(a.Problems) > 0:
		return &UnfitError{Path: at, Why: a.Problems}
	}
	return nil
}

// ErrNothingKept says that no program is kept that could be taken back.
var ErrNothingKept = errors.New("no program before is kept")

// Back puts the program before in place again, if it can go on with what there
// is, and gives its version. The lock is held.
func (p Program) Back(ctx context.Context) (string, error) {
	same, err := p.kept()
	if err == nil {
		_, err = p.FS.Lstat(Kept(p.Path))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), same:
		return "", ErrNothingKept
	case err != nil:
		return "", fmt.Errorf("cannot look at the program that was kept: %w", err)
	}
	a, err := p.Ask(ctx, Kept(p.Path))
	switch {
	case err != nil:
		return "", &UnfitError{Path: Kept(p.Path), Why: []string{err.Error()}}
	case len(a.Problems) > 0:
		return "", &UnfitError{Path: Kept(p.Path), Why: a.Problems}
	}
	return a.Version, p.restore()
}
