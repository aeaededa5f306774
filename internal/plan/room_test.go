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
