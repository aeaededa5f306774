package plan_test

import (
	"testing"

	"upkeep/internal/plan"
)

// What a release does between two hops is put back on every way back; only
// the stop and the restore point there are for a way back that ends there.
func TestBetweenHopsIsPutBack(t *testing.T) {
	in := input(t, shop, v2, with(v3, `+stop: [{run: [/bin/touch, /etc/flag], as: root, undo: {run: [/bin/rm, /etc/flag], as: root}}, {restart: web}]`))
	p, err := plan.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"h2.run.touch": 0, "h2.stop.web": 1, "h2.backup": 1, "h2.restart.web": 1, "h2.install.app": 0, "stop.web": 0, "backup": 0}
	for id, only := range want {
		s, ok := p.Find(id)
		if !ok || s.OnlyTo != only {
			t.Errorf("%s: found %v, its undo matters from milestone %d on, want %d", id, ok, s.OnlyTo, only)
		}
	}
}
