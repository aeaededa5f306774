package upgrade

import (
	"math/rand/v2"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/crash/sites"
	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/plan"
)

// TestSomeCrashPoints is what can be tried in a few seconds.
func TestSomeCrashPoints(t *testing.T) {
	n := scale.Seed(t)
	for _, s := range scenarios()[:3] {
		s.Prepare(t)
		report(t, s.Explore(n, 0, 1+len(s.ops)/20))
	}
}

// TestCrashPoints crashes every scenario at every operation, and a part of the
// recoveries once more. With UPKEEP_CRASH=all it cuts the power in every way at
// each and takes forty times as many recoveries, and with UPKEEP_CRASH=short few
// of all.
func TestCrashPoints(t *testing.T) {
	lab.Slow(t)
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	n, share, every := scale.Seed(t), 0.0026, 1
	switch {
	case scale.All():
		share = 0.1
	case scale.Short():
		every = 16
	}
	var all Tally
	for _, s := range scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			s.Prepare(t)
			r := s.Explore(n, share, every)
			report(t, r)
			all.add(r)
		})
	}
	tally.Add(t, "crash file system", "crash points", all.Points)
	tally.Add(t, "crash file system", "pairs", all.Pairs)
	tally.Add(t, "crash file system", "between", len(all.Bad))
	if !scale.Short() && (all.Points < 1000 || all.Pairs < 20000) {
		t.Errorf("only %d crash points and %d pairs", all.Points, all.Pairs)
	}
}

func report(t *testing.T, r Tally) {
	t.Helper()
	t.Logf("%d crash points, %d pairs: %d ended as without a crash, %d old; a person decided %d times", r.Points, r.Pairs, r.New, r.Old, r.Asked)
	for i, b := range r.Bad {
		if i == 20 {
			t.Errorf("and %d more", len(r.Bad)-i)
			break
		}
		t.Error(b)
	}
}

// TestFaults fails every operation once, in every way in which a disk fails.
func TestFaults(t *testing.T) {
	lab.Slow(t)
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	n, all := scale.Seed(t), 0
	for _, s := range scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			s.Prepare(t)
			r := s.Faults(scale.Part(len(s.ops), len(s.ops)), n)
			t.Logf("%d faults: %d ended as without one, %d old; a person decided %d times", r.Faults, r.New, r.Old, r.Asked)
			for i, b := range r.Bad {
				if i < 20 {
					t.Error(b)
				}
			}
			all += r.Faults
		})
	}
	tally.Add(t, "faults", "faults", all)
}

// TestMutants shows that the harness can fail: whatever is left out of Upkeep
// is noticed.
func TestMutants(t *testing.T) {
	lab.Slow(t)
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	all := append(scenarios(), dead())
	reached := reach(t, all)
	calls, err := sites.All()
	must(t, err)
	mutants := Transitions()
	for _, c := range calls {
		if !reached[c.Site] {
			continue
		}
		mutants = append(mutants, Omit(c.Site, c.Method))
		if !strings.HasPrefix(c.Method, "Sync") && c.Method != "Truncate" && slices.ContainsFunc(all, func(s *Scenario) bool { return s.lazy(c.Site) }) {
			mutants = append(mutants, Lazy(c.Site, c.Method))
		}
	}
	n := scale.Seed(t)
	mutants = scale.Sample(mutants, len(mutants), rand.New(rand.NewPCG(n, 5)))
	how := make([]string, len(mutants))
	next := make(chan int)
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for i := range next {
				how[i] = catch(all, mutants[i], n)
				t.Logf("%s: %s", mutants[i].Name, how[i])
			}
		})
	}
	for i := range mutants {
		next <- i
	}
	close(next)
	wait.Wait()
	caught, covered, explained := 0, 0, 0
	for i, m := range mutants {
		why := survives(m.Name)
		switch {
		case how[i] != "":
			caught++
		case m.lazy:
			covered++
			t.Logf("%s: a later sync covers it before the journal says anything", m.Name)
		case why != "":
			explained++
			t.Logf("%s survives: %s", m.Name, why)
		default:
			t.Errorf("%s survives", m.Name)
		}
	}
	tally.Add(t, "mutants", "mutants", len(mutants)-covered-explained)
	tally.Add(t, "mutants", "survive, and the table says why", explained)
	tally.Add(t, "mutants", "caught", caught)
	tally.Add(t, "mutants", "covered by a later sync", covered)
}

// catch tries the cheap ways on all scenarios before the dear ones on any.
func catch(all []*Scenario, m Mutant, seed uint64) string {
	budgets := []int{0, 12, 60, 500}
	switch {
	case m.lazy: // what is not durable shows at the next commit, or a later sync covers it
		budgets = []int{0}
	case m.site != "": // what a durable call is for shows near it
		budgets = []int{0, 10}
	}
	for _, budget := range budgets {
		for _, s := range all {
			if how := s.Catch(m, seed, budget); how != "" {
				return how
			}
		}
	}
	return ""
}

// Every verb is carried out in some scenario with its effect, or its crashes
// are tried elsewhere.
func TestEveryVerb(t *testing.T) {
	done := map[string]bool{}
	for _, s := range append(scenarios(), dead()) {
		s.Prepare(t)
		for _, st := range s.plan.Steps {
			done[st.Verb] = true
		}
	}
	root, err := lab.ModuleRoot()
	must(t, err)
	handlers := (&process{w: &World{p: &Product{State: "/s"}}}).handlers(nil)
	for _, verb := range plan.Verbs() {
		where, other := elsewhere[verb]
		switch {
		case other:
			found, _ := filepath.Glob(filepath.Join(root, where, "*_test.go"))
			if len(found) == 0 {
				t.Errorf("%s: %s has no tests", verb, where)
			}
		case handlers[verb] == nil:
			t.Errorf("no handler for the verb %s: see package verbs", verb)
		case !done[verb]:
			t.Errorf("the verb %s is not tried by the crash harness: give the ledger a step of it", verb)
		}
	}
}
