package network

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// rule says what of the rule of grants, or of the engine, a control leaves
// out. The zero value is the rule.
type rule struct {
	anyAge       bool // a node accepts grants of any age
	byOperation  bool // a node remembers operations (run/step/direction) instead of sequences
	forgets      bool // a node does not keep the highest grant durably
	noReap       bool // a node does not end what an older grant began
	redoes       bool // a node does a grant that has ended again
	anyAnswer    bool // the coordinator takes answers by operation
	timeoutFails bool // the coordinator takes silence for a failure
	skipAlone    bool // the coordinator passes a step without telling its node
	refusesAgain bool // a node refuses a repeated grant, too
	effectFirst  bool // effect before Intent
	noEpoch      bool // nodes do not compare epochs
	noNotice     bool // the coordinator does not look at what nodes have accepted
	noHash       bool // nodes are compared by sequence only, not by the entry's hash
	noGreeting   bool // the coordinator starts without asking the nodes
}

// model explores the runs of one plan.
type model struct {
	j         *journal
	rule      rule
	greets    bool
	reduces   bool                               // drop messages that can never again do anything
	limit     int                                // of states; 0: none
	out       func(w world, what string, by any) // takes every world that can come next
	wants     string                             // look for this violation only
	bad       string
	retryOnly bool // persons say retry and nothing else
	tells     bool // keep the way to every world
	at        int  // the world whose successors are looked for
}

func newModel(p *plan.Plan, r rule, greets bool, bend func(*run.State, run.Entry)) *model {
	return &model{j: newJournal(p, bend), rule: r, greets: greets && !r.noGreeting}
}

func (m *model) fail(format string, a ...any) {
	if text := fmt.Sprintf(format, a...); m.bad == "" && strings.Contains(text, m.wants) {
		m.bad = text
	}
}

// first is the world before anything was done.
func (m *model) first(b budget) world {
	w := world{saved: -1, seq: 1, left: b}
	if m.greets {
		w.kept, w.epoch, w.starts = 1, 1, 1
	}
	return w
}

// successors hands every world that can come next to m.out.
func (m *model) successors(w world) {
	m.coordinate(w)
	m.people(w)
	for i := range w.nodes {
		m.work(w, uint8(i))
	}
	for i, x := range w.net {
		if x.kind == none || i > 0 && x == w.net[i-1] {
			continue
		}
		m.network(w, i, x)
	}
	if w.left.crashes > 0 {
		c := w
		c.left.crashes--
		m.restart(c)
		for i := range c.nodes {
			if n := c.nodes[i]; n.now.kind != none || n.left.kind != none || m.rule.forgets {
				m.dies(c, uint8(i))
			}
		}
	}
	if w.left.restores > 0 {
		m.restore(w)
	}
}

// network delivers a message, loses it, or delivers it and keeps a copy.
func (m *model) network(w world, i int, x message) {
	deliver := m.deliver
	if x.answer != asked {
		deliver = m.receive
	}
	gone := w
	gone.net[i] = message{}
	deliver(gone, x)
	if w.left.faults == 0 {
		return
	}
	w.left.faults--
	deliver(w, x)
	gone.left.faults--
	m.out(gone, "lost is", x)
}

// restart ends the coordinator and starts it again from its journal.
func (m *model) restart(w world) {
	w.prepared, w.sent, w.sealing = false, false, 0
	if m.greets {
		w.kept++
		w.starts++
		w.epoch, w.greeted = w.kept, 0
	}
	m.out(w, "the coordinator dies and starts", "")
}

// restore takes a copy of the journal, or brings it back.
func (m *model) restore(w world) {
	if w.saved < 0 {
		w.saved, w.savedSeq, w.savedKept = w.journal, w.seq, w.kept
		m.out(w, "the journal is copied", "")
		return
	}
	w.left.restores--
	w.journal, w.seq, w.kept, w.astray = w.saved, w.savedSeq, w.savedKept, true
	w.branch, w.fork = 1, w.savedSeq
	m.restart(w)
}

// explore walks every world that can come, and gives how many there are and
// the way to the first that breaks a promise. A world is known by 64 bits of
// its hash: in a million, one is missed with a chance of 1 in 30 million.
func (m *model) explore(b budget) (n int, way string) {
	first := m.first(b)
	seed := maphash.MakeSeed()
	seen := map[uint64]struct{}{maphash.Comparable(seed, first): {}}
	queue, steps := []world{first}, []move(nil)
	m.out = func(w world, what string, by any) {
		if m.reduces {
			m.bury(&w)
		}
		w.canonical(b.restores == 0 && !m.greets)
		h := maphash.Comparable(seed, w)
		if _, ok := seen[h]; ok {
			return
		}
		seen[h] = struct{}{}
		queue = append(queue, w)
		if m.tells {
			steps = append(steps, move{m.at, what, by})
		}
	}
	for m.at = 0; m.at < len(queue) && m.bad == "" && (m.limit == 0 || len(queue) < m.limit); m.at++ {
		m.twice(queue[m.at])
		m.successors(queue[m.at])
	}
	if m.bad == "" || m.tells {
		return len(queue), m.way(steps)
	}
	again := *m // only now the way is of interest
	again.tells, again.bad = true, ""
	return again.explore(b)
}

// move is how a world came about, from which other.
type move struct {
	from int
	what string
	by   any
}

// way tells how the world that breaks a promise came about.
func (m *model) way(moves []move) string {
	if m.bad == "" {
		return ""
	}
	var lines []string
	for at := m.at - 1; at > 0; at = moves[at-1].from {
		lines = append(lines, m.line(moves[at-1].what, moves[at-1].by))
	}
	slices.Reverse(lines)
	return fmt.Sprintf("%s (%s): %s\n  %s", m.j.plan.Digest, m.j.plan.OnFailure, m.bad, strings.Join(lines, "\n  "))
}

// bury drops what can never again do anything under the rule: the journal's
// sequence and what a node has accepted only grow. Controls and the small plans
// are explored without it.
func (m *model) bury(w *world) {
	for i, x := range w.net {
		n := &w.nodes[x.node]
		late := x.seq != w.seq
		switch {
		case x.kind == none:
			continue
		case x.answer == asked && (x.kind == do || x.kind == undo || x.kind == fence):
			late = x.seq < n.high || late && x.seq == n.high && n.ended
		}
		if late {
			w.net[i] = message{}
		}
	}
}

// line tells one move.
func (m *model) line(what string, arg any) string {
	switch x := arg.(type) {
	case message:
		return fmt.Sprintf("%s: %s %s (node %d, seq %d, epoch %d, answer %d, saw %d)", what, name(x.kind), m.j.steps[x.step].ID, x.node, x.seq, x.epoch, x.answer, x.saw)
	case task:
		return fmt.Sprintf("%s: %s %s", what, name(x.kind), m.j.steps[x.step].ID)
	case entry:
		return fmt.Sprintf("%s: %s %s %s %s %d", what, x.kind, m.j.steps[x.step].ID, x.dir, x.what, x.n)
	}
	return fmt.Sprint(what, " ", arg)
}
