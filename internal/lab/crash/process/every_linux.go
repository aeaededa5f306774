package process

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/crash/tally"
)

// Choice says which points of a target are tried, and how many of the
// recoveries are killed, too.
type Choice struct {
	Of    func(Point) bool // nil: all
	OneIn int              // of those that Of does not take, one in so many by the seed; 0: none
	Most  int              // of all these at most so many, by the seed; see scale
	Twice int              // one recovery in so many is killed, too; 0: none
}

// Every kills the target at the chosen points, several at once, and counts.
func Every(t *testing.T, x Target, choice Choice) {
	t.Helper()
	dice, seed := Seed(t)
	u := Trace(t, x)
	all, folded := u.Points()
	var plans []Plan
	for _, p := range all {
		if scale.All() || choice.Of == nil || choice.Of(p) || choice.OneIn > 0 && dice.IntN(choice.OneIn) == 0 {
			plans = append(plans, choice.plan(p, dice))
		}
	}
	chosen := len(plans)
	plans = scale.Sample(plans, choice.Most, dice)
	c := &Count{Ends: map[string]int{}}
	each(t, plans, func(t *testing.T, p Plan) { Try(t, x, u, p, c) })
	t.Logf("%s: %d operations, %d moments (%d more are the same state as the next one); %d chosen, %d tried: %v", x.Name, len(u.Ops), len(all), folded, chosen, len(plans), c)
	for _, m := range c.Missed {
		t.Logf("missed: %s", m)
	}
	tally.Seeded(t, "process", "crash points", c.Hits, seed)
	tally.Seeded(t, "process", "pairs", c.Pairs, seed)
	tally.Seeded(t, "process", "missed", len(c.Missed), seed)
	tally.Seeded(t, "process", "between", c.Between, seed)
	tally.Seeded(t, "process", "recovery median ms", int(c.Median().Milliseconds()), seed)
	tally.Seeded(t, "process", "recovery worst ms", int(c.Worst().Milliseconds()), seed)
}

func (c Choice) plan(p Point, dice *rand.Rand) Plan {
	plan := Plan{Point: p, Attached: p.Process == "engine" && dice.IntN(3) == 0}
	if c.Twice > 0 && p.Process == "engine" && dice.IntN(c.Twice) == 0 {
		plan.Attached = false
		plan.Again = &Again{N: 1 + dice.IntN(max(1, p.Left)), When: []string{"before", "after"}[dice.IntN(2)]}
	}
	return plan
}

// workers is how many sites are worked on at once: a run waits for services and
// disks for a third of its time.
func workers() int { return runtime.NumCPU() + 1 }

// each calls f for every item, in tests of their own, several at once.
func each[T interface{ String() string }](t *testing.T, items []T, f func(*testing.T, T)) {
	t.Helper()
	next := make(chan T)
	var busy sync.WaitGroup
	for range workers() {
		busy.Go(func() {
			for item := range next {
				t.Run(item.String(), func(t *testing.T) { f(t, item) })
			}
		})
	}
	for _, item := range items {
		next <- item
	}
	close(next)
	busy.Wait()
}
