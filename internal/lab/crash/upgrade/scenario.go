package upgrade

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"upkeep/internal/journal/memory"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/lab/tap"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// Scenario is one run of the ledger from its opening to its end.
type Scenario struct {
	Name  string
	Fresh bool // nothing is installed before
	Req   manage.Request
	// Fails is the schema whose migration fails half way.
	Fails string
	// Return takes back, the next morning, an upgrade that went through.
	Return bool
	// Gated has no maintenance mode: the gate alone keeps users out.
	Gated bool
	// Again has what fails done once more: a migration is retried from the stop.
	Again bool
	// Dies is a service that ends before it is verified. In a return it does so
	// whenever it is started in the version of before.
	Dies string
	Ends run.Result // undisturbed

	p     *Product
	plan  *plan.Plan
	id    string
	begin *World
	old   string // the product before
	new   string // the product after an undisturbed run; empty where that ends in the old
	kept  string // the state folder after an undisturbed run
	ops   []tap.Op
}

// Prepare makes the scenario's plan and its world, and runs it once,
// undisturbed.
func (s *Scenario) Prepare(t testing.TB) {
	t.Helper()
	dir := t.TempDir()
	s.p = Install(t, dir, s.Fresh, s.Gated, s.Again)
	before := ""
	if s.Return {
		before = s.upgraded(t, dir)
	}
	s.plan, s.id = s.p.Start(t, s)
	must(t, os.RemoveAll(filepath.Join(dir, "sources")))
	s.begin = s.world(t, dir)
	s.undisturbed(t)
	if s.Ends != run.ResultNew {
		return
	}
	for line := range strings.Lines(before) {
		if line = strings.TrimSpace(line); len(s.Req.Choose) > 0 && strings.Contains(line, s.p.Document) {
			continue // what was chosen stays wanted
		} else if !strings.Contains(s.new, line) {
			t.Errorf("%s: undisturbed it does not bring this back: %s", s.Name, line)
		}
	}
}

// world is the real disk, in memory, with the run opened.
func (s *Scenario) world(t testing.TB, dir string) *World {
	t.Helper()
	w := &World{Disk: crashfs.New(), Journal: &memory.Journal{}, Running: map[string]int{}, p: s.p, from: s.plan.From, dies: s.Dies}
	if s.Return {
		w.lives = s.plan.From
	}
	must(t, w.Disk.LoadOS(dir))
	_, err := w.Journal.OpenRun(t.Context(), s.id, s.plan, run.Opened{Plan: s.plan.Digest, By: "the harness"})
	must(t, err)
	if w.enabled = !s.Fresh; w.enabled {
		for _, id := range services {
			w.start(id)
		}
	}
	return w
}

// upgraded carries an upgrade through and makes the real disk what it left. It
// gives the product of before.
func (s *Scenario) upgraded(t testing.TB, dir string) string {
	t.Helper()
	first := &Scenario{Name: s.Name, Req: s.Req, Ends: run.ResultNew, p: s.p}
	first.plan, first.id = s.p.Start(t, first)
	w := first.world(t, dir)
	before := s.product(w)
	if v := first.live(&process{w: w}); v.closed == nil || v.closed.Result != run.ResultNew {
		t.Fatalf("the upgrade to be taken back: %+v", v)
	}
	s.p.carry(t, w, first.id)
	return before
}

// undisturbed runs the scenario to its end, and keeps what that ends in.
func (s *Scenario) undisturbed(t testing.TB) {
	t.Helper()
	w := s.begin.Clone()
	s.old = s.product(w)
	p := &process{w: w, fails: s.Fails}
	p.before = func(n int, op tap.Op) {
		s.ops = append(s.ops, op)
		s.users(w, n)
	}
	v := s.live(p)
	switch {
	case v.err != nil || v.closed == nil:
		t.Fatalf("%s: undisturbed: %+v, %s", s.Name, v.waiting, v.err)
	case v.closed.Result != s.Ends:
		t.Fatalf("%s: undisturbed it ends as %s, want %s\n%s", s.Name, v.closed.Result, s.Ends, s.story(w))
	case len(w.Wrongs) > 0:
		t.Fatalf("%s: undisturbed: %s", s.Name, strings.Join(w.Wrongs, "\n"))
	}
	if s.kept = s.state(w); s.Ends != run.ResultOld {
		s.new = s.product(w)
	}
	if wrong := s.judge(w, v); wrong != "" {
		t.Fatalf("%s: undisturbed: %s", s.Name, wrong)
	}
}

// userOps are the operations before which a user writes a row.
const userOps = 25

// users are at work as long as they are let in.
func (s *Scenario) users(w *World, n int) {
	text := fmt.Sprintf("row of a user %d", len(w.Wrote))
	switch {
	case n == userOps && len(w.Wrote) == 0 && !s.Fresh:
		w.userWrites(text)
	}
}

// live is one process from its start to its end, in a time of its own: what
// waits costs nothing.
func (s *Scenario) live(p *process) (v verdict) {
	inTime(func(ctx context.Context) { v = p.engine(ctx, s.plan, s.id) })
	return v
}

// inTime runs f where time passes when everything waits.
func inTime(f func(ctx context.Context)) {
	synctest.Test(&testing.T{}, func(t *testing.T) { f(context.Background()) })
}

// Recover is what follows a crash: the boot, where the power was cut, and
// engines until the run is closed. It gives how often a person had to decide.
func (s *Scenario) Recover(w *World, cut bool, with func(*process)) (verdict, int) {
	asked := 0
	for tries := 0; ; tries++ {
		p := &process{w: w, fails: s.Fails}
		if with != nil {
			with(p)
		}
		var v verdict
		inTime(func(ctx context.Context) {
			if cut {
				v.err = p.boot(ctx, s.plan, s.id)
			}
			if v.err == nil {
				v = p.engine(ctx, s.plan, s.id)
			}
		})
		cut = false
		switch {
		case p.dead || v.closed != nil || tries > 8:
			return v, asked
		case v.waiting != nil:
			asked++
			if err := s.decide(w, v.waiting, asked); err != nil {
				return verdict{err: err}, asked
			}
		}
	}
}

// decide is a person who goes back where she can, and tries again otherwise.
func (s *Scenario) decide(w *World, a *run.Action, asked int) error {
	entries, err := w.Journal.Entries(context.Background(), s.id, 0)
	if err != nil {
		return err
	}
	d := run.Decided{Choice: run.ChooseRetry, Step: a.Step.ID, By: "a person"}
	switch {
	case slices.Contains(a.Choices, run.ChooseBack):
		d = run.Decided{Choice: run.ChooseBack, By: "a person"}
	case asked > 3 && slices.Contains(a.Choices, run.ChooseSkip):
		d.Choice = run.ChooseSkip
	}
	_, err = w.Journal.Append(context.Background(), entries[len(entries)-1].Seq, run.Entry{Run: s.id, Kind: run.Decision}, d)
	return err
}

// boot is the start of a computer: the gate of the open run, and then every
// service that nothing keeps from starting.
func (p *process) boot(ctx context.Context, pl *plan.Plan, id string) error {
	st, err := p.state(ctx, pl, id)
	if err != nil {
		return err
	}
	for _, m := range st.Modes() {
		if strings.HasSuffix(m.ID, "gate") && (p.mutant == nil || !p.mutant.noGateAtBoot) {
			p.w.Gate = true
		}
	}
	for _, s := range services {
		if _, err := p.w.Disk.Lstat(filepath.Join(p.w.p.State, "services", s+".inhibit")); err != nil && p.w.read("app/bin/"+s) != "" && (p.w.enabled || p.w.known[s]) {
			p.w.start(s)
		}
	}
	p.w.look("the boot")
	return nil
}

// story lists what failed on the way.
func (s *Scenario) story(w *World) string {
	entries, err := w.Journal.Entries(context.Background(), s.id, 0)
	if err != nil {
		return err.Error()
	}
	var out strings.Builder
	for _, e := range entries {
		if e.Kind == run.Decision || e.Kind == run.Outcome && !strings.Contains(string(e.Body), `"ok":true`) {
			fmt.Fprintf(&out, "%s %s %s %s\n", e.Kind, e.Dir, e.Step, e.Body)
		}
	}
	return out.String()
}
