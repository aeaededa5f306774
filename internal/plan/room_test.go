package plan_test

import (
	"strings"
	"testing"

	"upkeep/internal/plan"
)

// The state folder needs the reserve, what the run writes itself, and a copy
// of every bundle.
func TestRoomOfTheState(t *testing.T) {
	in := input(t, shop, v2, v3)
	in.Hops[0].Bundle.Bytes, in.Hops[1].Bundle.Bytes = 100<<20, 200<<20
	in.Facts.Databases = nil
	need := int64(plan.Reserve + plan.Slack + 300<<20)
	in.Facts.Volumes = map[string]plan.Volume{in.Facts.State: {ID: "state", Free: need}}
	p, err := plan.Compile(in)
	if err != nil {
		t.Fatalf("with just enough room: %v", err)
	}
	if f := plan.Estimate(p, in); len(f.Space) != 1 || f.Space[0].Bytes != need {
		t.Errorf("the need is %+v, want %d", f.Space, need)
	}
	in.Facts.Volumes[in.Facts.State] = plan.Volume{ID: "state", Free: need - 1}
	if _, err := plan.Compile(in); err == nil || !strings.Contains(err.Error(), "too little room") {
		t.Errorf("with a byte too little: %v", err)
	}
}

// The way back writes the files of packages and a database beside those there.
func TestReserve(t *testing.T) {
	in := input(t, shop, v2, v3)
	for unit := range in.Facts.Databases {
		delete(in.Facts.Databases, unit)
	}
	p, err := plan.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Instances {
		p.Instances[i].Kind = "tree"
	}
	if got := plan.Estimate(p, in).Reserve; got != plan.Reserve {
		t.Fatalf("without packages and databases: %d, want %d", got, plan.Reserve)
	}
	in.Hops[0].Bundle.Bytes, in.Hops[1].Bundle.Bytes = 1<<20, 2<<20
	in.Facts.Databases = map[string]int64{p.Instances[0].Unit(): 7 << 20}
	for kind, want := range map[string]int64{"package": (7 + 3*3) << 20, "postgres": (7 + 32) << 20, "sqlite": 7 << 20} {
		p.Instances[0].Kind = kind
		if got := plan.Estimate(p, in).Reserve - plan.Reserve; got != want {
			t.Errorf("%s: %d bytes more, want %d", kind, got, want)
		}
	}
}
