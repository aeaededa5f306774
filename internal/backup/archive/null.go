package archive

import (
	"io/fs"
	"time"

	"upkeep/internal/durable"
)

// nowhere is a file system that takes everything and keeps nothing: unpacking
// into it with the code of the restore is the test of an archive. Only the
// calls of files.Unpack are there.
type nowhere struct{ durable.FS }

func (n nowhere) Unsynced() durable.FS { return n }

func (nowhere) Create(string, fs.FileMode) (durable.File, error) { return hole{}, nil }
func (nowhere) Mkdir(string, fs.FileMode) error                  { return nil }
func (nowhere) Symlink(string, string) error                     { return nil }
func (nowhere) Link(string, string) error                        { return nil }
func (nowhere) Mknod(string, fs.FileMode, uint64) error          { return nil }
func (nowhere) Chmod(string, fs.FileMode) error                  { return nil }
func (nowhere) Chown(string, uint32, uint32) error               { return nil }
func (nowhere) Chtimes(string, time.Time) error                  { return nil }
func (nowhere) SetXattr(string, string, []byte) error            { return nil }
func (nowhere) RemoveXattr(string, string) error                 { return nil }
func (nowhere) Lstat(string) (durable.Info, error)               { return durable.Info{}, nil }
func (nowhere) Xattrs(string) (map[string][]byte, error)         { return nil, nil }

// hole is a file in it.
type hole struct{}

func (hole) Write(p []byte) (int, error)            { return len(p), nil }
func (hole) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (hole) Truncate(int64) error                   { return nil }
func (hole) Sync() error                            { return nil }
func (hole) Close() error                           { return nil }
