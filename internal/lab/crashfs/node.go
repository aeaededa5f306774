package crashfs

import (
	"io/fs"
	"math"
	"syscall"
	"time"

	"upkeep/internal/durable"
)

// special are the bits beside the type that Chmod sets.
const special = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// node is an inode: what programs see of it, and what is on the disk.
type node struct {
	ino    uint64
	kind   fs.FileMode // type bits
	rdev   uint64
	target string // of a link

	now, disk state
	unsynced  mark // what of now may not be in disk
	listed    bool // it is in volume.dirty
	fresh     bool // never synced: disk is how it was made
	named     bool // a name of it was synced
	moded     bool // made with the mode that it keeps, in one call: none without the other

	nlink, opens int64

	// of directories
	names  map[string]*node
	slots  map[string]slot // names that changed since they were last durable
	parent *node
	birth  *group // the change that made it, until that is durable

	twin *node // while a clone is made
}

// mark says which part of a node is not durable.
type mark uint8

const (
	meta mark = 1 << iota
	data
)

// state is what can change in an inode. It shares bytes and maps with other states: they are never written to, but replaced.
type state struct {
	perm         fs.FileMode
	uid, gid     uint32
	mtime, ctime int64
	xattrs       map[string][]byte
	body         content
}

// slot is a name in a directory that changed.
type slot struct {
	disk *node  // what the disk has under it
	last *group // the last change
}

func (n *node) isDir() bool  { return n.kind == fs.ModeDir }
func (n *node) isLink() bool { return n.kind == fs.ModeSymlink }
func (n *node) isFile() bool { return n.kind == 0 }

// alloc is the room that a node takes; directories take one block.
func (n *node) alloc() int64 {
	if n.isDir() {
		return block
	}
	return n.now.body.alloc()
}

func (n *node) info(name string) durable.Info {
	i := durable.Info{
		Name: name, Mode: n.kind | n.now.perm, Size: n.now.body.size, MTime: time.Unix(0, n.now.mtime), CTime: time.Unix(0, n.now.ctime),
		UID: n.now.uid, GID: n.now.gid, Dev: device, Ino: n.ino, Nlink: uint64(n.nlink), Rdev: n.rdev, Alloc: n.alloc(),
	}
	switch {
	case n.isDir():
		i.Size = block
	case n.isLink():
		i.Size = int64(len(n.target))
	}
	return i
}

// make gives a new inode that has no name yet, with the mode that its kind is born with.
func (v *volume) make(dir *node, kind, perm fs.FileMode) (*node, error) {
	if v.inodeLimit >= 0 && v.inodes >= v.inodeLimit {
		return nil, syscall.ENOSPC
	}
	v.ino++
	now := v.tick()
	n := &node{ino: v.ino, kind: kind, fresh: true, now: state{perm: perm & special, uid: v.uid, gid: v.gid, mtime: now, ctime: now}}
	if dir != nil && dir.now.perm&fs.ModeSetgid != 0 {
		n.now.gid = dir.now.gid
	}
	if n.isDir() {
		n.nlink, n.names, n.parent = 2, map[string]*node{}, dir
	}
	n.disk = n.now
	v.inodes++
	v.used += n.alloc()
	return n, nil
}

// release gives room back when the last name and the last handle are gone.
func (v *volume) release(n *node) {
	if n.nlink == 0 && n.opens == 0 {
		v.used -= n.alloc()
		v.inodes--
	}
}

// room is how many bytes more can be allocated.
func (v *volume) room() int64 {
	if v.limit < 0 {
		return math.MaxInt64
	}
	return max(0, v.limit-v.used)
}

// tick is the clock: each change has a moment of its own.
func (v *volume) tick() int64 {
	v.clock += int64(time.Millisecond)
	return v.clock
}

// touch notes that a part of a node is not durable any more.
func (v *volume) touch(n *node, m mark) {
	n.now.ctime = v.tick()
	n.unsynced |= m
	if !n.listed {
		n.listed = true
		v.dirty = append(v.dirty, n)
	}
}

// sync makes a node durable, without the names in it.
func (n *node) sync() {
	n.disk = n.now
	n.disk.body = n.now.body.frozen()
	n.unsynced, n.fresh = 0, false
}
