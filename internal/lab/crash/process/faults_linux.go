package process

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab/crash/fault"
	"upkeep/internal/lab/tap"
)

// Failing is an operation that fails.
type Failing struct {
	tap.Traced
	Errno string
	Stays bool // so do all that follow, until somebody mends it
}

func (f Failing) String() string {
	stays := ""
	if f.Stays {
		stays = "_on"
	}
	return fmt.Sprintf("%s_%d%s_%s", f.Process, f.N, stays, f.Errno)
}

// Fails chooses how an operation fails: as a disk, a quota, a right or a file in
// use would have it fail.
func Fails(o tap.Traced, dice *rand.Rand) Failing {
	with := []string{"ENOSPC", "EIO"}
	switch o.Name {
	case "Sync", "SyncFile", "SyncDir", "SyncTree":
		with = []string{"EIO"}
	case "Rename", "Replace", "Exchange", "SwapLink":
		with = []string{"EBUSY", "EACCES", "EIO", "ENOSPC"}
	case "Remove", "RemoveAll":
		with = []string{"EBUSY", "EACCES", "EIO"}
	case "Create", "Mkdir", "MkdirAll", "WriteFile":
		with = append(with, "EACCES")
	}
	return Failing{o, with[dice.IntN(len(with))], dice.IntN(3) == 0}
}

// says is what words for a person hold: a command, or what to look at.
var says = regexp.MustCompile(`upkeep (resume|decide|back|cancel|upgrade|status|runs)|try again|give it again|mend|see /|nothing was (started|changed)`)

// Fault has the operation fail, mends it, recovers, and judges.
func Fault(t testing.TB, x Target, u *Undisturbed, f Failing, c *Count) {
	t.Helper()
	spec := fault.Spec{Process: f.Process, Do: fault.Fail, Errno: f.Errno, At: f.N}
	if f.Stays {
		spec.At, spec.Since = 0, f.N
	}
	w, met := disturb(t, x, spec)
	r := w.result
	if !met {
		c.add(func() { c.Missed = append(c.Missed, f.String()) })
		t.Errorf("the operation was not met: %v\n%v", f.Traced.Point(), r)
		return
	}
	c.add(func() { c.Hits++ })
	first := r
	recovering := time.Now()
	switch {
	case r.Code == 1 && !opened(w.World, w.known):
		if d := sitetest.Diff(w.before.Snapshot, Look(w.World).Snapshot); d != "" {
			t.Errorf("%v: no run was opened, and it is not as it was:\n%s", f, d)
		}
		r = w.Upkeep(w.Args...)
	case r.Code == 1 || r.Code == 7:
		if !says.MatchString(strings.Join(strings.Fields(r.Out+r.Err), " ")) {
			t.Errorf("%s %s: it does not say what to do: %v", f, f.Point(), r)
		}
		c.add(func() { c.Waited++ })
		if r = Recover(w.World, c); r.Code == 1 {
			r = Recover(w.World, c)
		}
	}
	took := time.Since(recovering)
	v := Judge(w.World, r.Code, w.before, u.Seen, false)
	c.add(func() {
		if first.Code == 1 || first.Code == 7 {
			c.recovery = append(c.recovery, took)
		}
		c.Ends[v.Result]++
		if v.Wrong != "" {
			c.Between++
		}
	})
	if v.Wrong != "" {
		t.Errorf("%s at %s\n%s\nfirst %v\nthen %v\n%s", f, f.Point(), v.Wrong, first, r, w.Log())
	}
}
