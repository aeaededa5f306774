package hooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"upkeep/internal/step"
)

// open opens a hook for its one run: a regular file, no link, that nobody but
// its owner can have written, in folders for which the same holds. Owners are
// the administrator, the engine's account, and the account that it runs as.
func open(path, as string) (*os.File, error) {
	allowed, err := owners(as)
	if err != nil {
		return nil, fmt.Errorf("cannot run the hook %s: %w", path, err)
	}
	if err := folders(path, allowed); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, &step.UserError{Msg: "cannot open the hook " + path, Err: cause(err), Now: "put it back as it was when the plan was made, or make a new plan"}
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err == nil {
		err = trusted(path, info, allowed)
	}
	if err != nil {
		f.Close()
		var user *step.UserError
		if errors.As(err, &user) {
			return nil, err
		}
		return nil, &step.UserError{Msg: "cannot run the hook " + path, Err: err, Now: "make a new plan"}
	}
	return f, nil
}

func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// folders checks every folder on the way to a file: as it is named, and as it
// is when links are followed.
func folders(path string, allowed []uint32) error {
	dir := filepath.Dir(path)
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return &step.UserError{Msg: "cannot run the hook " + path, Err: cause(err)}
	}
	seen := map[string]bool{}
	for _, d := range []string{dir, real} {
		for {
			if !seen[d] {
				seen[d] = true
				info, err := os.Lstat(d)
				if err != nil {
					return fmt.Errorf("cannot run the hook %s: %w", path, err)
				}
				if err := trusted(path, named{info, d}, allowed); err != nil {
					return err
				}
			}
			up := filepath.Dir(d)
			if up == d {
				break
			}
			d = up
		}
	}
	return nil
}

// named is a folder under its whole path.
type named struct {
	fs.FileInfo
	path string
}

// trusted refuses what others than the allowed accounts could have changed.
// In a folder with the sticky bit they cannot touch what is not theirs.
func trusted(hook string, info fs.FileInfo, allowed []uint32) error {
	at := hook
	if n, ok := info.(named); ok {
		at, info = n.path, n.FileInfo
	}
	refuse := func(why, now string) error {
		return &step.UserError{Msg: fmt.Sprintf("cannot run the hook %s: %s %s", hook, at, why), Now: now}
	}
	if !owned(info, allowed) {
		return refuse("belongs to another account", "give it to root: chown root "+at)
	}
	loose := info.Mode().Perm()&0o022 != 0
	if info.Mode()&fs.ModeSymlink != 0 || info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
		loose = false
	}
	if loose && checksModes {
		return refuse("can be written by others (mode "+strings.TrimPrefix(fmt.Sprintf("%#o", info.Mode().Perm()), "0")+")", "take that right away: chmod go-w "+at)
	}
	return nil
}
