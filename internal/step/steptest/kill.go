package steptest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"upkeep/internal/step"
)

// manner is how a step is interrupted at a moment.
type manner string

const (
	killedBefore manner = "killed before" // the process died, the call had no effect
	killedAfter  manner = "killed after"  // the call took effect, the process died
	killedAmid   manner = "killed in"     // as before, but what can be torn is: half of a tree removed
	refused      manner = "failed at"     // the call failed once, as for a full disk; the process goes on
	cancelled    manner = "cancelled at"  // the deadline passed or a person decided
)

func manners() []manner { return []manner{killedBefore, killedAfter, killedAmid, refused, cancelled} }

// ErrKilled is what every call gives in a process that is dead.
var ErrKilled = errors.New("steptest: the process was killed")

// ErrFull is what a refused call gives.
var ErrFull = errors.New("steptest: no space left on device")

// killed interrupts Do and Undo at every moment, in every manner.
func (s Subject[W]) killed(t *testing.T) {
	c := s.begin(t)
	from := c.k.count()
	c.do()
	doing := c.k.since(from)
	done := c.w.Fingerprint()
	for _, m := range manners() {
		for _, n := range s.moments(m, doing) {
			t.Run(fmt.Sprintf("do %s %d %s", m, n, doing[n].name), func(t *testing.T) { s.killedDo(t, m, n, done) })
		}
	}
	if s.Irreversible {
		return
	}
	c.between()
	from = c.k.count()
	c.undone()
	undoing := c.k.since(from)
	c.prepare()
	again := c.look(step.Forward).State
	for _, m := range manners() {
		for _, n := range s.moments(m, undoing) {
			t.Run(fmt.Sprintf("undo %s %d %s", m, n, undoing[n].name), func(t *testing.T) { s.killedUndo(t, m, n, again) })
		}
	}
}

// moments picks those that are tried, by their index.
func (s Subject[W]) moments(m manner, all []moment) []int {
	var can []int
	for i := range all {
		if m != killedAmid || all[i].torn {
			can = append(can, i)
		}
	}
	most := s.Moments
	if most == 0 {
		most = 30
	}
	if os.Getenv("UPKEEP_SLOW") == "1" {
		most = len(can)
	}
	n := min(len(can), most)
	var out []int
	for i := range n {
		out = append(out, can[i*len(can)/n])
	}
	return out
}

// killedDo interrupts Do, then recovers: forward and from there back in one
// world, back at once in another.
func (s Subject[W]) killedDo(t *testing.T, m manner, n int, done string) {
	c := s.begin(t)
	c.interrupt(step.Forward, m, n)
	if got := c.observeAny(step.Forward); got.State == step.New {
		c.sameNew("an interrupted Do that is observed as new", done)
	} else {
		c.do()
		c.observe(step.Forward, step.New)
		c.sameNew("Do from what was interrupted", done)
	}
	if s.Irreversible {
		return
	}
	c.between()
	c.undone()

	c = s.begin(t)
	c.interrupt(step.Forward, m, n)
	c.undone()
	c.undone()
}

// killedUndo interrupts Undo, then recovers as the engine does: what is
// observed as old is recorded, everything else undone again. Forward once more,
// as where a step is retried from an earlier one, it must find what a whole Undo
// leaves: again.
func (s Subject[W]) killedUndo(t *testing.T, m manner, n int, again step.State) {
	c := s.begin(t)
	c.do()
	c.between()
	c.interrupt(step.Back, m, n)
	if got := c.observeAny(step.Back); got.State == step.Old {
		c.sameOld("an interrupted Undo that is observed as old")
		c.prepare()
		if got := c.look(step.Forward).State; got != again {
			t.Errorf("forward again after an interrupted Undo that is observed as old it is %s, after a whole one %s", got, again)
		}
		return
	}
	c.undone()
}

// interrupt runs Do or Undo until the n-th moment from now.
func (c *scene[W]) interrupt(d step.Direction, m manner, n int) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	c.k.arm(m, n, cancel)
	call, want := c.h.Do, step.New
	if d == step.Back {
		call, want = c.h.Undo, step.Old
	}
	err := call(ctx, c.env(d), c.step, c.memo)
	if hit := c.k.disarm(); !hit {
		c.t.Fatalf("%s did not come to its moment %d again; its calls must not depend on chance", d, n)
	}
	if c.s.Reborn != nil {
		c.h = c.s.Reborn(c.t, c.w, c.k)
	}
	if err == nil && (m == refused || m == cancelled) {
		if got := c.look(d); got.State != want {
			c.t.Errorf("%s says that all went well, but it is %s: %s", d, got.State, got.Evidence)
		}
	}
}
