package durable

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Sweep removes what calls that a crash interrupted have left directly in the directories: files and links whose names IsTemp tells.
// Nothing else may write there meanwhile. A directory that is not there, or is none, has nothing.
func Sweep(fsys FS, dirs ...string) error {
	var errs []error
	for _, dir := range dirs {
		i, err := fsys.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !i.IsDir() {
			continue
		}
		var list []DirEntry
		if err == nil {
			list, err = fsys.ReadDir(dir)
		}
		errs = append(errs, err)
		for _, e := range list {
			if !IsTemp(e.Name) || !(e.Type.IsRegular() || e.Type&fs.ModeSymlink != 0) {
				continue
			}
			if err := fsys.Remove(filepath.Join(dir, e.Name)); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
