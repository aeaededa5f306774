package network

import (
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/tally"
)

// restored are plans whose coordinator gets an older copy of its journal.
var restored = []string{"c0 m | z0", "c0 c1 m | z0"}

// TestModelRestoredCoordinator: a coordinator whose journal was brought back
// from an older copy notices, or does no harm.
func TestModelRestoredCoordinator(t *testing.T) {
	states := 0
	for _, text := range restored {
		m := newModel(compose(text, "origin"), rule{}, true, nil)
		n, way := m.explore(budget{restores: 1, people: 1})
		if way != "" {
			t.Fatal(way)
		}
		states += n
	}
	tally.Add(t, "model", "states", states)
}

func TestModelRestoredCoordinatorAndFaults(t *testing.T) {
	lab.Slow(t)
	states := 0
	for _, b := range []budget{{restores: 1, crashes: 1}, {restores: 1, faults: 1, breaks: 1}, {restores: 1, breaks: 1, people: 1}} {
		for _, text := range restored {
			m := newModel(compose(text, "origin"), rule{}, true, nil)
			n, way := m.explore(b)
			if way != "" {
				t.Fatal(way)
			}
			states += n
		}
	}
	tally.Add(t, "model", "states", states)
}

// TestModelRestoredCoordinatorNeedsGreetings: the controls.
func TestModelRestoredCoordinatorNeedsGreetings(t *testing.T) {
	b := budget{restores: 1, people: 1}
	found(t, []control{
		{name: "it starts without asking the nodes", plan: "c0 c1 m | z0", rule: rule{noGreeting: true}, greets: true, left: b, want: "is"},
		{name: "it does not look at what the nodes have accepted", plan: "c0 c1 m | z0", rule: rule{noNotice: true}, greets: true, left: b, want: "is"},
		{name: "it looks at sequences only", plan: "c0 c1 m | z0", rule: rule{noHash: true}, greets: true, left: b, want: "nobody asks for it"},
		{name: "the nodes do not compare epochs", plan: "c0 c1 m | z0", rule: rule{noEpoch: true}, greets: true, left: b, want: "begins"},
	})
}
