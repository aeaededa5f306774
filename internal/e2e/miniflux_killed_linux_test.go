package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// moment is when an engine is killed: so long after a step began or ended.
type moment struct {
	fails bool // the migration fails, so that the run goes back
	step  string
	dir   run.Direction
	kind  manage.EventKind
	after time.Duration
	// What else happens, by the seed.
	attached bool // the terminal stays, and must see to the recovery itself
	twice    bool // the engine that recovers is killed too
	again    time.Duration
}

func (m moment) String() string {
	way := "forward"
	if m.fails {
		way = "back"
	}
	return fmt.Sprintf("%s/%s_%s_%s+%v", way, m.dir, m.step, m.kind, m.after.Round(10*time.Microsecond))
}

// miniSeed is the seed of what a test leaves to chance: UPKEEP_SEED, or the
// time. It is printed, so that a failure can be had again.
func miniSeed(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("UPKEEP_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("UPKEEP_SEED is no number: %v", err)
		}
		seed = n
	}
	t.Logf("UPKEEP_SEED=%d", seed)
	return seed
}

// TestMinifluxKilledEverywhere kills the engine with SIGKILL in the steps of an
// upgrade, and in those of a way back: with UPKEEP_CRASH=all in each at least
// twice, otherwise in a third of the moments by the seed. What was interrupted is recovered by the ordinary command: to the new version with
// its data, or to exactly the old one.
func TestMinifluxKilledEverywhere(t *testing.T) {
	m := miniflux(t)
	chance := rand.New(rand.NewPCG(miniSeed(t), 0))
	moments := append(m.moments(t, chance, false), m.moments(t, chance, true)...)
	if !scale.All() { // boundaries of steps are TestMinifluxKilledExactly's
		chance.Shuffle(len(moments), func(i, j int) { moments[i], moments[j] = moments[j], moments[i] })
		moments = moments[:len(moments)/3]
	}
	ends := map[run.Result]int{}
	kills, missed, in := 0, 0, map[string]int{}
	for _, at := range moments {
		t.Run(at.String(), func(t *testing.T) {
			k := &killed{miniSite: m.site(t), moment: at}
			result := k.try()
			if result == "" {
				missed++
				return
			}
			ends[result]++
			kills += k.kills
			in[k.during]++
		})
	}
	// the last steps take a moment only, and a busy machine may come too late, at
	// each try; few that are missed say nothing of the others
	if missed > len(moments)/4 {
		t.Errorf("%d of %d moments were never hit", missed, len(moments))
	}
	t.Logf("%d kills in %d runs, %d ended new, %d old", kills, len(moments), ends[run.ResultNew], ends[run.ResultOld])
	t.Logf("kills by what was under way: %v", in)
}

// moments chooses two moments a step, from how long each step takes when
// nobody kills anything: at its beginning, and later in it.
func (m *miniLab) moments(t *testing.T, chance *rand.Rand, fails bool) []moment {
	t.Helper()
	s := m.site(t)
	if fails {
		if err := s.Sabotage(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.must(6, s.upgrade()...)
	} else {
		s.must(0, s.upgrade()...)
	}
	var all []moment
	add := func(e event, after time.Duration) {
		all = append(all, moment{fails: fails, step: e.Step, dir: e.Dir, kind: e.Kind, after: after,
			attached: chance.IntN(3) == 0, twice: chance.IntN(4) == 0, again: time.Duration(chance.IntN(300)) * time.Millisecond})
	}
	began := map[string]time.Time{}
	back := false
	for _, e := range s.events() {
		back = back || e.Dir == run.Undo
		if fails && !back && e.Step != "h1.migrate.database" {
			continue // the way there is what forward runs are for
		}
		key := string(e.Dir) + e.Step
		switch e.Kind {
		case manage.EventBegan:
			began[key] = e.At
		case manage.EventEnded:
			took := e.At.Sub(began[key])
			late := e
			late.Kind = manage.EventBegan
			add(late, time.Duration(chance.Float64()*float64(min(3*time.Millisecond, took/2))))
			add(late, time.Duration((0.3+0.6*chance.Float64())*float64(took)))
			// What has no events of its own: milestone, seal, barrier, decisions.
			// And the moment in which users come in.
			if e.Step == "h1.verify" || e.Step == "reopen.gate" || fails && !back && e.Step == "h1.migrate.database" {
				at := e
				if e.Step == "reopen.gate" {
					at = late
				}
				add(at, time.Duration(chance.Int64N(int64(2*time.Millisecond))))
				add(at, time.Duration(chance.Int64N(int64(8*time.Millisecond))))
			}
		}
	}
	return all
}

// killed is one run with its kills.
type killed struct {
	*miniSite
	moment
	kills  int
	during string // what was under way at the first kill
}

// killTries bounds how often a moment is tried that came too late.
const killTries = 5

// try kills, recovers, and checks how it ended.
func (k *killed) try() run.Result {
	k.t.Helper()
	if k.fails {
		if err := k.Sabotage(k.t.Context()); err != nil {
			k.t.Fatal(err)
		}
	}
	before := k.fingerprint()
	v := k.visitor()
	var r result
	for try := 1; ; try++ {
		var hit bool
		r, hit = k.once()
		if hit {
			break
		}
		if try == killTries {
			k.t.Logf("the run had ended before each of %d kills", try)
			return ""
		}
		k.t.Logf("the kill came after the run's end; again, earlier")
		k.renew(r)
		before, v = k.fingerprint(), k.visitor()
		k.after /= 2
	}
	time.Sleep(50 * time.Millisecond)
	visits := v.seen()
	switch r.code {
	case 0:
		k.isNew()
		k.journalIsSound(run.ResultNew)
	case 6:
		same(k.t, before, k.fingerprint())
		k.is(k.m.from.Version, k.m.oldSchema)
		k.journalIsSound(run.ResultOld)
	default:
		k.t.Fatalf("killed in %s: recovery ended neither new nor old: %v\n%s", k.during, r, k.runLog())
	}
	if k.fails && r.code == 0 {
		k.t.Errorf("a migration that cannot succeed ended new")
	}
	k.nothingLeft()
	closedOnce(k.t, visits)
	if k.t.Failed() {
		k.t.Logf("killed in %s: %v\n%s", k.during, r, k.runLog())
	}
	return map[int]run.Result{0: run.ResultNew, 6: run.ResultOld}[r.code]
}

// renew gives the moment a new site, after a run that was not hit.
func (k *killed) renew(r result) {
	k.t.Helper()
	if r.code != 0 && r.code != 6 {
		k.t.Fatalf("the run ended as no run may: %v", r)
	}
	k.miniSite = k.m.site(k.t)
	if k.fails {
		if err := k.Sabotage(k.t.Context()); err != nil {
			k.t.Fatal(err)
		}
	}
}

// once starts the upgrade, kills its engine at the moment, and has the run
// recovered. It tells whether the run was still open when it was hit.
func (k *killed) once() (result, bool) {
	k.t.Helper()
	old := k.runs()
	cmd := k.command(k.upgrade()...)
	politely(cmd)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	err := k.follow(old, time.Minute, func(e event) bool { return e.Kind == k.kind && e.Step == k.step && e.Dir == k.dir })
	if err != nil {
		cmd.Process.Kill()
		k.t.Fatalf("waiting for the moment: %v\n%s%s\n%s", err, &out, &errs, k.runLog())
	}
	pause(k.after)
	if !k.attached {
		cmd.Process.Kill()
	}
	if k.killEngine() {
		k.kills++
		k.during = k.underWay()
	}
	var r result
	if k.attached {
		r = k.wait(cmd, &out, &errs)
	} else {
		cmd.Wait()
		if k.twice {
			k.secondKill()
		}
		r = k.up("resume")
		if r.code == 0 && strings.Contains(r.out, "nothing to resume") {
			return r, false
		}
	}
	// an engine says that it goes on only when the run is still open
	return r, k.enginesOf() > 1
}

// politely has a command, and the engine that it starts, leave the processor
// to the test on a busy machine: otherwise the shortest steps are over before
// the test has heard of them.
func politely(cmd *exec.Cmd) {
	if path, err := exec.LookPath("nice"); err == nil {
		cmd.Path, cmd.Args = path, append([]string{"nice", "-n", "5"}, cmd.Args...)
	}
}

// underWay is the step that was begun and had not ended.
func (k *killed) underWay() string {
	what := "between steps"
	for _, e := range k.events() {
		switch e.Kind {
		case manage.EventBegan:
			what = string(e.Dir) + " " + e.Step
		case manage.EventEnded:
			what = "after " + string(e.Dir) + " " + e.Step
		}
	}
	return what
}

// secondKill has the run recovered, and kills that engine too.
func (k *killed) secondKill() {
	cmd := k.command("resume")
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	time.Sleep(k.again)
	cmd.Process.Kill()
	if k.killEngine() {
		k.kills++
	}
	cmd.Wait()
}

// enginesOf counts the engines that have carried the latest run on.
func (k *killed) enginesOf() int {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join(k.runDir(), "log"))
	if err != nil {
		k.t.Fatal(err)
	}
	return strings.Count(string(text), " goes on with run ")
}

// pause waits exactly: a sleep is too coarse for the shortest steps.
func pause(d time.Duration) {
	if d > 2*time.Millisecond {
		time.Sleep(d - time.Millisecond)
		d = time.Millisecond
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}
