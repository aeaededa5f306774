package process

import (
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/lab/tap"
)

// Every commit of the journal fails once, or from there on, and so do other
// operations: no room, a broken disk, no right, a file in use.
func TestFaultsForward(t *testing.T) {
	lab.Slow(t)
	r := built(t)
	faults(t, r.target("faults forward", 0, "3.0", r.good), 44, func(*Undisturbed, tap.Traced) bool { return true })
}

// The same on the way back.
func TestFaultsBack(t *testing.T) {
	lab.Slow(t)
	r := built(t)
	faults(t, r.target("faults back", 6, "1.0", r.bad), 30, backward)
}

func faults(t *testing.T, x Target, many int, of func(*Undisturbed, tap.Traced) bool) {
	dice, seed := Seed(t)
	u := Trace(t, x)
	var must, may []Failing
	for _, o := range u.Ops {
		switch {
		case o.Process != "engine" && x.Code == 6 || o.Process == "engine" && !of(u, o):
		case o.Kind == "journal":
			must = append(must, Fails(o, dice))
		default:
			may = append(may, Fails(o, dice))
		}
	}
	plans := append(scale.Sample(must, many/2, dice), scale.Sample(may, many/2, dice)...)
	c := &Count{Ends: map[string]int{}}
	each(t, plans, func(t *testing.T, f Failing) { Fault(t, x, u, f, c) })
	t.Logf("%s: %d operations, %d faults: %v", x.Name, len(u.Ops), len(plans), c)
	tally.Seeded(t, "faults", "faults", c.Hits, seed)
	tally.Seeded(t, "faults", "missed", len(c.Missed), seed)
	tally.Seeded(t, "faults", "between", c.Between, seed)
	tally.Seeded(t, "faults", "recovery median ms", int(c.Median().Milliseconds()), seed)
	tally.Seeded(t, "faults", "recovery worst ms", int(c.Worst().Milliseconds()), seed)
}
