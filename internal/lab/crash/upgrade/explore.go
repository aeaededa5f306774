package upgrade

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/lab/tap"
)

// Tally is what an exploration has tried, and what came of it.
type Tally struct {
	Points, Pairs int // single crashes, crashes in the recovery of one
	New, Old      int // how they ended
	Asked         int // where a person had to decide
	Faults        int
	Bad           []string
	Longest       time.Duration // of a recovery, in the world's own time
}

func (t *Tally) add(o Tally) {
	t.Points, t.Pairs, t.New, t.Old, t.Asked = t.Points+o.Points, t.Pairs+o.Pairs, t.New+o.New, t.Old+o.Old, t.Asked+o.Asked
	t.Faults += o.Faults
	t.Bad = append(t.Bad, o.Bad...)
}

// ways are how a disk can be left: by the end of the process, and by a power
// cut that kept nothing, everything, or some of what was not synced.
func ways(seed uint64) []Keep {
	return []Keep{
		{"killed", crashfs.KeepAll(), false},
		{"cut, nothing kept", crashfs.KeepNone(), true},
		{"cut, all kept", crashfs.KeepAll(), true},
		{fmt.Sprintf("cut, some kept (%d)", seed), crashfs.KeepSome(seed), true},
	}
}

// moment is the world before an operation, or torn in the middle of it.
type moment struct {
	n    int
	name string
	w    *World
}

// moments runs from a world to its end and gives the worlds before the
// operations that pick wants. Those torn in the middle of an operation are made
// by running again.
func (s *Scenario) moments(from *World, cut bool, pick func(torn bool) bool) []moment {
	return s.momentsOf(from, cut, nil, pick)
}

func (s *Scenario) momentsOf(from *World, cut bool, m *Mutant, pick func(torn bool) bool) []moment {
	var out []moment
	var tears []int
	var names []string
	s.Recover(from.Clone(), cut, func(p *process) {
		p.mutant = m
		base := len(names)
		p.before = func(n int, op tap.Op) {
			if from == s.begin {
				s.users(p.w, n)
			}
			names = append(names, op.String())
			if pick(false) {
				w := p.w.Clone()
				if op.Kind == "program" {
					w.Orphans = append(w.Orphans, p.going)
				}
				out = append(out, moment{base + n, fmt.Sprintf("before %d %s", base+n, op), w})
			}
			if base == 0 && op.Torn != nil && pick(true) {
				tears = append(tears, n)
			}
		}
	})
	for _, n := range tears {
		w := from.Clone()
		s.Recover(w, cut, func(p *process) {
			p.mutant, p.torn = m, n
			p.before = func(n int, _ tap.Op) {
				if from == s.begin {
					s.users(w, n)
				}
			}
		})
		out = append(out, moment{n, fmt.Sprintf("in %d %s", n, names[n-1]), w})
	}
	return out
}

// Explore crashes the scenario at every operation (see point); and a seeded
// share of the operations of every recovery is crashed once more. Every says how
// many operations are passed by, 1: none.
func (s *Scenario) Explore(seed uint64, share float64, every int) Tally {
	all := s.moments(s.begin, false, func(bool) bool { return true })
	work := make(chan int)
	done := make(chan Tally)
	for range workers {
		go func() {
			var t Tally
			for i := range work {
				s.point(&t, all[i], rand.New(rand.NewPCG(seed, uint64(i))), share)
			}
			done <- t
		}()
	}
	for i := 0; i < len(all); i += every {
		work <- i
	}
	close(work)
	var t Tally
	for range workers {
		t.add(<-done)
	}
	return t
}

// workers are how many worlds are looked at side by side.
const workers = 2

// point crashes one moment: kills the process, and cuts the power in one way, or
// in every way where everything is tried.
func (s *Scenario) point(t *Tally, m moment, dice *rand.Rand, share float64) {
	tried := ways(dice.Uint64() % 1_000_000)
	if cuts := tried[1:]; !scale.All() {
		tried = []Keep{tried[0], cuts[dice.IntN(len(cuts))]}
		share *= float64(1+len(cuts)) / float64(len(tried)) // as many pairs all the same
	}
	for _, k := range tried {
		t.Points++
		at := s.Name + ": " + k.name + " " + m.name
		w := m.w.crash(k)
		if share > 0 && dice.IntN(4) == 0 { // what a second crash costs is the run that leads to it
			share := 4 * share
			for _, m := range s.moments(w, k.cut, func(bool) bool { return dice.Float64() < share }) {
				k := ways(dice.Uint64() % 1_000_000)[dice.IntN(4)]
				t.Pairs++
				s.end(t, at+", then "+k.name+" "+m.name, m.w.crash(k), k.cut)
			}
		}
		s.end(t, at, w, k.cut)
	}
}

// end recovers, and judges what came of it.
func (s *Scenario) end(t *Tally, at string, w *World, cut bool) {
	v, asked := s.Recover(w, cut, nil)
	if asked > 0 {
		t.Asked++
	}
	if wrong := s.judge(w, v); wrong != "" {
		t.Bad = append(t.Bad, at+":\n"+wrong)
		return
	}
	if v.closed.Result == s.Ends {
		t.New++
	} else {
		t.Old++
	}
}

// Faults lets operations fail, each once: the process goes on, or ends and is
// started anew, and the run must end as any other. Most says how many at most,
// by the seed.
func (s *Scenario) Faults(most int, seed uint64) Tally {
	kinds := []error{syscall.ENOSPC, syscall.EIO, syscall.EACCES, syscall.EBUSY}
	work := make(chan int)
	done := make(chan Tally)
	for range workers {
		go func() {
			var t Tally
			for n := range work {
				errno := kinds[n%len(kinds)]
				w := s.begin.Clone()
				w.failing = true
				first := true
				v, asked := s.Recover(w, false, func(p *process) {
					if first {
						p.refuse, p.errno = n, errno
						p.before = func(n int, _ tap.Op) { s.users(w, n) }
					}
					first = false
				})
				t.Faults++
				if asked > 0 {
					t.Asked++
				}
				switch {
				case v.closed != nil && strings.HasSuffix(s.ops[n-1].Path, "/reserve"):
					t.New++ // the next command removes it
					continue
				case v.closed != nil && v.closed.Result == s.Ends && len(v.closed.Work) > 0 && len(w.Wrongs) == 0 && w.mixed() == "":
					t.New++ // the clean-up has failed: the run says so, and the next one does it
					continue
				}
				if wrong := s.judge(w, v); wrong != "" {
					t.Bad = append(t.Bad, fmt.Sprintf("%s: %v at %d %s:\n%s", s.Name, errno, n, s.ops[n-1], wrong))
				} else if v.closed.Result == s.Ends {
					t.New++
				} else {
					t.Old++
				}
			}
			done <- t
		}()
	}
	for _, n := range rand.New(rand.NewPCG(seed, 7)).Perm(len(s.ops))[:most] {
		work <- n + 1
	}
	close(work)
	var t Tally
	for range workers {
		t.add(<-done)
	}
	return t
}
