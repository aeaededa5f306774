package network

// deliver brings a request to its node.
func (m *model) deliver(w world, x message) {
	n := &w.nodes[x.node]
	switch x.kind {
	case hello:
		x.answer, x.saw = no, n.epoch
		if x.epoch > n.epoch || m.rule.noEpoch {
			n.epoch, x.answer = max(n.epoch, x.epoch), yes
		}
		x.high, x.branch = n.high, n.branch
		m.reply(w, x)
		return
	case prepare:
		x.answer, x.saw = yes, w.effects[x.step]
		m.reply(w, x)
		return
	case look:
		x.answer = yes
		m.reply(w, x)
		if w.left.breaks > 0 {
			w.left.breaks--
			x.answer = no
			m.reply(w, x)
		}
		return
	}
	m.grant(w, x)
}

// grant is the rule: what a node does with a grant.
func (m *model) grant(w world, x message) {
	n := &w.nodes[x.node]
	older := x.epoch < n.epoch && !m.rule.noEpoch || x.seq < n.high
	if m.rule.anyAge {
		older = false
	}
	if m.rule.byOperation {
		bit := uint32(1) << (x.step*2 + x.kind%2)
		if older = n.did&bit != 0 && n.high != x.seq; older {
			x.answer = yes // from its memory
			m.reply(w, x)
			return
		}
	}
	if m.rule.refusesAgain && x.seq == n.high {
		older = true
	}
	same := x.seq == n.high && x.kind == n.kind && x.step == n.step
	switch {
	case older:
		m.out(w, "the node refuses", x)
	case same && n.ended && !m.rule.redoes:
		x.answer = no
		if x.kind == fence || w.effects[x.step] == target(x.kind) {
			x.answer = yes
		}
		m.reply(w, x)
	case same && n.now.kind != none:
		m.out(w, "the node is at it", x)
	default:
		m.accept(w, x)
	}
}

// accept keeps the grant, ends what an older one has begun, and begins.
func (m *model) accept(w world, x message) {
	n := &w.nodes[x.node]
	if m.rule.noReap && n.now.kind != none {
		n.left = n.now
	}
	n.high, n.branch, n.ended, n.kind, n.step = x.seq, x.branch, false, x.kind, x.step
	n.now = task{kind: x.kind, step: x.step}
	if x.kind == fence {
		n.now, n.ended = task{}, true
		x.answer = yes
		m.reply(w, x)
		return
	}
	m.out(w, "the node accepts", x)
}

func (m *model) reply(w world, x message) {
	if w.send(x) {
		m.out(w, "the node answers", x)
		return
	}
	if w.left.faults > 0 { // no room: it is lost
		w.left.faults--
		m.out(w, "lost is the answer", x)
	}
}

// work lists what the node can do next of its task.
func (m *model) work(w world, i uint8) {
	n := &w.nodes[i]
	if n.left.kind != none { // of a control: an older grant was not ended
		l := w
		m.begins(&l, n.left.step, n.left.kind)
		l.effects[n.left.step] = target(n.left.kind)
		l.nodes[i].left = task{}
		m.out(l, "an older grant ends", n.left)
	}
	t := &n.now
	if t.kind == none {
		return
	}
	switch t.stage {
	case taken:
		if w.effects[t.step] == target(t.kind) {
			t.stage = done
			m.out(w, "the node finds it there", *t)
			return
		}
		m.begins(&w, t.step, t.kind)
		w.effects[t.step] = mixed
		t.stage = begun
		m.out(w, "the node begins", *t)
	case begun:
		m.ends(w, i)
	default:
		a := map[uint8]uint8{done: yes, failed: no, doubtful: unclear}[t.stage]
		x := message{kind: t.kind, step: t.step, node: i, epoch: n.epoch, seq: n.high, branch: n.branch, answer: a}
		n.ended, n.did = true, n.did|m.bit(t)
		n.now = task{}
		m.reply(w, x)
	}
}

// bit is the operation in a node's memory, of a control only.
func (m *model) bit(t *task) uint32 {
	if !m.rule.byOperation {
		return 0
	}
	return 1 << (t.step*2 + t.kind%2)
}

// ends lists how an effect can end.
func (m *model) ends(w world, i uint8) {
	t := &w.nodes[i].now
	good := w
	good.effects[t.step] = target(t.kind)
	good.nodes[i].now.stage = done
	m.out(good, "its effect is there", *t)
	if w.left.breaks == 0 {
		return
	}
	w.left.breaks--
	t.stage = failed
	m.out(w, "it breaks", *t)
	if m.j.steps[t.step].Undo == "unclear" {
		t.stage = doubtful
		m.out(w, "it cannot be told", *t)
	}
}

// dies ends a node and starts it again: what it does is lost, what it keeps
// is not.
func (m *model) dies(w world, i uint8) {
	n := &w.nodes[i]
	n.now, n.left = task{}, task{}
	if m.rule.forgets {
		n.high, n.ended, n.kind, n.step = 0, false, 0, 0
	}
	m.out(w, "a node dies", i)
}
