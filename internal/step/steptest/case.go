package steptest

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// scene is one case: a fresh world with its handler, step and memo.
type scene[W World] struct {
	t    *testing.T
	s    Subject[W]
	k    *Killer
	h    step.Handler
	step plan.Step
	w    W
	memo step.Memo
	old  string
	dir  string
	log  *bytes.Buffer
}

// open makes the world; begin prepares the step as well.
func (s Subject[W]) open(t *testing.T) *scene[W] {
	t.Helper()
	k := newKiller()
	c := &scene[W]{t: t, s: s, k: k, dir: Dir(t), log: &bytes.Buffer{}}
	c.h, c.step, c.w = s.New(t, k)
	c.old = c.w.Fingerprint()
	return c
}

func (s Subject[W]) begin(t *testing.T) *scene[W] {
	t.Helper()
	c := s.open(t)
	c.prepare()
	return c
}

func (c *scene[W]) env(d step.Direction) step.Env {
	e := step.Env{Run: "r1", OpID: "r1/" + c.step.ID + "/" + string(d), Direction: d, Dir: c.dir, State: c.dir,
		Touched: func(string) bool { return false }, Log: c.log, Progress: func(step.Progress) {},
		Opened: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC), Recall: func(string) (step.Memo, error) { return nil, nil }}
	if c.s.Env != nil {
		c.s.Env(c.t, c.w, &e)
	}
	return e
}

func (c *scene[W]) prepare() {
	c.t.Helper()
	var err error
	if c.memo, err = c.h.Prepare(c.t.Context(), c.env(step.Forward), c.step); err != nil {
		c.t.Fatalf("Prepare: %v", err)
	}
}

func (c *scene[W]) do() {
	c.t.Helper()
	if err := c.h.Do(c.t.Context(), c.env(step.Forward), c.step, c.memo); err != nil {
		c.t.Fatalf("Do: %v\n%s", err, c.log)
	}
	c.durable("Do")
}

// between lets the rest of the run happen.
func (c *scene[W]) between() {
	if c.s.Between != nil {
		c.s.Between(c.t, c.w)
	}
}

// undone undoes, reads that back, and compares with the world from before.
func (c *scene[W]) undone() {
	c.t.Helper()
	if err := c.h.Undo(c.t.Context(), c.env(step.Back), c.step, c.memo); err != nil {
		c.t.Fatalf("Undo: %v\n%s", err, c.log)
	}
	c.durable("Undo")
	c.observe(step.Back, step.Old)
	c.sameOld("Undo")
}

func (c *scene[W]) durable(what string) {
	c.t.Helper()
	if dirty := c.k.dirty(); len(dirty) > 0 {
		c.t.Errorf("%s returned before these were durable: %q", what, dirty)
	}
}

// observe reads back, checks the state, and that nothing changed by it.
func (c *scene[W]) observe(d step.Direction, want step.State) {
	c.t.Helper()
	if got := c.look(d); got.State != want {
		c.t.Fatalf("Observe on the way %q says %q (%s), want %q\n%s", d, got.State, got.Evidence, want, c.w.Fingerprint())
	}
}

func (c *scene[W]) look(d step.Direction) step.Observation {
	c.t.Helper()
	before, points := c.w.Fingerprint(), c.k.count()
	got, err := c.h.Observe(c.t.Context(), c.env(d), c.step, c.memo)
	if err != nil {
		c.t.Fatalf("Observe: %v", err)
	}
	if got.Evidence == "" {
		c.t.Errorf("Observe says %q without evidence", got.State)
	}
	c.same("Observe", before)
	if made := c.k.since(points); len(made) > 0 {
		c.t.Errorf("Observe made changes: %v", made)
	}
	return got
}

// observeAny reads back a state that a crash left: the engine can go on from
// all but Foreign.
func (c *scene[W]) observeAny(d step.Direction) step.Observation {
	c.t.Helper()
	got := c.look(d)
	switch got.State {
	case step.Old, step.New, step.Mixed:
	case step.Unknown:
		if d == step.Forward && !c.s.Unsure {
			c.t.Errorf("Observe says unknown of a state that a crash leaves: %s", got.Evidence)
		}
	default:
		c.t.Errorf("Observe says %q of a state that a crash leaves: %s", got.State, got.Evidence)
	}
	return got
}

func (c *scene[W]) same(what, want string) {
	c.t.Helper()
	if d := cmp.Diff(want, c.w.Fingerprint()); d != "" {
		c.t.Errorf("%s changed the world (-before +after):\n%s", what, d)
	}
}

func (c *scene[W]) sameOld(what string) {
	c.t.Helper()
	want, got := c.old, c.w.Fingerprint()
	if c.s.Kept != nil {
		want, got = c.s.Kept(want), c.s.Kept(got)
	}
	if d := cmp.Diff(want, got); d != "" {
		c.t.Errorf("after %s the world is not as it was (-before +after):\n%s", what, d)
	}
}

func (c *scene[W]) sameNew(what, want string) {
	c.t.Helper()
	if d := cmp.Diff(want, c.w.Fingerprint()); d != "" {
		c.t.Errorf("after %s the world is not as Do makes it (-Do +got):\n%s", what, d)
	}
}
