package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/fault"
	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/lab/tap"
	"upkeep/internal/run"
)

// exact is an operation of the engine before or after which it kills itself.
type exact struct {
	tap.Traced
	when string
}

func (x exact) String() string { return fmt.Sprintf("%s_%d", x.when, x.N) }

// exactly traces the upgrade of a site and chooses moments: before and after
// commits of the journal, which are the boundaries of steps, and operations
// between them. With UPKEEP_CRASH=all every commit is taken.
func exactly(t *testing.T, s *upkeep, chance *rand.Rand, commits, others int, code int, args ...string) []exact {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	s.env = []string{fault.Spec{Trace: trace, Process: "engine"}.String()}
	s.must(code, args...)
	s.env = nil
	ops, err := fault.Read(trace)
	if err != nil {
		t.Fatal(err)
	}
	var bounds, rest []exact
	back := false
	for _, o := range ops {
		back = back || o.Path == "Decision"
		switch {
		case code == 6 && !back: // the way there is that of the other direction
		case o.Kind == "journal":
			bounds = append(bounds, exact{o, "before"}, exact{o, "after"})
		case o.N < ops[len(ops)-1].N*3/4: // how often a dump is written is not the same in every run
			rest = append(rest, exact{o, []string{"before", "after"}[chance.IntN(2)]})
		}
	}
	chance.Shuffle(len(bounds), func(i, j int) { bounds[i], bounds[j] = bounds[j], bounds[i] })
	chance.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	if scale.All() {
		commits, others = len(bounds), 10*others
	}
	return append(bounds[:min(commits, len(bounds))], rest[:min(others, len(rest))]...)
}

// crash has the command kill itself there, and recovers. It says whether it was
// hit.
func (s *upkeep) crash(at exact, args ...string) (result, bool) {
	s.t.Helper()
	once := filepath.Join(s.t.TempDir(), "killed")
	f := fault.Spec{Process: "engine", Do: fault.Kill, When: at.when, At: at.N, Once: once, Alone: true}
	if at.Kind == "journal" { // by what it commits: how often a dump is written is not the same in every run
		f.At, f.Kind, f.Path = 0, at.Kind, at.Path
	}
	s.env = []string{f.String()}
	r := s.up(args...)
	s.env = nil
	if _, err := os.Stat(once); err != nil {
		s.t.Errorf("the moment was not met: %v %v\n%v", at.when, at.Point(), r)
		return r, false
	}
	recovered := s.up("resume")
	if strings.Contains(recovered.out, "no open run") && strings.Contains(s.up("status", "--format", "json").out, `"result": "old"`) {
		recovered.code = 6 // it was killed when it had closed its run
	}
	return recovered, true
}

// TestMinifluxKilledExactly has the engine kill itself before and after its
// commits, and at operations between them.
func TestMinifluxKilledExactly(t *testing.T) {
	m := miniflux(t)
	seed := miniSeed(t)
	chance := rand.New(rand.NewPCG(seed, 1))
	for _, fails := range []bool{false, true} {
		code := map[bool]int{false: 0, true: 6}[fails]
		site := func(t *testing.T) *miniSite {
			s := m.site(t)
			s.bin = lab.Crashing(t)
			if fails {
				if err := s.Sabotage(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			return s
		}
		first := site(t)
		hits, between := 0, 0
		for _, at := range exactly(t, &first.upkeep, chance, 2, 1, code, first.upgrade()...) {
			t.Run(fmt.Sprintf("%d/%v", code, at), func(t *testing.T) {
				s := site(t)
				before, v := s.fingerprint(), s.visitor()
				r, hit := s.crash(at, s.upgrade()...)
				time.Sleep(50 * time.Millisecond)
				visits := v.seen()
				if hit {
					hits++
				}
				switch {
				case r.code == 0 && !fails:
					s.isNew()
					s.journalIsSound(run.ResultNew)
				case r.code == 6:
					same(t, before, s.fingerprint())
					s.is(s.m.from.Version, s.m.oldSchema)
					s.journalIsSound(run.ResultOld)
				default:
					t.Errorf("it ended neither new nor old: %v", r)
				}
				s.nothingLeft()
				closedOnce(t, visits)
				if t.Failed() {
					between++
					t.Logf("killed %s %s\n%v\n%s", at.when, at.Point(), r, s.runLog())
				}
			})
		}
		tally.Seeded(t, "process", "crash points", hits, int64(seed))
		tally.Seeded(t, "process", "between", between, int64(seed))
	}
}

// TestUnleashKilledExactly does the same on the way over two hops, whose starts
// migrate.
func TestUnleashKilledExactly(t *testing.T) {
	u := unleash(t)
	seed := miniSeed(t)
	site := func(t *testing.T) *unleashSite {
		s := u.quick(t)
		s.bin = lab.Crashing(t)
		return s
	}
	first := site(t)
	// one of them takes a minute, for its trees have 40,000 files
	hits, between := 0, 0
	for _, at := range exactly(t, &first.upkeep, rand.New(rand.NewPCG(seed, 1)), 1, 0, 0, first.upgrade()...) {
		t.Run(at.String(), func(t *testing.T) {
			s := site(t)
			before, v := s.print(), s.visitor()
			r, hit := s.crash(at, s.upgrade()...)
			time.Sleep(50 * time.Millisecond)
			visits := v.seen()
			if hit {
				hits++
			}
			switch r.code {
			case 0:
				s.is(u.New)
				s.journalIsSound(run.ResultNew)
			case 6:
				samePrint(t, before, s.print())
				s.is(u.Old)
				s.journalIsSound(run.ResultOld)
			default:
				t.Errorf("it ended neither new nor old: %v", r)
			}
			closedOnce(t, visits)
			s.nothingLeft()
			if t.Failed() {
				between++
				t.Logf("killed %s %s\n%v\n%s", at.when, at.Point(), r, s.runLog())
			}
		})
	}
	tally.Seeded(t, "process", "crash points", hits, int64(seed))
	tally.Seeded(t, "process", "between", between, int64(seed))
}
