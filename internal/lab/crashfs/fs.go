package crashfs

import (
	"io/fs"
	"maps"
	"sync"
	"time"

	"upkeep/internal/durable"
)

const (
	device     = 0xcf00
	volumeID   = "207:0"
	unlimited  = -1
	totalBytes = 1 << 40 // what Free tells of a volume without a limit
	dawn       = int64(1_700_000_000) * int64(time.Second)
)

// FS is a view on a volume in memory: synced, or not (see Unsynced). Views may be used by many goroutines.
type FS struct {
	v    *volume
	lazy bool
}

var _ durable.FS = (*FS)(nil)

// volume is what views share.
type volume struct {
	mu       sync.Mutex
	root     *node
	pending  []*group // changes of names that are not durable, in order
	lastMove *group   // the last move of a directory to another one
	dirty    []*node  // all nodes with something unsynced, and some without

	ino, temp   uint64
	clock       int64
	uid, gid    uint32
	limit, used int64

	inodeLimit, inodes int64
}

// New gives an empty volume: "/", of root, with mode 0755. It has no limits, and new files belong to root.
func New() *FS {
	v := &volume{clock: dawn, ino: 1, limit: unlimited, inodeLimit: unlimited}
	v.root, _ = v.make(nil, fs.ModeDir, 0o755) // fails at a limit only
	v.root.parent = v.root
	v.root.sync()
	return &FS{v: v}
}

// As says whom new files belong to. Nothing is forbidden to anyone.
func (f *FS) As(uid, gid uint32) {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	f.v.uid, f.v.gid = uid, gid
}

// Limit sets the size of the volume: what does not fit gets ENOSPC. A negative one is no limit.
func (f *FS) Limit(bytes int64) {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	f.v.limit = bytes
}

// LimitInodes sets how many files, directories and links fit. A negative number is no limit.
func (f *FS) LimitInodes(n int64) {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	f.v.inodeLimit = n
}

// Unsynced is the same volume, whose changes are not durable when they return.
func (f *FS) Unsynced() durable.FS { return f.Careless() }

// Careless is Unsynced with what only this file system can do.
func (f *FS) Careless() *FS { return &FS{f.v, true} }

// Clone is an independent copy with all that is not synced: the machine after all processes were killed. Open files stay with
// the original.
func (f *FS) Clone() *FS {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	c, _ := f.v.clone()
	return &FS{v: c}
}

// clone also gives all nodes of the copy, those too that only the disk or a pending change knows.
func (v *volume) clone() (*volume, []*node) {
	c := &volume{ino: v.ino, temp: v.temp, clock: v.clock, uid: v.uid, gid: v.gid,
		limit: v.limit, inodeLimit: v.inodeLimit}
	k := cloner{nodes: make([]*node, 0, v.inodes+16)}
	c.pending = make([]*group, len(v.pending))
	for i, g := range v.pending {
		g.twin = &group{synced: g.synced}
		c.pending[i] = g.twin
	}
	c.root = k.node(v.root)
	for i, g := range v.pending {
		k.group(g, c.pending[i])
	}
	if v.lastMove != nil {
		c.lastMove = v.lastMove.twin
	}
	for _, n := range v.dirty {
		if n.unsynced != 0 && n.twin != nil {
			n.twin.listed = true
			c.dirty = append(c.dirty, n.twin)
		}
	}
	for _, g := range v.pending {
		g.twin = nil
	}
	twins := make([]*node, len(k.nodes))
	for i, n := range k.nodes {
		t := n.twin
		twins[i], n.twin, t.opens = t, nil, 0
		if t.nlink > 0 { // an open file without a name stays behind
			c.used += t.alloc()
			c.inodes++
		}
	}
	return c, twins
}

// cloner copies a graph of nodes; what was copied already is known by its twin.
type cloner struct {
	nodes []*node // originals
}

func (k *cloner) node(n *node) *node {
	if n == nil {
		return nil
	}
	if n.twin != nil {
		return n.twin
	}
	t := new(node)
	*t = *n
	n.twin = t
	t.twin, t.listed = nil, false
	t.now.body = n.now.body.frozen()
	k.nodes = append(k.nodes, n)
	if n.birth != nil {
		t.birth = n.birth.twin // nil if it is durable
	}
	if !n.isDir() {
		return t
	}
	t.parent = k.node(n.parent)
	t.names = maps.Clone(n.names)
	for name, child := range t.names {
		t.names[name] = k.node(child)
	}
	t.slots = nil
	if len(n.slots) > 0 {
		t.slots = make(map[string]slot, len(n.slots))
		for name, s := range n.slots {
			t.slots[name] = slot{k.node(s.disk), s.last.twin}
		}
	}
	return t
}

func (k *cloner) group(g, t *group) {
	t.edits = make([]edit, len(g.edits))
	for i, e := range g.edits {
		t.edits[i] = edit{k.node(e.dir), e.name, k.node(e.from), k.node(e.to)}
	}
	t.needs, t.waits = twins(g.needs), twins(g.waits)
}

// twins leaves out what is durable by now.
func twins(list []*group) []*group {
	var out []*group
	for _, g := range list {
		if g.twin != nil {
			out = append(out, g.twin)
		}
	}
	return out
}
