package network

import (
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

var states = []string{"old", "mixed", "new"}

// checkEntry holds the promises about what is written.
func (m *model) checkEntry(w *world, e entry) {
	f := m.j.states[w.journal]
	s := m.j.steps[e.step]
	switch {
	case e.kind == run.Intent && e.dir == run.Do && f.back && m.j.land[e.step] == 0:
		m.fail("a forward step after the decision to go back: %s", s.ID)
	case e.kind == run.Intent && e.dir == run.Do && s.Class == plan.Irreversible && !f.state.Barrier:
		m.fail("irreversible before the barrier: %s", s.ID)
	case e.kind == run.Intent && e.dir == run.Undo && f.state.Barrier:
		m.fail("undone after the barrier: %s", s.ID)
	case e.kind == run.RunClosed:
		m.checkEnd(w, e)
	}
}

// checkEnd holds that a run ends new, old or at its milestone, and never
// between: from then on users are in.
func (m *model) checkEnd(w *world, e entry) {
	f := m.j.states[w.journal]
	for i := range m.j.steps {
		want := old
		switch run.Result(e.what) {
		case run.ResultNew:
			if m.j.land[i] == 0 {
				want = new_
			}
		case run.ResultMilestone:
			if m.j.land[i] == e.n || m.j.land[i] == 0 && i < m.milestone(e.n) {
				want = new_
			}
		}
		if got := w.effects[i]; m.counts(f, i) && got != want {
			m.fail("users are let in between: the run ends %s, but %s is %s", e.what, m.j.steps[i].ID, states[got])
		}
	}
}

// counts says whether a step has an effect that matters.
func (m *model) counts(f *folded, i int) bool {
	c := m.j.steps[i].Class
	return c != plan.Control && c != plan.Check && f.free>>i&1 == 0
}

// milestone gives the place of the k-th milestone.
func (m *model) milestone(k int) int {
	return int(m.j.number[m.j.plan.Milestones[k-1].Step])
}

// begins holds the promises about an effect that is about to change: whoever
// started it, and whenever its grant was sent.
func (m *model) begins(w *world, step, kind uint8) {
	if w.astray || w.stopped {
		return // this is of the run before, and the nodes will say so
	}
	f := m.j.states[w.journal]
	s := m.j.steps[step]
	st := f.state.Steps[s.ID]
	switch {
	case f.closed:
		m.fail("users are in already: %s %s changes after the end", name(kind), s.ID)
		return
	case s.Class == plan.Irreversible && !f.state.Barrier:
		m.fail("irreversible before the barrier: %s", s.ID)
		return
	}
	for i := range m.j.steps {
		if i == int(step) || !m.counts(f, i) {
			continue
		}
		if want, got := m.beside(int(step), i), w.effects[i]; got != want {
			m.fail("%s: %s is %s", m.broken(kind, s, i > int(step), got), m.j.steps[i].ID, states[got])
			return
		}
	}
	if st == nil || st.Status != run.InFlight && st.Status != run.Undoing {
		status := run.Pending
		if st != nil {
			status = st.Status
		}
		m.fail("nobody asks for it: %s %s begins while it is %q", name(kind), s.ID, status)
	}
}

// beside is what the step i must be when the effect of another changes: what
// comes before is there, what comes after is not. So every step is taken for
// a start of the service, and for the one that lets users in.
func (m *model) beside(step, i int) uint8 {
	at, of := m.j.land[step], m.j.land[i]
	switch {
	case at == of && i < step, at > 0 && of == 0 && i < m.milestone(at):
		return new_
	}
	return old
}

// broken names the promise that an effect breaks.
func (m *model) broken(kind uint8, s plan.Step, later bool, got uint8) string {
	role := s.ID[0]
	switch {
	case kind == do && role == start || kind == undo && role == halt:
		return "a mixed service is started by " + name(kind) + " " + s.ID
	case kind == do && role == reopen || kind == undo && role == gate:
		return "users are let in between by " + name(kind) + " " + s.ID
	case kind == undo && later:
		return "what depends on it is not undone: undo " + s.ID
	case kind == do && later:
		return "done again below what depends on it: do " + s.ID
	}
	return "what it stands on is not there: " + name(kind) + " " + s.ID
}

func name(kind uint8) string {
	return []string{"none", "prepare", "check", "do", "undo", "fence", "hello"}[kind]
}

// twice holds that a repeated grant which has ended changes nothing, however
// often it comes.
func (m *model) twice(w world) {
	r := m.wanted(&w)
	if r.kind != do && r.kind != undo {
		return
	}
	n := w.nodes[r.node]
	if n.high != r.seq || !n.ended || n.kind != r.kind || n.step != r.step {
		return
	}
	quiet := *m
	quiet.out = func(after world, _ string, _ any) {
		if after.nodes != w.nodes || after.effects != w.effects {
			m.fail("recovered twice, something changes: %s %s", name(r.kind), m.j.steps[r.step].ID)
		}
	}
	w.net = [maxMessages]message{}
	w0 := w
	quiet.grant(w0, r)
}
