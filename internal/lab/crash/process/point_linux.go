package process

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"upkeep/internal/lab/crash/fault"
	"upkeep/internal/lab/tap"
)

// Point is a moment at which a process is killed.
type Point struct {
	tap.Traced
	When string // before, after, torn
	Step string // the step that is under way, with its direction; empty: none
	Back bool   // the decision to go back is in the journal, or is about to be
	Left int    // how many operations its process makes after it, when nobody disturbs it
}

func (p Point) String() string { return fmt.Sprintf("%s_%d_%s", p.Process, p.N, p.When) }

// Said is String with the operation.
func (p Point) Said() string {
	return fmt.Sprintf("%s %s %d (%s %s %s, %s) in %q", p.When, p.Process, p.N, p.Kind, p.Name, p.Path, p.Site, p.Step)
}

// Undisturbed carries the target out with nobody killing anything.
type Undisturbed struct {
	Ops   []tap.Traced
	Seen  Seen
	steps []string // of each operation
}

// Trace carries the target out once and notes every operation of every process.
func Trace(t testing.TB, x Target) *Undisturbed {
	t.Helper()
	w := New(t, x)
	trace := filepath.Join(w.Dir, "trace")
	w.With(&fault.Spec{Trace: trace})
	w.Must(x.Code, w.Args...)
	w.With(nil)
	if w.users != nil {
		w.users.rest()
	}
	ops, err := fault.Read(trace)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(trace); err != nil {
		t.Fatal(err)
	}
	u := &Undisturbed{Ops: ops, Seen: Look(w)}
	if left := Leftovers(w); left != "" {
		t.Errorf("a run that nobody disturbed leaves:\n%s", left)
	}
	step := map[string]string{}
	for _, o := range ops {
		f := strings.Fields(o.Path)
		commit := o.Kind == "journal" && len(f) == 3
		if commit && f[0] == "Intent" {
			step[o.Process] = f[1] + " " + f[2]
		}
		u.steps = append(u.steps, step[o.Process])
		if commit && f[0] == "Outcome" {
			step[o.Process] = ""
		}
	}
	return u
}

// filesOnly are the steps whose verb does nothing but operations on files,
// which are all numbered: stage, precopy, install, clean-up.
var filesOnly = regexp.MustCompile(`^(do|undo) ((h[0-9]+\.)?(stage|install)\.|(h[0-9]+\.)?precopy$|clean-up$)`)

// Points lists before and after of every operation. "After n" is left out
// where nothing can happen between n and n+1 of the same process, so that it is
// the state of "before n+1"; folded counts these.
func (u *Undisturbed) Points() (all []Point, folded int) {
	last := map[string]int{}
	for _, o := range u.Ops {
		last[o.Process] = o.N
	}
	back := false
	for i, o := range u.Ops {
		back = back || o.Kind == "journal" && o.Path == "Decision"
		p := Point{Traced: o, When: "before", Step: u.steps[i], Back: back, Left: last[o.Process] - o.N}
		all = append(all, p)
		if o.Torn != nil {
			p.When = "torn"
			all = append(all, p)
		}
		p.When = "after"
		if i+1 < len(u.Ops) && u.same(i) {
			folded++
			continue
		}
		all = append(all, p)
	}
	return all, folded
}

// same says whether nothing happens between operation i and the one after it.
func (u *Undisturbed) same(i int) bool {
	a, b := u.Ops[i], u.Ops[i+1]
	if a.PID != b.PID || b.N != a.N+1 {
		return false
	}
	switch {
	case a.Process != "engine": // unpacking a release, and openRun, do nothing but files
		return a.Kind == "file" && b.Kind == "file" && (both(a, b, "internal/files/", "internal/bundle/") || a.Path != "" && both(a, b, "internal/files/", "internal/manage/upgrade.go"))
	case b.Kind == "journal" && strings.HasPrefix(b.Path, "Intent ") && strings.HasPrefix(a.Site, "internal/memo/"):
		return true // the memo is written, then the Intent is committed
	}
	return u.steps[i] != "" && u.steps[i] == u.steps[i+1] && filesOnly.MatchString(u.steps[i])
}

func both(a, b tap.Traced, sites ...string) bool {
	in := func(o tap.Traced) bool {
		for _, s := range sites {
			if strings.HasPrefix(o.Site, s) {
				return true
			}
		}
		return false
	}
	return in(a) && in(b)
}

// Journal says whether the point is a journal commit.
func (p Point) Journal() bool { return p.Kind == "journal" }
