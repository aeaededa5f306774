// Package files knows trees of files: it describes them exactly (Scan), compares and fingerprints the descriptions (Compare, Digest),
// writes them down (manifests and sums), copies, packs and stages trees, and carries kept paths from an old tree to a new one by
// renames that can be observed.
//
// All access goes through a [durable.FS] handed in. It may import internal/durable, the standard library and
// klauspost/compress, nothing else of Upkeep.
package files

import (
	"io/fs"
	"sort"
	"strings"

	"upkeep/internal/durable"
)

// Type is what a file is.
type Type string

// The types of files.
const (
	File   Type = "file"
	Dir    Type = "dir"
	Link   Type = "link" // symbolic
	FIFO   Type = "fifo"
	Socket Type = "socket"
	Char   Type = "char"
	Block  Type = "block"
)

// Entry describes one name in a tree.
type Entry struct {
	Path   string // relative to the tree's root, elements separated by slashes, any bytes but NUL; the root itself is "."
	Type   Type
	Mode   uint32 // permission bits with setuid 04000, setgid 02000, sticky 01000; 0 for links
	UID    uint32
	GID    uint32
	Size   int64             `json:",omitempty"` // bytes, of files only
	MTime  int64             // nanoseconds since 1970
	Target string            `json:",omitempty"` // of links, as it is written
	SHA256 string            `json:",omitempty"` // of a file's content, 64 lower-case hex digits; "" when not hashed
	Xattrs map[string][]byte `json:",omitempty"` // all extended attributes, raw; ACLs and capabilities among them
	// HardLink is the path of the first name (in order of path) of a file with several names in the tree; "" on that first name itself.
	HardLink string `json:",omitempty"`
	Rdev     uint64 `json:",omitempty"` // of Char and Block
	// Stamp recognises the unchanged file in a later scan; it is no part of comparisons and digests.
	Stamp Stamp `json:",omitzero"`
	// Sparse files have holes: fewer bytes allocated than Size. No part of comparisons and digests.
	Sparse bool `json:",omitempty"`
}

// Stamp is an inode at a moment of its life.
type Stamp struct {
	Dev, Ino uint64
	CTime    int64 // nanoseconds since 1970
	// Settled: whatever is written to the file after this moment moves its ctime. Only then does an equal stamp later mean an equal
	// content; see Options.Settle.
	Settled bool `json:",omitempty"`
}

func stampOf(i durable.Info) Stamp { return Stamp{Dev: i.Dev, Ino: i.Ino, CTime: i.CTime.UnixNano()} }

// same compares the inodes and moments.
func (s Stamp) same(o Stamp) bool { return s.Dev == o.Dev && s.Ino == o.Ino && s.CTime == o.CTime }

// Tree is the description of a tree, or of a single file (one entry with path "."). Entries are sorted by path, so that a
// directory comes before what it contains.
type Tree struct {
	Entries []Entry
}

// Find returns the entry of a path.
func (t Tree) Find(path string) (Entry, bool) {
	i := sort.Search(len(t.Entries), func(i int) bool { return t.Entries[i].Path >= path })
	if i < len(t.Entries) && t.Entries[i].Path == path {
		return t.Entries[i], true
	}
	return Entry{}, false
}

// Bytes is the size of all files, each counted once whatever its number of names.
func (t Tree) Bytes() int64 {
	var n int64
	for i := range t.Entries {
		if e := &t.Entries[i]; e.Type == File && e.HardLink == "" {
			n += e.Size
		}
	}
	return n
}

// Sums lists the files with their sums. Entries that were not hashed are left out.
func (t Tree) Sums() Sums {
	s := Sums{}
	for i := range t.Entries {
		if e := &t.Entries[i]; e.Type == File && e.SHA256 != "" {
			s[e.Path] = e.SHA256
		}
	}
	return s
}

// Sub is the part of the tree at or below path, with paths relative to it.
func (t Tree) Sub(path string) Tree {
	var out Tree
	for _, e := range t.Entries {
		switch {
		case e.Path == path:
			e.Path = "."
		case path == "." || e.Path == ".":
			continue
		case strings.HasPrefix(e.Path, path+"/"):
			e.Path = e.Path[len(path)+1:]
		default:
			continue
		}
		out.Entries = append(out.Entries, e)
	}
	return out
}

func (t *Tree) sort() {
	sort.Slice(t.Entries, func(i, j int) bool { return t.Entries[i].Path < t.Entries[j].Path })
}

// FileMode is the entry's mode as durable.FS takes it, type bits included.
func (e Entry) FileMode() fs.FileMode {
	m := fs.FileMode(e.Mode & 0o777)
	for bit, f := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if e.Mode&bit != 0 {
			m |= f
		}
	}
	switch e.Type {
	case Dir:
		m |= fs.ModeDir
	case Link:
		m |= fs.ModeSymlink
	case FIFO:
		m |= fs.ModeNamedPipe
	case Socket:
		m |= fs.ModeSocket
	case Char:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case Block:
		m |= fs.ModeDevice
	}
	return m
}

// typeOf and modeOf are the way back from FileMode.
func typeOf(m fs.FileMode) Type {
	switch {
	case m.IsRegular():
		return File
	case m.IsDir():
		return Dir
	case m&fs.ModeSymlink != 0:
		return Link
	case m&fs.ModeNamedPipe != 0:
		return FIFO
	case m&fs.ModeSocket != 0:
		return Socket
	case m&fs.ModeCharDevice != 0:
		return Char
	}
	return Block
}

func modeOf(m fs.FileMode) uint32 {
	out := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		out |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		out |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		out |= 0o1000
	}
	return out
}
