package crashfs

// group is a change of names that is whole on the disk or not there at all.
type group struct {
	edits  []edit
	needs  []*group // earlier changes without which this one would tear something
	waits  []*group // the making of the directories concerned
	synced bool     // it is durable as soon as its directories are
	done   bool

	twin *group // while a clone is made
}

// edit is one name: what it led to and leads to now. Nil is nothing.
type edit struct {
	dir      *node
	name     string
	from, to *node
}

// change carries out a change of names as programs see it; it is durable when a sync says so.
func (v *volume) change(edits ...edit) *group {
	g := &group{edits: edits}
	at := v.tick()
	for _, e := range edits {
		s, changed := e.dir.slots[e.name]
		if changed {
			g.needs = append(g.needs, s.last)
		} else {
			s.disk = e.from
		}
		if e.dir.slots == nil {
			e.dir.slots = map[string]slot{}
		}
		s.last = g
		e.dir.slots[e.name] = s
		if b := e.dir.birth; b != nil && !b.done {
			g.waits = append(g.waits, b)
		}
		if e.to == nil {
			delete(e.dir.names, e.name)
		} else {
			e.dir.names[e.name] = e.to
			e.to.now.ctime = at
		}
		e.dir.now.mtime, e.dir.now.ctime = at, at
	}
	for _, e := range edits {
		if e.to != nil {
			v.linked(g, e)
		}
	}
	for _, e := range edits {
		if e.from != nil {
			v.unlinked(g, e, at)
		}
	}
	v.pending = append(v.pending, g)
	return g
}

// linked counts a new name. Moves of directories stay in order, or two of them could leave a loop without a way to it.
func (v *volume) linked(g *group, e edit) {
	if !e.to.isDir() {
		e.to.nlink++
		return
	}
	e.dir.nlink++
	if e.to.birth == nil && e.to.fresh && !e.to.named {
		e.to.birth = g
	}
	if e.to.parent != e.dir {
		e.to.parent = e.dir
		if v.lastMove != nil && !v.lastMove.done && v.lastMove != g {
			g.needs = append(g.needs, v.lastMove)
		}
		v.lastMove = g
	}
}

// unlinked counts a name less. A directory goes from the disk only with what was in it.
func (v *volume) unlinked(g *group, e edit, at int64) {
	n := e.from
	n.now.ctime = at
	if !n.isDir() {
		n.nlink--
		v.release(n)
		return
	}
	e.dir.nlink--
	for _, o := range g.edits {
		if o.to == n {
			return
		}
	}
	for _, s := range n.slots {
		g.needs = append(g.needs, s.last)
	}
	n.nlink = 0
	v.release(n)
}

// syncDir makes the names in a directory durable, as far as the directory is.
func (v *volume) syncDir(d *node) {
	d.sync()
	for _, s := range d.slots {
		s.last.synced = true
	}
	if len(d.slots) > 0 {
		v.settle()
	}
}

// settle makes durable what was synced and waits for nothing.
func (v *volume) settle() {
	for again := true; again; {
		again = false
		for _, g := range v.pending {
			if !g.done && g.synced && !waiting(g) {
				g.force()
				again = true
			}
		}
	}
	left := v.pending[:0]
	for _, g := range v.pending {
		if !g.done {
			left = append(left, g)
		}
	}
	clear(v.pending[len(left):])
	v.pending = left
	if v.lastMove != nil && v.lastMove.done {
		v.lastMove = nil
	}
}

func waiting(g *group) bool {
	for _, w := range g.waits {
		if !w.done {
			return true
		}
	}
	return false
}

// force makes a change durable with all that it needs.
func (g *group) force() {
	if g.done {
		return
	}
	for _, n := range g.needs {
		n.force()
	}
	for _, w := range g.waits {
		w.force()
	}
	g.commit()
	for _, e := range g.edits {
		if e.to != nil {
			e.to.named = true
		}
	}
	g.edits, g.needs, g.waits = nil, nil, nil
}

// commit puts a change on the disk; those that it needs are there.
func (g *group) commit() {
	g.done = true
	for _, e := range g.edits {
		if s := e.dir.slots[e.name]; s.last == g {
			delete(e.dir.slots, e.name)
		} else {
			s.disk = e.to
			e.dir.slots[e.name] = s
		}
		e.dir.disk.mtime, e.dir.disk.ctime = e.dir.now.mtime, e.dir.now.ctime
		if e.to != nil && e.to.birth == g {
			e.to.birth = nil
		}
	}
}

// syncAll makes the whole volume durable.
func (v *volume) syncAll() {
	for _, g := range v.pending {
		g.force()
	}
	clear(v.pending)
	v.pending, v.lastMove = v.pending[:0], nil
	for _, n := range v.dirty {
		n.sync()
		n.listed = false
	}
	clear(v.dirty)
	v.dirty = v.dirty[:0]
}
