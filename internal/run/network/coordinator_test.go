package network

import (
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

const allNodes = 3

// wanted gives what the coordinator waits for: a request that it sends until
// it is answered. None: it can write, or there is nothing to do.
func (m *model) wanted(w *world) message {
	f := m.j.states[w.journal]
	a := f.next
	r := message{seq: w.seq, epoch: w.epoch, branch: w.branch}
	if m.greets && w.greeted != allNodes && !f.closed {
		r.kind, r.seq = hello, w.starts
		if w.greeted&1 != 0 {
			r.node = 1
		}
		return r
	}
	if a.Step.ID != "" {
		r.step = m.j.number[a.Step.ID]
		r.node = a.Step.Node[0] - '0'
	}
	switch a.Kind {
	case run.ActDo:
		switch {
		case a.Step.Class == plan.Check:
			r.kind = look
		case !w.prepared && !f.intended(a.Step.ID): // otherwise the first memo holds
			r.kind = prepare
		case m.rule.effectFirst:
			r.kind = do
		}
	case run.ActRecover:
		r.kind = do
		if a.Dir == run.Undo {
			r.kind = undo
		}
	case run.ActSkipUndo:
		if !m.rule.skipAlone {
			r.kind = fence
		}
	case run.ActSeal:
		if w.sealing < 2 {
			r.kind, r.node = fence, w.sealing
		}
	}
	return r
}

// coordinate lists what the coordinator can do by itself: send, send again,
// write.
func (m *model) coordinate(w world) {
	f := m.j.states[w.journal]
	if f.closed || w.stopped || f.next.Kind == run.ActWait {
		return
	}
	r := m.wanted(&w)
	if r.kind == none {
		if e, ok := m.writes(f.next); ok {
			m.write(w, e)
		}
		return
	}
	if m.rule.timeoutFails && r.kind == do && w.left.faults > 0 {
		n := w
		n.left.faults--
		m.write(n, entry{kind: run.Outcome, step: r.step, dir: run.Do, what: "fail"})
	}
	again := w.sent
	if again && m.underWay(&w, r) {
		if w.left.faults == 0 {
			return
		}
		w.left.faults--
	}
	w.sent = true
	if w.send(r) {
		m.out(w, "the coordinator asks", r)
	}
}

// underWay says whether an answer may still come to what was asked.
func (m *model) underWay(w *world, r message) bool {
	for _, x := range w.net {
		y := x
		y.answer, y.saw, y.high, y.branch = asked, 0, 0, r.branch
		if y == r {
			return true
		}
	}
	n := &w.nodes[r.node]
	return n.now.kind == r.kind && n.high == r.seq && r.kind != none
}

// writes gives the entry that follows an action without asking anybody.
func (m *model) writes(a run.Action) (entry, bool) {
	e := entry{n: a.To}
	if a.Step.ID != "" {
		e.step = m.j.number[a.Step.ID]
	}
	switch a.Kind {
	case run.ActDo:
		e.kind, e.dir = run.Intent, run.Do
	case run.ActUndo:
		e.kind, e.dir = run.Intent, run.Undo
	case run.ActSkipUndo:
		e.kind, e.dir, e.what = run.Outcome, run.Undo, "skip"
	case run.ActBack:
		e.kind, e.what, e.step = run.Decision, string(run.ChooseBack), 0
	case run.ActLand:
		e.kind, e.what = run.Decision, string(run.ChooseLand)
	case run.ActMilestone:
		e.kind, e.n = run.MilestoneReached, a.Number
	case run.ActSeal:
		e.kind, e.step = run.Sealed, 0
	case run.ActBarrier:
		e.kind = run.BarrierCrossed
	case run.ActClose:
		e.kind, e.what = run.RunClosed, string(a.Result)
		for k, ms := range m.j.plan.Milestones {
			if a.Result == run.ResultMilestone && ms.Version == a.Version {
				e.n = k + 1
			}
		}
	default:
		return e, false
	}
	return e, true
}

// write commits an entry: what was volatile about the step before is over.
func (m *model) write(w world, e entry) {
	m.checkEntry(&w, e)
	to, err := m.j.append(w.journal, e)
	if err != nil {
		m.fail("the journal refuses what the coordinator writes: %v", err)
		return
	}
	w.journal, w.seq = to, w.seq+1
	w.prepared, w.sent, w.sealing = false, false, 0
	m.out(w, "the journal gets", e)
}

// receive takes an answer.
func (m *model) receive(w world, x message) {
	f := m.j.states[w.journal]
	r := m.wanted(&w)
	same := x.kind == r.kind && x.step == r.step && x.node == r.node && x.epoch == r.epoch && x.seq == r.seq
	if m.rule.anyAnswer {
		same = x.kind == r.kind && x.step == r.step && x.node == r.node
	}
	if f.closed || w.stopped || r.kind == none || !same {
		m.out(w, "the coordinator ignores", x)
		return
	}
	w.sent = false
	what := map[uint8]string{yes: "ok", no: "fail", unclear: "unclear"}[x.answer]
	switch x.kind {
	case hello:
		m.greeted(w, x)
		return
	case prepare:
		if x.saw != old {
			m.fail("the memo of %s is made when it is %s: its undo would lead there", m.j.steps[x.step].ID, states[x.saw])
		}
		w.prepared = true
	case look:
		m.write(w, entry{kind: run.Outcome, step: x.step, dir: run.Do, what: what})
		return
	case fence:
		if f.next.Kind == run.ActSkipUndo {
			m.write(w, entry{kind: run.Outcome, step: x.step, dir: run.Undo, what: "skip"})
			return
		}
		w.sealing++
	case do, undo:
		if m.rule.effectFirst && f.next.Kind == run.ActDo {
			if to, err := m.j.append(w.journal, entry{kind: run.Intent, step: x.step, dir: run.Do}); err == nil {
				w.journal, w.seq = to, w.seq+1
			}
		}
		m.write(w, entry{kind: run.Outcome, step: x.step, dir: direction(x.kind), what: what})
		return
	}
	m.out(w, "the coordinator takes", x)
}

// greeted takes a node's answer to a coordinator that has started.
func (m *model) greeted(w world, x message) {
	switch {
	case x.answer == no: // the node knows a later epoch
		w.kept = max(w.kept, x.saw) + 1
		w.epoch, w.greeted = w.kept, 0
	case m.unknown(&w, x) && !m.rule.noNotice:
		w.stopped = true
	default:
		w.greeted |= 1 << x.node
		w.astray = w.astray && w.greeted != allNodes
	}
	m.out(w, "the coordinator takes", x)
}

// unknown says whether a node has accepted a grant of an entry that the
// journal does not have.
func (m *model) unknown(w *world, x message) bool {
	if m.rule.noHash || x.branch == w.branch {
		return x.high > w.seq
	}
	return x.high > w.fork
}

// people lists what persons may decide: where the run waits, and unasked.
func (m *model) people(w world) {
	f := m.j.states[w.journal]
	if f.closed || w.stopped || w.left.people == 0 {
		return
	}
	w.left.people--
	for _, c := range f.next.Choices {
		if c == run.ChooseRetry || c != run.ChooseBack && !m.retryOnly {
			m.write(w, entry{kind: run.Decision, what: string(c), step: m.j.number[f.next.Step.ID]})
		}
	}
	for to := 0; to <= f.state.Milestone && !m.retryOnly; to++ {
		if f.state.CanGoBack(to) == nil {
			m.write(w, entry{kind: run.Decision, what: string(run.ChooseBack), n: to})
		}
	}
}
