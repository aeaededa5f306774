package hosttest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/lab/host"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// Seed is what a test leaves to chance: UPKEEP_SEED, or the time. It is
// printed, so that a failure can be had again.
func Seed(t testing.TB) uint64 {
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

// Count is how many moments are tried: UPKEEP_MOMENTS, or what is given.
func Count(t testing.TB, n int) int {
	t.Helper()
	if text := os.Getenv("UPKEEP_MOMENTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 2 {
			t.Fatalf("UPKEEP_MOMENTS is no number above 1: %q", text)
		}
	}
	return n
}

// Killed ends the machine at n moments of the upgrade, a little more than half
// of them forward and the rest on the way back, each in a clone of its own.
func (p *Product) Killed(t *testing.T, n int) { p.ended(t, n, byKill) }

// Rebooted is Killed where somebody reboots the machine in an orderly way.
func (p *Product) Rebooted(t *testing.T, n int) { p.ended(t, n, byReboot) }

// Cut is Killed where the machine's power is cut: what was not synced is lost,
// of the product's files, the packages' database, PostgreSQL and Upkeep alike.
func (p *Product) Cut(t *testing.T, n int) { p.ended(t, n, byCut) }

// ending is how a machine ends.
type ending int

const (
	byKill ending = iota
	byReboot
	byCut
)

// cutDisk is the disk of a machine whose power is cut, in bytes; it takes what is written.
const cutDisk = 3 << 30

// tries bounds how often a moment is tried for which the run was too fast.
const tries = 3

func (p *Product) ended(t *testing.T, n int, how ending) {
	chance := rand.New(rand.NewPCG(Seed(t), 0))
	forward := (n*8 + 14) / 15
	if p.forward == nil {
		p.forward, p.back = p.undisturbed(t, false), backward(p.undisturbed(t, true))
	}
	moments := choose(p.forward, forward, false, chance)
	moments = append(moments, choose(p.back, n-forward, true, chance)...)
	// An interrupted test has tried both ways.
	chance.Shuffle(len(moments), func(i, j int) { moments[i], moments[j] = moments[j], moments[i] })
	ends, missed, kills := map[run.Result]int{}, 0, 0
	for _, m := range moments {
		m.Orderly, m.Twice = how == byReboot, m.Twice && how != byReboot
		t.Run(m.String(), func(t *testing.T) {
			var result run.Result
			for try := 0; try < tries && result == "" && !t.Failed(); try++ {
				k := &killed{Product: p, Moment: m, how: how}
				if how == byCut {
					k.h = p.Machine.CloneOnDisk(t, p.Name, cutDisk)
				} else {
					k.h = p.Machine.Clone(t, p.Name)
				}
				result = k.try(t)
				kills += k.kills
				m.After /= 4
				k.h.Kill(t) // it need not run beside the next one
			}
			if result == "" {
				missed++
				return
			}
			ends[result]++
		})
	}
	if missed > n/5 {
		t.Errorf("%d of %d moments were never hit", missed, n)
	}
	t.Logf("%s: %d moments, %d missed; machines ended %d times; %d ended new, %d old", p.Name, n, missed, kills, ends[run.ResultNew], ends[run.ResultOld])
}

// undisturbed upgrades a clone and gives its steps.
func (p *Product) undisturbed(t *testing.T, fails bool) (list []span) {
	name := "undisturbed/forward"
	if fails {
		name = "undisturbed/back"
	}
	t.Run(name, func(t *testing.T) {
		h := p.Machine.Clone(t, p.Name)
		h.Boot(t)
		want := 0
		if fails {
			p.Sabotage(t, h)
			want = 6
		}
		before := p.fingerprint(t, h)
		began := time.Now()
		out, code, err := h.Run(p.Upgrade...)
		if err != nil || code != want {
			t.Fatalf("exit code %d, want %d: %v\n%s\n%s", code, want, err, out, p.log(h))
		}
		took := time.Since(began)
		if fails {
			same(t, before, p.fingerprint(t, h))
		} else {
			p.IsNew(t, h)
		}
		p.visited(t, h, !fails)
		list = spans(p.events(h))
		t.Logf("%d steps in %v", len(list), took.Round(10*time.Millisecond))
		if t.Failed() {
			t.Logf("%s\n%s", out, p.log(h))
		}
	})
	if t.Failed() || len(list) == 0 {
		t.FailNow()
	}
	return list
}

// killed is one machine that is ended.
type killed struct {
	*Product
	Moment
	h     *host.Host
	how   ending
	kills int
}

// try ends the machine at the moment, boots it, and checks how that ended. The
// result is empty when the run was over before.
func (k *killed) try(t *testing.T) run.Result {
	t.Helper()
	k.h.Boot(t)
	if k.Back {
		k.Sabotage(t, k.h)
	}
	before := k.fingerprint(t, k.h)
	k.h.Must(t, "sync") // what was there before was there long before
	cmd, err := k.h.Start(k.Upgrade...)
	must(t, err)
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is ended with the machine
		close(ended)
	}()
	hit := k.reach(t, k.h, k.Moment, ended)
	k.end(t)
	<-ended
	k.kills++
	during := k.underWay()
	if k.Twice && hit {
		must(t, k.h.PowerOn())
		time.Sleep(k.Again)
		k.end(t)
		k.kills++
		during += ", then in " + k.underWay()
	}
	k.h.Boot(t)
	r := k.closed(t)
	k.visited(t, k.h, r.Result == run.ResultNew)
	switch r.Result {
	case run.ResultNew:
		k.IsNew(t, k.h)
		if k.Back {
			t.Error("an upgrade that cannot succeed ended new")
		}
	case run.ResultOld:
		same(t, before, k.fingerprint(t, k.h))
	default:
		t.Errorf("recovery ended neither new nor old: %+v", r)
	}
	whole, err := os.ReadFile(filepath.Join(k.runDir(k.h), "log"))
	must(t, err)
	again := strings.Contains(string(whole), " goes on with run ") // an engine after the first
	if t.Failed() {
		t.Logf("killed in %s; the journal of the boot:\n%s\n%s", during, k.h.Must(t, "journalctl", "-b", "--no-pager", "-n", "60", "-u", "upkeep*"), k.log(k.h))
	}
	if !hit || !again {
		t.Log("the run was over before the machine was ended")
		return ""
	}
	t.Logf("killed in %s: %s", during, r.Result)
	return r.Result
}

// end ends the machine.
func (k *killed) end(t *testing.T) {
	t.Helper()
	switch k.how {
	case byCut:
		k.h.Cut(t)
		return
	case byKill:
		k.h.Kill(t)
		return
	}
	if out, _, err := k.h.Run("systemctl", "--no-block", "reboot"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !k.h.WaitDown(t) {
		t.Fatal("the machine does not want to be started again")
	}
}

// closed waits until the latest run is closed, by nothing but what the machine
// does by itself.
func (k *killed) closed(t *testing.T) journal.Run {
	t.Helper()
	i := slices.Index(k.Upgrade, "--installation")
	var out string
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		cmd := k.h.Cmd("upkeep", "runs", "list", "--format", "json", "--installation", k.Upgrade[i+1])
		var said bytes.Buffer
		cmd.Stderr = &said
		text, err := cmd.Output()
		out = string(text) + said.String()
		var list []journal.Run
		if err == nil && json.Unmarshal(text, &list) == nil && len(list) > 0 && !list[0].Closed.IsZero() {
			return list[0]
		}
	}
	status, _, _ := k.h.Run("upkeep", "status", "--installation", k.Upgrade[i+1])
	boot, _, _ := k.h.Run("journalctl", "-b", "--no-pager", "-n", "80")
	t.Fatalf("three minutes after the boot the run is not closed:\n%s\n%s\n%s\n%s", out, status, boot, k.log(k.h))
	return journal.Run{}
}

// underWay is the step that was begun and had not ended.
func (k *killed) underWay() string {
	what := "nothing"
	for _, e := range k.events(k.h) {
		switch e.Kind {
		case manage.EventBegan:
			what = string(e.Dir) + " " + e.Step
		case manage.EventEnded:
			what = "after " + string(e.Dir) + " " + e.Step
		}
	}
	return what
}

// log is the end of the latest run's logs.
func (p *Product) log(h *host.Host) string {
	var b strings.Builder
	for _, name := range []string{"log", "engine.log"} {
		if text, err := os.ReadFile(filepath.Join(p.runDir(h), name)); err == nil {
			b.WriteString("--- " + name + "\n" + string(text[max(0, len(text)-8000):]))
		}
	}
	return b.String()
}
