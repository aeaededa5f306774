// Package durable is the only code of Upkeep that renames, syncs and removes files of products and of its own state.
//
// Everything that writes goes through an [FS] value handed in, so that a crash can be put after any single call: OS() is the
// real thing, tests bring a file system of their own. A call that writes is atomic where its comment says so, and durable when
// it returns: content and name are on the disk. For building a tree that nothing refers to yet, [FS.Unsynced] gives the same
// file system without the syncs; one [FS.SyncTree] makes the tree durable before it gets its name.
//
// Paths are absolute for every call that writes. It imports only the standard library and golang.org/x/sys.
package durable

import (
	"io"
	"io/fs"
	"time"
)

// FS is what Upkeep may do to files. Errors are [*Error] values that name operation and path; the causes can be asked for
// with errors.Is: fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, [ErrExchangeUnsupported], [ErrNotDurable], [ErrRefused] …
type FS interface {
	Reader
	Writer
	// Unsynced is the same file system whose writes return before they are durable. For a tree under construction only:
	// SyncTree (of either view) must come before anything durable refers to it. The Sync methods still sync.
	Unsynced() FS
}

// Reader are the calls that change nothing.
type Reader interface {
	// Open opens a regular file or a directory for reading, following links. Other types are refused and never block.
	Open(path string) (ReadFile, error)
	// OpenNoFollow is Open, but refuses a path whose last element is a symbolic link.
	OpenNoFollow(path string) (ReadFile, error)
	// Lstat describes the file itself, Stat what a symbolic link leads to.
	Lstat(path string) (Info, error)
	Stat(path string) (Info, error)
	// ReadDir lists a directory, sorted by name.
	ReadDir(path string) ([]DirEntry, error)
	ReadFile(path string) ([]byte, error)
	Readlink(path string) (string, error)
	// Xattrs reads all extended attributes of the file itself (links are not followed), including POSIX ACLs
	// (system.posix_acl_*) and capabilities (security.capability) as raw bytes. Nil where there are none or the volume has none.
	Xattrs(path string) (map[string][]byte, error)
	// Free describes the volume that holds path, or would hold it: of its nearest existing parent.
	Free(path string) (VolumeInfo, error)
	// Mounts lists the mount points at or below path, sorted. Empty where the platform cannot tell.
	Mounts(path string) ([]string, error)
}

// Writer are the calls that change something: each one is a moment at which a crash is tested.
type Writer interface {
	// WriteFile puts data under path atomically: a reader sees the old content or the new, also after a crash.
	// The mode is exactly perm (no umask) and an existing file is replaced, its owner is not kept.
	WriteFile(path string, data []byte, perm fs.FileMode) error
	// Create makes a new file for writing with exactly perm; fs.ErrExist where the name is taken. Content is durable after File.Sync,
	// the name after SyncDir of its parent (Create itself does not wait for it).
	Create(path string, perm fs.FileMode) (File, error)
	// Append opens a regular file to go on writing at its end, and follows no link. It changes nothing itself.
	Append(path string) (File, error)
	// Mkdir makes one directory with exactly perm (no umask); MkdirAll also what is missing above it, and is content with what exists.
	Mkdir(path string, perm fs.FileMode) error
	MkdirAll(path string, perm fs.FileMode) error
	// Rename moves a file or directory and never replaces: fs.ErrExist where newPath is taken.
	Rename(oldPath, newPath string) error
	// Replace moves a file over newPath atomically, whether that exists or not.
	Replace(oldPath, newPath string) error
	// Exchange swaps two files or trees atomically: neither name is ever missing. ErrExchangeUnsupported where the volume cannot.
	Exchange(a, b string) error
	// SwapLink points the symbolic link at target atomically, making it if missing. What exists and is not a link is refused.
	SwapLink(link, target string) error
	// Remove removes one file, link or empty directory. RemoveAll removes a tree, never follows a link out of it, is content when
	// there is nothing, and refuses "/", relative paths, and any tree with a mount point in it (that is somebody's data).
	Remove(path string) error
	RemoveAll(path string) error
	// Symlink and Link make new names; fs.ErrExist where the name is taken.
	Symlink(target, link string) error
	Link(oldPath, newPath string) error
	// Mknod makes a FIFO (fs.ModeNamedPipe), socket or device node (fs.ModeDevice, with fs.ModeCharDevice) with exactly the mode's bits.
	Mknod(path string, mode fs.FileMode, rdev uint64) error
	// Chmod sets permission, setuid, setgid and sticky bits and refuses links. Chown, Chtimes, SetXattr and RemoveXattr act on a link itself.
	// Chown clears setuid bits and capabilities: set them after it.
	Chmod(path string, mode fs.FileMode) error
	Chown(path string, uid, gid uint32) error
	Chtimes(path string, mtime time.Time) error
	SetXattr(path, name string, value []byte) error
	RemoveXattr(path, name string) error
	// SyncFile makes content and metadata of one file durable, SyncDir the names in a directory.
	SyncFile(path string) error
	SyncDir(path string) error
	// SyncTree makes everything in the tree durable, with one syncfs of its volume on Linux. The tree must lie on one volume.
	SyncTree(path string) error
	// Preallocate makes sure that path is a file of size bytes whose blocks are really allocated: a reserve for a full disk.
	Preallocate(path string, size int64) error
}

// ReadFile is an opened file.
type ReadFile interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
	// Stat describes the opened file, whatever its name leads to by now.
	Stat() (Info, error)
}

// File is a file being written.
type File interface {
	io.Writer
	io.WriterAt
	// Truncate sets the size; what lies beyond the written part is a hole.
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Info describes a file. Its fields are those of stat(2).
type Info struct {
	Name  string      // last element of the path asked for
	Mode  fs.FileMode // type, permission, setuid, setgid, sticky
	Size  int64       // bytes; of a symbolic link the length of its target
	MTime time.Time   // content changed
	CTime time.Time   // anything changed; cannot be set by a program. Zero where the platform has none
	UID   uint32
	GID   uint32
	Dev   uint64 // the volume
	Ino   uint64 // the file on the volume
	Nlink uint64 // names
	Rdev  uint64 // of device nodes
	Alloc int64  // bytes allocated: less than Size means holes. -1 where unknown
}

// IsDir, IsRegular and IsLink tell the three frequent types.
func (i Info) IsDir() bool     { return i.Mode.IsDir() }
func (i Info) IsRegular() bool { return i.Mode.IsRegular() }
func (i Info) IsLink() bool    { return i.Mode&fs.ModeSymlink != 0 }

// DirEntry is a name in a directory. Type holds only type bits, as fs.DirEntry.Type.
type DirEntry struct {
	Name string
	Type fs.FileMode
}

// VolumeInfo tells the room on a volume, in bytes, as an ordinary account may use it. Volumes with the same ID are the same: needs on them add up.
type VolumeInfo struct {
	ID         string
	Free       int64
	Total      int64
	FreeInodes int64 // -1 where the volume has no such limit
}
