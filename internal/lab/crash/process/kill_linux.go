package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab/crash/fault"
)

// Count counts how killed runs ended.
type Count struct {
	mu       sync.Mutex
	Hits     int
	Pairs    int // a recovery was killed, too
	Missed   []string
	Ends     map[string]int
	Between  int
	Waited   int
	recovery []time.Duration
}

func (c *Count) add(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// Median and Worst are of the recoveries, from the beginning of the recovering
// command to its end.
func (c *Count) Median() time.Duration {
	slices.Sort(c.recovery)
	if len(c.recovery) == 0 {
		return 0
	}
	return c.recovery[len(c.recovery)/2]
}

// Worst is the longest.
func (c *Count) Worst() time.Duration { return slices.Max(append(c.recovery, 0)) }

func (c *Count) String() string {
	return fmt.Sprintf("%d kills hit, %d missed, %d recoveries killed too; ended %v, %d of them waited for a person; %d between; recovery %v in the median, %v at worst",
		c.Hits, len(c.Missed), c.Pairs, c.Ends, c.Waited, c.Between, c.Median().Round(time.Millisecond), c.Worst().Round(time.Millisecond))
}

// Plan says how a point is tried.
type Plan struct {
	Point
	Attached bool   // the command stays, and must see to the recovery itself
	Again    *Again // the recovery is killed, too
}

// Again is where the recovery is killed: at the n-th operation of its engine.
type Again struct {
	N    int
	When string
}

// trial is a world in which the disturbed run has ended.
type trial struct {
	*World
	before Seen
	known  int // runs before it
	result sitetest.Result
}

// fewer is how many operations a run may make less than the one that was traced:
// what is done side by side is not always done in as many.
const fewer = 10

// disturb carries the target out with the fault, in a new world. A run that ends
// before it comes to the operation is done again with the one before; false: it
// was never met.
func disturb(t testing.TB, x Target, spec fault.Spec) (a trial, met bool) {
	t.Helper()
	at := &spec.At
	if spec.At == 0 {
		at = &spec.Since
	}
	for range fewer {
		a = trial{World: New(t, x)}
		a.before, a.known = Look(a.World), len(a.Runs())
		spec.Once = filepath.Join(a.Dir, "marks", "disturbed")
		a.With(&spec)
		a.result = a.Upkeep(a.Args...)
		a.With(nil)
		if _, err := os.Stat(spec.Once); err == nil {
			return a, true
		}
		if *at--; *at < 1 {
			break
		}
	}
	return a, false
}

// Try kills at the point, recovers, and judges.
func Try(t testing.TB, x Target, u *Undisturbed, p Plan, c *Count) {
	t.Helper()
	w, met := disturb(t, x, fault.Spec{Process: p.Process, Do: fault.Kill, When: p.When, At: p.N, Alone: !p.Attached})
	r := w.result
	if !met {
		c.add(func() { c.Missed = append(c.Missed, p.Said()) })
		t.Errorf("the point was not met: %s\n%v", p.Said(), r)
		return
	}
	c.add(func() { c.Hits++ })
	recovering := time.Now()
	if p.Again != nil {
		p.again(w.World, c)
	}
	alone := r.Code < 0
	if p.Process != "engine" && !opened(w.World, w.known) {
		// nothing was begun: the same command again does it
		if d := sitetest.Diff(w.before.Snapshot, Look(w.World).Snapshot); d != "" {
			t.Errorf("%s: no run was opened, and it is not as it was:\n%s", p.Said(), d)
		}
		r = w.Upkeep(w.Args...)
	} else if alone || r.Code == 1 || r.Code == 7 {
		r = Recover(w.World, c)
	}
	took := time.Since(recovering)
	v := Judge(w.World, r.Code, w.before, u.Seen, false)
	c.add(func() {
		if alone {
			c.recovery = append(c.recovery, took)
		}
		c.Ends[v.Result]++
		if v.Wrong != "" {
			c.Between++
		}
	})
	if v.Wrong != "" {
		t.Errorf("killed %s\n%s\n%v\n%s", p.Said(), v.Wrong, r, w.Log())
	}
}

// Recover gives the ordinary command, and tells the code that the run ended
// with. A run that waits for a person is taken back.
func Recover(w *World, c *Count) sitetest.Result {
	w.T.Helper()
	r := w.Upkeep("resume")
	if strings.Contains(r.Out, "no open run") { // it had closed its run, and was about to end
		r.Code = ended(w)
	}
	if r.Code == 7 {
		c.add(func() { c.Waited++ })
		if r = w.Upkeep("back", "--yes"); r.Code == 1 { // users are in on the new version: there is no way back
			r = w.Upkeep("decide", filepath.Base(last(w.Runs())), "retry")
		}
	}
	return r
}

func last(runs []string) string { return runs[len(runs)-1] }

// ended is the exit code that belongs to the last run.
func ended(w *World) int {
	w.T.Helper()
	out := w.Must(0, "status", "--format", "json").Out
	for code, result := range map[int]string{0: `"result": "new"`, 6: `"result": "old"`, 9: `"result": "milestone"`} {
		if strings.Contains(out, result) {
			return code
		}
	}
	return -1
}

// opened says whether the journal has a run more than before.
func opened(w *World, known int) bool {
	w.T.Helper()
	out := w.Must(0, "runs", "list", "--format", "json").Out
	return strings.Count(out, `"opened"`) > known
}

// again begins the recovery and has it killed.
func (p Plan) again(w *World, c *Count) {
	once := filepath.Join(w.Dir, "marks", "killed-again")
	w.With(&fault.Spec{Process: "engine", Do: fault.Kill, When: p.Again.When, At: p.Again.N, Once: once, Alone: true})
	w.Upkeep("resume")
	w.With(nil)
	if _, err := os.Stat(once); err == nil {
		c.add(func() { c.Pairs++ })
	}
}
