package network

import (
	"testing"

	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/run"
)

// endings checks that every run can still end, by itself or after a person has
// said retry, and gives the number of worlds and of those from which it cannot.
// What may still go wrong can end too: nothing is asked of worlds in which no
// person can speak any more.
func (m *model) endings(b budget) (worlds, lost int) {
	m.retryOnly = true
	index := map[world]int{}
	var list []world
	var before [][]int
	at := 0
	add := func(w world, _ string, _ any) {
		if m.reduces {
			m.bury(&w)
		}
		w.canonical(b.restores == 0 && !m.greets)
		i, ok := index[w]
		if !ok {
			i = len(list)
			index[w], list, before = i, append(list, w), append(before, nil)
		}
		before[i] = append(before[i], at)
	}
	m.out = add
	add(m.first(b), "", nil)
	for ; at < len(list); at++ {
		m.successors(list[at])
	}
	can := make([]bool, len(list))
	var todo []int
	for i, w := range list {
		if m.j.states[w.journal].closed || w.stopped {
			can[i], todo = true, append(todo, i)
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, k := range before[i] {
			if !can[k] {
				can[k], todo = true, append(todo, k)
			}
		}
	}
	for i, w := range list {
		if !can[i] && (w.left.people > 0 || m.j.states[w.journal].next.Kind != run.ActWait && w.left.people == b.people) {
			lost++
		}
	}
	return len(list), lost
}

// TestModelEveryRunCanEnd: no rule is safe that lets nothing happen.
func TestModelEveryRunCanEnd(t *testing.T) {
	states := 0
	for _, text := range []string{"c0 m | z0", "c0 c1 m | o0", "c0 m t1>1 c0 m | z1"} {
		for _, mode := range []string{"origin", "stay"} {
			for _, b := range []budget{{crashes: 1, faults: 1, people: 1, breaks: 1}, {people: 1, breaks: 4}} {
				m := newModel(compose(text, mode), rule{}, false, nil)
				m.reduces = true
				n, lost := m.endings(b)
				if lost > 0 {
					t.Errorf("%s (%s): %d of %d worlds never end", text, mode, lost, n)
				}
				states += n
			}
		}
	}
	tally.Add(t, "model", "states", states)

	// a control: when an answer was lost, nothing goes on
	m := newModel(compose("c0 c1 m | o0", "origin"), rule{refusesAgain: true}, false, nil)
	if n, lost := m.endings(budget{people: 1, faults: 1}); lost == 0 {
		t.Errorf("where a node refuses a repeated grant all %d worlds end: the test shows nothing", n)
	}
	tally.Add(t, "model", "controls", 1)
	tally.Add(t, "model", "controls caught", 1)
}
