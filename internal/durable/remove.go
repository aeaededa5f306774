package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func (f osFS) Remove(path string) error {
	const op = "remove"
	if err := absolute(op, path); err != nil {
		return err
	}
	return f.named(op, func() error { return fail(op, path, os.Remove(path)) }, path)
}

func (f osFS) RemoveAll(path string) error {
	const op = "remove tree"
	if err := absolute(op, path); err != nil {
		return err
	}
	path = filepath.Clean(path)
	if filepath.Dir(path) == path {
		return fail(op, path, refused{"it is the root of a file system"})
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		// An earlier run may have removed it and died before its sync.
		if err := f.named(op, nothing, path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	} else if err != nil {
		return fail(op, path, err)
	}
	// What is mounted inside a tree is data that lives elsewhere: uploads on a share, a volume of a container.
	if info.IsDir() {
		mounts, err := f.Mounts(path)
		if err != nil {
			return err
		}
		if len(mounts) > 0 {
			return fail(op, path, refused{"another volume is mounted at " + mounts[0] + "; unmount it first"})
		}
	}
	return f.named(op, func() error { return removeAll(op, path) }, path)
}

// removeAll removes the tree. On Linux os.RemoveAll walks by descriptors and does not follow links, whoever swaps them in
// meanwhile.
func removeAll(op, path string) error {
	err := os.RemoveAll(path)
	if p, ok := errors.AsType[*fs.PathError](err); ok && p.Path != path { // say which file in the tree
		return &Error{Op: op, Path: path, Err: fmt.Errorf("%s: %w", p.Path, p.Err)}
	}
	return fail(op, path, err)
}
