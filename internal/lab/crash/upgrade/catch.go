package upgrade

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"upkeep/internal/lab/tap"
)

// Catch says how the harness notices a mutant: by a run that nothing disturbs,
// by what is not durable when the journal speaks of it, or by a crash. It is
// empty when the mutant survives all that was tried. Crash points near the
// mutated operation come first, then budget others, which the seed chooses.
func (s *Scenario) Catch(m Mutant, seed uint64, budget int) string {
	w := s.begin.Clone()
	var near []int
	p := func(p *process) { p.mutant = &m }
	n := 0
	v, _ := s.Recover(w, false, func(p *process) {
		p.mutant = &m
		p.before = func(_ int, op tap.Op) {
			if n++; m.near != nil && m.near(op) {
				near = append(near, n)
			}
			s.users(w, n)
		}
	})
	if wrong := s.judge(w, v); wrong != "" {
		return s.Name + ", undisturbed: " + first(wrong)
	}
	if v.closed.Result != s.Ends {
		return fmt.Sprintf("%s, undisturbed: it ends as %s", s.Name, v.closed.Result)
	}
	if budget == 0 || s.Dies != "" {
		return ""
	}
	if m.site != "" && len(near) == 0 {
		return "" // the scenario never comes there
	}
	dice := rand.New(rand.NewPCG(seed, 3))
	at := 0 // pick is asked once for every operation, and again for those that can be torn
	all := s.momentsOf(s.begin, false, &m, func(torn bool) bool {
		if !torn {
			at++
		}
		if m.site != "" {
			return distance(at, near) <= 12
		}
		return !torn || dice.IntN(40) == 0
	})
	order := dice.Perm(len(all))
	if len(near) > 0 {
		slices.SortStableFunc(order, func(a, b int) int { return distance(all[a].n, near) - distance(all[b].n, near) })
	}
	for i, k := range order {
		if i >= budget {
			break
		}
		for _, way := range ways(dice.Uint64() % 1_000_000) {
			w := all[k].w.crash(way)
			v, _ := s.Recover(w, way.cut, p)
			if wrong := s.judge(w, v); wrong != "" {
				return fmt.Sprintf("%s, %s %s: %s", s.Name, way.name, all[k].name, first(wrong))
			}
		}
	}
	return ""
}

// distance is how many operations lie between one and the nearest of others;
// what comes after counts as nearer than what came before.
func distance(n int, others []int) int {
	best := 1 << 30
	for _, o := range others {
		d := 2 * (n - o - 1)
		if d < 0 {
			d = -2*d + 1
		}
		best = min(best, d)
	}
	return best
}

func first(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	if strings.HasSuffix(line, ":") {
		if _, rest, ok := strings.Cut(text, "\n"); ok {
			line += " " + first(rest)
		}
	}
	return line
}

// lazy says whether the scenario makes a call of a site that syncs.
func (s *Scenario) lazy(site string) bool {
	return slices.ContainsFunc(s.ops, func(op tap.Op) bool { return op.Site == site && op.Lazy != nil })
}

// survives says why a mutant need not be caught; empty where it must be.
func survives(name string) string {
	for _, s := range []struct{ file, method, why string }{
		{"backup/archive/finish.go", "SyncDir", "a record whose files are not there is a broken point: it is seen as one, and made anew"},
		{"backup/archive/prepare.go", "RemoveAll", "what an earlier try left was swept before"},
		{"backup/putback/putback.go", "MkdirAll", "the folder above a product's tree is there, unless somebody has removed the whole product"},
		{"files/carry.go", "WriteFile", "the note only keeps a staged tree with the site's files from being discarded by hand or by a later run"},
		{"files/scan.go", "SyncTree", "it tells changes within one tick of the clock apart; the clock of this file system has none"},
		{"files/stage.go", "SyncTree", "the tree is synced once more before it gets its name"},
		{"files/stage.go", "SyncDir", "the verb renames the tree in the same folder next, and that is synced"},
		{"files/unpack.go", "Chtimes", "times are not compared here; the contract suites of stage and install compare them"},
		{"install/edited.go", "RemoveAll", "it removes a copy that an interrupted try has made, and that one is the same"},
		{"merge/merge.go", "Replace", "the staged tree, into which it puts back what the release ships, is removed next; the contract suite of merge compares it"},
		{"precopy/precopy.go", "WriteFile", "the note tells a first pass that was begun from none: both are made anew"},
		{"run/child/record.go", "Remove", "the record of a step that was taken back: the step is not done again in the same run"},
		{"step/stage/stage.go", "Chmod", "the trees of the ledger have the mode that every staged tree has"},
	} {
		if strings.Contains(name, s.file) && strings.HasSuffix(name, " "+s.method) {
			return s.why
		}
	}
	return ""
}
