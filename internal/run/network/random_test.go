package network

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// randomPlan draws a plan of up to three hops and ten steps, of all roles and
// marks.
func randomPlan(t *rapid.T) *plan.Plan {
	role := rapid.SampledFrom([]string{"c", "c", "g", "t", "s", "v"})
	mark := rapid.SampledFrom([]string{"", "", "", "~", "*", "!"})
	var words []string
	left := 10
	hops := 3 - rapid.IntRange(0, 2).Draw(t, "hops") // rapid likes small numbers
	for h := range hops {
		n := max(0, min(4, left)-rapid.IntRange(0, 4).Draw(t, "steps"))
		for range n {
			w := role.Draw(t, "role") + fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "node")) + mark.Draw(t, "mark")
			if h > 0 && w[0] != 'v' && rapid.IntRange(0, 3).Draw(t, "only") == 0 {
				w += fmt.Sprint(">", h)
			}
			words = append(words, w)
		}
		left -= n
		words = append(words, "m")
	}
	words = append(words, "|")
	for range rapid.IntRange(0, min(2, left)).Draw(t, "after") {
		words = append(words, rapid.SampledFrom([]string{"z", "o"}).Draw(t, "role")+fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "node"))+mark.Draw(t, "mark"))
	}
	return compose(strings.Join(words, " "), rapid.SampledFrom([]string{"origin", "stay"}).Draw(t, "mode"))
}

// walk draws one way through the runs of a plan, and gives its length and what
// it breaks.
func walk(t *rapid.T, m *model, b budget, most int) (int, string) {
	type choice struct {
		world
		line string
	}
	var next []choice
	m.out = func(w world, what string, by any) {
		w.canonical(b.restores == 0 && !m.greets)
		next = append(next, choice{w, m.line(what, by)})
	}
	w := m.first(b)
	var story []string
	for i := range most {
		next = next[:0]
		m.twice(w)
		m.successors(w)
		if m.bad != "" {
			return i, fmt.Sprintf("%s (%s): %s\n  %s", m.j.plan.Digest, m.j.plan.OnFailure, m.bad, strings.Join(story, "\n  "))
		}
		if len(next) == 0 {
			if f := m.j.states[w.journal]; !f.closed && f.next.Kind != run.ActWait && !w.stopped {
				return i, fmt.Sprintf("%s: it is stuck\n  %s", m.j.plan.Digest, strings.Join(story, "\n  "))
			}
			return i, ""
		}
		// mostly what comes first, or runs would not get far
		pick := max(0, rapid.IntRange(-len(next), len(next)-1).Draw(t, "next"))
		w = next[pick].world
		story = append(story, next[pick].line)
	}
	return most, ""
}

// drawn draws a plan, what may go wrong, and one way.
func drawn(t *rapid.T, r rule) (int, string) {
	draw := func(most int, what string) uint8 { return uint8(most - rapid.IntRange(0, most).Draw(t, what)) }
	b := budget{crashes: draw(3, "crashes"), faults: draw(4, "faults"), breaks: draw(4, "breaks"), people: draw(3, "people")}
	return walk(t, newModel(randomPlan(t), r, false, nil), b, 500)
}

// TestModelRandomPlans follows runs of larger plans, and shrinks what it finds.
func TestModelRandomPlans(t *testing.T) {
	moves := 0
	rapid.Check(t, func(rt *rapid.T) {
		n, bad := drawn(rt, rule{})
		moves += n
		if bad != "" {
			rt.Fatal(bad)
		}
	})
	tally.Add(t, "model", "random moves", moves)
}

// TestModelRandomPlansFind: the controls of the walk.
func TestModelRandomPlansFind(t *testing.T) {
	caught := 0
	controls := map[string]rule{"any age": {anyAge: true}, "no reap": {noReap: true}, "any answer": {anyAnswer: true}, "effect first": {effectFirst: true},
		"done again": {redoes: true}, "silence": {timeoutFails: true}}
	for what, r := range controls {
		way := rapid.Custom(func(t *rapid.T) string { _, bad := drawn(t, r); return bad })
		found := ""
		for seed := 0; seed < 5000 && found == ""; seed++ {
			found = way.Example(seed)
		}
		if found == "" {
			t.Errorf("%s: nothing is found", what)
			continue
		}
		caught++
	}
	tally.Add(t, "model", "controls", len(controls))
	tally.Add(t, "model", "controls caught", caught)
}
