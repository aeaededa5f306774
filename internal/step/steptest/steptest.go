// Package steptest is the contract suite that every verb passes: Do and Undo
// converge from Old, New and every half-done state; Prepare and Observe only
// read; Do and then Undo leave the world as it was; and a process that is
// killed, refused or cancelled at any moment of Do or Undo is recovered forward
// and back, as the engine would do it. It may be imported by tests only, and
// imports the model, internal/step, internal/durable, internal/files and
// internal/lab/tap.
//
// A verb's test says how its world is made:
//
//	steptest.Run(t, steptest.Subject[*world]{
//		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
//			w := newWorld(t)
//			return stage.New(k.FS(), w.bundles), w.step(), w
//		},
//		Mixed: map[string]func(*testing.T, *world){
//			"half unpacked": func(t *testing.T, w *world) { … },
//		},
//	})
package steptest

import (
	"testing"

	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// World is what a step's effect is made in.
type World interface {
	// Fingerprint describes everything in the world that the step could have
	// changed, in full and readable (a difference is printed), and nothing that
	// changes by itself: files with mode, owner and content, whether services run,
	// the rows of tables. It must not change anything.
	Fingerprint() string
}

// Subject is a verb in one situation.
type Subject[W World] struct {
	// New makes a fresh world in which the effect is not there yet, with a
	// handler and a step for it. It is called once a case, so it must be fast. What
	// the handler does to files must go through k.FS(); stand-ins for other
	// dependencies call k.Point before each of their effects. Then the suite kills
	// the handler at each of these moments.
	New func(t *testing.T, k *Killer) (step.Handler, plan.Step, W)
	// Reborn gives the handler that a new process would have; nil: the same one
	// is used again, which is enough for handlers that keep nothing in memory.
	Reborn func(t *testing.T, w W, k *Killer) step.Handler
	// Mixed makes half-done states: each is called with a world in the old
	// state, after Prepare.
	Mixed map[string]func(t *testing.T, w W)
	// Between is what the rest of the run does to the world after Do, before
	// Undo: later steps that Undo must make good, or must leave alone. Nil: nothing.
	Between func(t *testing.T, w W)
	// Env completes what the suite puts into Env: Run "r1", OpID, Direction,
	// folders of its own for Dir and State, Log, Progress, Opened; Touched says
	// false and Recall nothing.
	Env func(t *testing.T, w W, e *step.Env)

	Check        bool // the step changes nothing: only Do is asked for, with no memo
	Irreversible bool // Undo is never asked for
	Unsure       bool // Observe may say Unknown where the step was interrupted on its way forward
	// Before is what Observe says before Do; empty: Old. New where there is
	// nothing to do.
	Before step.State
	// Kept is what may differ in the fingerprint after Undo, by the verb's own
	// promise (a backup keeps the restore point that it made): it is cut out of
	// both fingerprints before they are compared. Nil: nothing.
	Kept func(fingerprint string) string
	// Moments bounds how many moments are tried in each direction and manner;
	// they are spread evenly over all that there are. 0: 30. All are tried when
	// UPKEEP_SLOW=1 is set.
	Moments int
}

// Run puts the subject through the whole contract.
func Run[W World](t *testing.T, s Subject[W]) {
	t.Helper()
	if s.Check {
		t.Run("check", func(t *testing.T) { s.check(t) })
		return
	}
	t.Run("prepare reads only", func(t *testing.T) {
		c := s.begin(t)
		c.same("Prepare", c.old)
	})
	t.Run("do", func(t *testing.T) { s.do(t) })
	if !s.Irreversible {
		t.Run("undo", func(t *testing.T) { s.undo(t) })
	}
	for name, mix := range s.Mixed {
		t.Run("mixed/"+name, func(t *testing.T) { s.mixed(t, mix) })
	}
	t.Run("killed", func(t *testing.T) { s.killed(t) })
}

func (s Subject[W]) check(t *testing.T) {
	c := s.open(t)
	if err := c.h.Do(t.Context(), c.env(step.Forward), c.step, nil); err != nil {
		t.Fatalf("Do: %v", err)
	}
	c.same("Do of a check", c.old)
}

func (s Subject[W]) do(t *testing.T) {
	c := s.begin(t)
	want := s.Before
	if want == "" {
		want = step.Old
	}
	c.observe(step.Forward, want)
	c.do()
	c.observe(step.Forward, step.New)
	done := c.w.Fingerprint()
	c.do()
	c.observe(step.Forward, step.New)
	c.same("Do from New", done)
}

func (s Subject[W]) undo(t *testing.T) {
	t.Run("from new", func(t *testing.T) {
		c := s.begin(t)
		c.do()
		c.between()
		c.undone()
		c.undone() // once more, as after a crash before its Outcome
	})
	t.Run("from old", func(t *testing.T) {
		c := s.begin(t)
		c.undone()
	})
	t.Run("and do again", func(t *testing.T) {
		c := s.begin(t)
		c.do()
		done := c.w.Fingerprint()
		c.between()
		c.undone()
		c.prepare() // a step that was undone is prepared anew
		c.do()
		c.observe(step.Forward, step.New)
		c.sameNew("Do after Undo", done)
	})
}

func (s Subject[W]) mixed(t *testing.T, mix func(*testing.T, W)) {
	t.Run("do", func(t *testing.T) {
		c := s.begin(t)
		mix(t, c.w)
		c.observeAny(step.Forward)
		c.do()
		c.observe(step.Forward, step.New)
	})
	if s.Irreversible {
		return
	}
	t.Run("undo", func(t *testing.T) {
		c := s.begin(t)
		mix(t, c.w)
		c.observeAny(step.Back)
		c.undone()
		c.undone()
	})
}
