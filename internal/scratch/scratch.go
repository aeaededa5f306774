// Package scratch makes temporary folders that do not outlive their process for
// long: beside each lies a file that its process has locked, and whoever makes the
// next one removes those whose process has died. What was unpacked or dumped there is nobody's
// any more.
//
// It may import durable and what the lock needs.
package scratch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"upkeep/internal/durable"
)

// prefix begins the name of every folder.
const prefix = "upkeep-tmp_"

// lockSuffix ends the name of the file beside it that the process has locked. It
// is there before the folder, and until the folder is gone.
const lockSuffix = ".lock"

// attempts is how many names New tries. Losing one takes a sweep within the
// microseconds between making its lock and locking it.
const attempts = 100

// errTaken says that somebody cleared away a lock that was about to be taken.
var errTaken = errors.New("its lock was taken by somebody else")

// Dir is a temporary folder of this process.
type Dir struct {
	Path string
	fsys durable.FS
	lock *os.File
}

// New makes a private folder in parent (empty: the system's folder for
// temporary files); kind is part of its name.
func New(fsys durable.FS, parent, kind string) (*Dir, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	fsys = fsys.Unsynced()
	Sweep(fsys, parent)
	d := &Dir{fsys: fsys}
	err := errTaken
	for range attempts {
		// whoever sweeps at this moment may see the file before it is locked, and
		// take it for one of the dead
		d.Path = filepath.Join(parent, prefix+kind+"-"+rand.Text())
		if d.lock, err = take(d.Path + lockSuffix); !errors.Is(err, errTaken) {
			break
		}
	}
	if err == nil {
		err = fsys.Mkdir(d.Path, 0o700)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot make a temporary folder: %w", err), d.Close())
	}
	return d, nil
}

// Close removes the folder.
func (d *Dir) Close() error {
	if d == nil {
		return nil
	}
	err := d.fsys.RemoveAll(d.Path)
	if d.lock == nil {
		return err
	}
	if err == nil {
		err = d.fsys.Remove(d.lock.Name())
	}
	return errors.Join(err, d.lock.Close())
}

// Sweep removes the folders of processes that have died, as far as it may: those
// of this account. Nothing depends on it.
func Sweep(fsys durable.FS, parent string) {
	if parent == "" {
		parent = os.TempDir()
	}
	fsys = fsys.Unsynced()
	locks, err := filepath.Glob(filepath.Join(parent, prefix+"*"+lockSuffix))
	if err != nil {
		return
	}
	for _, path := range locks {
		lock := inherit(path)
		if lock == nil {
			continue // it is in use, or somebody else's
		}
		// what cannot be removed now is removed by the next one
		if err := fsys.RemoveAll(strings.TrimSuffix(path, lockSuffix)); err == nil {
			_ = fsys.Remove(path)
		}
		lock.Close()
	}
}
