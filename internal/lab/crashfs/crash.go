package crashfs

import (
	"cmp"
	"io/fs"
	"math/rand/v2"
	"slices"
)

// Keep says what of the unsynced outlives a power cut.
type Keep struct {
	kind keep
	seed uint64
}

type keep uint8

const (
	keepNone keep = iota
	keepAll
	keepSome
)

// KeepNone is the disk that had written nothing but what it was told to sync.
func KeepNone() Keep { return Keep{kind: keepNone} }

// KeepAll is the disk that had written everything. (After the death of a process only, what is unsynced is still so: see Clone.)
func KeepAll() Keep { return Keep{kind: keepAll} }

// KeepSome is a disk that had written a part, which the seed chooses.
func KeepSome(seed uint64) Keep { return Keep{keepSome, seed} }

// Crash is the disk after a power cut, mounted again. The original goes on.
func (f *FS) Crash(k Keep) *FS {
	f.v.mu.Lock()
	c, nodes := f.v.clone()
	f.v.mu.Unlock()
	switch k.kind {
	case keepAll:
		c.syncAll()
	case keepSome:
		c.some(rand.New(rand.NewPCG(k.seed, 0)))
	}
	c.forget(nodes)
	return &FS{v: c}
}

// some moves a part of what is unsynced to the disk.
func (v *volume) some(r *rand.Rand) {
	slices.SortFunc(v.dirty, func(a, b *node) int { return cmp.Compare(a.ino, b.ino) })
	for _, n := range v.dirty {
		n.disk = blend(r, n)
	}
	inOrder := r.IntN(4) == 0 // as a journal does it
	chance := []float64{0.1, 0.5, 0.5, 0.8, 0.95}[r.IntN(5)]
	end := r.IntN(len(v.pending) + 1)
	for i, g := range v.pending {
		kept := g.synced
		if inOrder {
			kept = kept || i < end
		} else {
			kept = r.Float64() < chance || kept
		}
		if !kept || waiting(g) || slices.ContainsFunc(g.needs, func(n *group) bool { return !n.done }) {
			continue
		}
		g.commit()
		for _, e := range g.edits {
			if e.to != nil && e.to.fresh && !e.to.named {
				e.to.disk.perm = half(r, e.to)
			}
		}
	}
}

// half is a mode between making a file and giving it its mode, seldom.
func half(r *rand.Rand, n *node) fs.FileMode {
	switch {
	case r.IntN(8) > 0 || n.isLink() || n.moded:
		return n.disk.perm
	case n.isDir():
		return 0o700
	}
	return 0o600
}

// blend is what the disk may have of a node between its last sync and now.
func blend(r *rand.Rand, n *node) state {
	out := n.disk
	if n.unsynced&meta != 0 && r.IntN(2) == 0 {
		body := out.body
		out = n.now
		out.body = body
	}
	if n.unsynced&data != 0 {
		out.body = torn(r, n.disk.body, n.now.body)
		if r.IntN(2) == 0 {
			out.mtime = n.now.mtime
		}
	}
	return out
}

// torn is the old content, the new one, or the new one as far as it came: cut there, or with zeros behind. What was synced and
// not overwritten stays.
func torn(r *rand.Rand, old, now content) content {
	how := r.IntN(4)
	switch {
	case how == 0:
		return old
	case how == 1 || now.size < old.size || len(now.data) == 0:
		return now
	}
	k := r.IntN(len(now.data) + 1)
	if how == 3 {
		k -= k % block
	}
	d := slices.Clone(now.data[:k])
	if k < len(old.data) {
		d = append(d, old.data[k:]...)
	}
	size := max(int64(len(d)), old.size)
	if how == 3 {
		size = now.size
	}
	return content{data: d, size: size, head: blocks(size)}
}

// forget drops all that is not on the disk, and counts anew what is.
func (v *volume) forget(nodes []*node) {
	v.pending, v.lastMove, v.dirty = nil, nil, nil
	v.used, v.inodes = 0, 0
	for _, n := range nodes {
		for name, s := range n.slots {
			if s.disk == nil {
				delete(n.names, name)
			} else {
				n.names[name] = s.disk
			}
		}
		if n.unsynced != 0 || n.fresh {
			n.now = n.disk
		}
		if n.isDir() {
			n.now.mtime, n.now.ctime = n.disk.mtime, n.disk.ctime
		}
		n.unsynced, n.fresh, n.named, n.listed = 0, false, true, false
		n.slots, n.birth, n.nlink = nil, nil, 0
	}
	v.count(v.root)
	v.root.parent = v.root
}

// count sets what follows from the names: links, parents, room.
func (v *volume) count(dir *node) {
	dir.nlink = 2
	v.used += dir.alloc()
	v.inodes++
	for _, n := range dir.names {
		if n.isDir() {
			dir.nlink++
			n.parent = dir
			v.count(n)
			continue
		}
		if n.nlink++; n.nlink == 1 {
			v.used += n.alloc()
			v.inodes++
		}
	}
}
