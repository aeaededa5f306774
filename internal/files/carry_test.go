//go:build linux

package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"upkeep/internal/durable"
)

// carryWorld is an installed product with data in its tree, and the next version staged beside it.
func carryWorld(t *testing.T) (base string, plan Carry) {
	t.Helper()
	base = t.TempDir()
	plant(t, base+"/app", map[string]string{"bin": "old", "config.php": "mine", "uploads/a/b": "picture", "data/deep/cache/c": "c", "site.local": "s", "l": "-> uploads", "plugins/own/x": "x", "plugins/stock/y": "old"})
	plant(t, base+"/.upkeep-app-1", map[string]string{"bin": "new", "config.php": "sample", "uploads/index.html": "", "plugins/stock/y": "new"})
	must(t, os.Chmod(base+"/app/data", 0o750))
	plan, err := PlanCarry(durable.OS(), base+"/app", base+"/.upkeep-app-1", base+"/.upkeep-app-1-aside", []string{"config.php", "/uploads/", "uploads/a", "data/deep/cache", "*.local", "l", "plugins/own", "not/there"})
	must(t, err)
	b, err := json.Marshal(plan) // as the memo keeps it
	must(t, err)
	plan = Carry{}
	must(t, json.Unmarshal(b, &plan))
	return base, plan
}

func TestCarry(t *testing.T) {
	base, plan := carryWorld(t)
	before := scan(t, base)
	places := func() string {
		p, err := plan.Observe(durable.OS())
		must(t, err)
		return fmt.Sprint(p)
	}
	if got, want := places(), "["+strings.TrimSuffix(strings.Repeat("source ", 8), " ")+"]"; got != want {
		t.Errorf("before: %s", got)
	}
	for range 2 { // a second time changes nothing
		must(t, plan.Apply(durable.OS()))
		want := scan(t, plant(t, t.TempDir(), map[string]string{"bin": "new", "config.php": "mine", "uploads/a/b": "picture", "data/deep/cache/c": "c", "site.local": "s", "l": "-> uploads", "plugins/own/x": "x", "plugins/stock/y": "new"}))
		diffTrees(t, want, scan(t, base+"/.upkeep-app-1", marker), Ignore{MTime: true, Mode: true})
		diffTrees(t, scan(t, plant(t, t.TempDir(), map[string]string{"bin": "old", "data/deep/": "", "plugins/stock/y": "old"})), scan(t, base+"/app"), Ignore{MTime: true, Mode: true})
		if e, _ := scan(t, base+"/.upkeep-app-1").Find("data"); e.Mode != 0o750 {
			t.Errorf("data has mode %o", e.Mode)
		}
	}
	if err := Discard(durable.OS(), base+"/.upkeep-app-1"); !errors.Is(err, ErrCarry) {
		t.Errorf("a tree with carried files may be removed: %v", err)
	}
	for range 2 {
		must(t, plan.Revert(durable.OS()))
		diffTrees(t, before, scan(t, base), Fingerprint())
	}
	must(t, plan.Apply(durable.OS()))
	for _, want := range []bool{true, false} {
		if held, err := Marked(durable.OS(), base+"/.upkeep-app-1"); err != nil || held != want {
			t.Errorf("marked: %v, %v", held, err)
		}
		must(t, Settle(durable.OS(), base+"/.upkeep-app-1"))
	}
	must(t, Discard(durable.OS(), base+"/.upkeep-app-1-aside"))
	must(t, Discard(durable.OS(), base+"/app"))
}

// Whatever rename or directory fails, and in whichever direction one goes on, the end is one of the two states.
func TestCarryFromEveryMiddle(t *testing.T) {
	fsys := durable.OS().Unsynced() // no power is cut here
	for n, through := 1, false; !through; n++ {
		for _, back := range []bool{false, true} {
			base, plan := carryWorld(t)
			before := scan(t, base)
			left := n
			err := plan.Apply(failing{fsys, &left})
			through = err == nil
			if err != nil && !errors.Is(err, errInjected) {
				t.Fatal(err)
			}
			if back {
				left = n / 2
				_ = plan.Revert(failing{fsys, &left}) // fails in the middle as well
				must(t, plan.Revert(fsys))
				diffTrees(t, before, scan(t, base), Fingerprint())
				continue
			}
			must(t, plan.Apply(fsys))
			places, err := plan.Observe(fsys)
			must(t, err)
			for i, p := range places {
				if p != AtDestination {
					t.Errorf("fault %d: %+v is at its %s", n, plan.Moves[i], p)
				}
			}
		}
	}
}

func TestCarryRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Run("missing", func(t *testing.T) {
		base, plan := carryWorld(t)
		must(t, os.Remove(base+"/app/site.local"))
		if err := plan.Apply(durable.OS()); !errors.Is(err, ErrCarry) || !strings.Contains(err.Error(), "neither at "+base+"/app/site.local") {
			t.Error(err)
		}
		p, err := plan.Observe(durable.OS())
		must(t, err)
		if p[len(p)-1] != AtSource && !strings.Contains(fmt.Sprint(p), "missing") {
			t.Error(p)
		}
	})
	t.Run("foreign at destination", func(t *testing.T) {
		base, plan := carryWorld(t)
		plant(t, base+"/.upkeep-app-1", map[string]string{"site.local": "somebody's"})
		if err := plan.Apply(durable.OS()); !errors.Is(err, ErrCarry) || !strings.Contains(err.Error(), "both ") {
			t.Error(err)
		}
		must(t, os.Remove(base+"/.upkeep-app-1/site.local"))
		must(t, plan.Apply(durable.OS()))
	})
	t.Run("foreign at source on the way back", func(t *testing.T) {
		base, plan := carryWorld(t)
		must(t, plan.Apply(durable.OS()))
		plant(t, base+"/app", map[string]string{"config.php": "written by the old version"})
		if err := plan.Revert(durable.OS()); !errors.Is(err, ErrCarry) {
			t.Error(err)
		}
		if b, _ := os.ReadFile(base + "/.upkeep-app-1/config.php"); string(b) != "mine" {
			t.Errorf("lost: %q", b)
		}
	})
	t.Run("replaced at source", func(t *testing.T) {
		base, plan := carryWorld(t)
		must(t, os.Rename(base+"/app/site.local", base+"/app/was"))
		plant(t, base+"/app", map[string]string{"site.local": "another file of the name"})
		if err := plan.Apply(durable.OS()); !errors.Is(err, ErrCarry) {
			t.Error(err)
		}
	})
}

func TestPlanCarryRefuses(t *testing.T) {
	base := t.TempDir()
	plant(t, base+"/old", map[string]string{"d/f": "f", "l": "-> d", "x": "x"})
	plant(t, base+"/new", map[string]string{"d": "now a file"})
	for keep, want := range map[string]string{"../x": "climbs", "/": "empty", "d/f": "no directory at d", "l/f": "leads through a link", "[": "syntax error"} {
		if _, err := PlanCarry(durable.OS(), base+"/old", base+"/new", base+"/aside", []string{keep}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", keep, err, want)
		}
	}
	if os.Getuid() == 0 {
		if _, err := PlanCarry(durable.OS(), "/", base+"/new", base+"/aside", []string{"proc"}); err == nil || !strings.Contains(err.Error(), "volume of its own") {
			t.Error(err)
		}
	}
	c, err := PlanCarry(durable.OS(), base+"/old", base+"/new", base+"/aside", []string{"nothing"})
	must(t, err)
	must(t, c.Apply(durable.OS()))
	must(t, c.Revert(durable.OS()))
	if list, _ := os.ReadDir(base + "/new"); len(list) != 1 {
		t.Errorf("carrying nothing left %v", list)
	}
}
