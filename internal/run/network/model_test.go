package network

import (
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/tally"
)

// every explores all plans of so many steps within each budget.
func every(t *testing.T, least, most int, reduces bool, budgets ...budget) {
	t.Helper()
	plans, states := 0, 0
	for n := least; n <= most; n++ {
		for _, s := range shapes(n) {
			plans++
			for _, b := range budgets {
				m := newModel(compose(s.text, s.mode), rule{}, false, nil)
				m.reduces = reduces
				k, way := m.explore(b)
				if way != "" {
					t.Fatal(way)
				}
				states += k
			}
		}
	}
	t.Logf("%d to %d steps on two nodes, each plan with %+v", least, most, budgets)
	tally.Add(t, "model", "plans", plans)
	tally.Add(t, "model", "states", states)
}

// TestModelEveryPlan is the bounded search that runs always.
func TestModelEveryPlan(t *testing.T) {
	every(t, 1, 3, true, budget{crashes: 1, faults: 1, breaks: 1}, budget{crashes: 1, breaks: 1, people: 1}, budget{faults: 1, people: 1})
}

// TestModelEveryPlanWhole keeps also the messages that the rule makes
// harmless: nothing that the larger searches leave out can do anything.
func TestModelEveryPlanWhole(t *testing.T) {
	every(t, 1, 2, false, budget{faults: 1, breaks: 1, people: 1}, budget{crashes: 1, faults: 1})
}

// TestModelEveryLargerPlan: all plans of up to 5 steps.
func TestModelEveryLargerPlan(t *testing.T) {
	lab.Slow(t)
	t.Run("up to 4 steps", func(t *testing.T) {
		every(t, 1, 4, true, budget{crashes: 2, faults: 2, breaks: 1}, budget{crashes: 1, faults: 1, people: 1})
	})
	t.Run("5 steps", func(t *testing.T) {
		every(t, 5, 5, true, budget{crashes: 2, faults: 2}, budget{crashes: 1, faults: 1, breaks: 1}, budget{crashes: 1, breaks: 1, people: 1}, budget{faults: 1, people: 1})
	})
}
