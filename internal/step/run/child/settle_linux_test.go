package child_test

import (
	"errors"
	"testing"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/run/child/childtest"
)

// What a program has written is durable before its end is recorded, however it
// ended.
func TestSettledBeforeTheEndIsRecorded(t *testing.T) {
	for _, c := range []struct {
		script  string
		sync    error
		succeed bool
	}{
		{"exit 0", nil, true},
		{"exit 3", nil, false},
		{"exit 0", errors.New("the disk is gone"), false},
	} {
		s := childtest.Step(t, plan.Step{ID: "run.it", Verb: "run"}, childtest.Sh(c.script))
		env, _ := childtest.Env(t, s, step.Forward)
		r := childtest.Runner(t, nil)
		calls := 0
		r.Settle = func() error {
			calls++
			rec, err := r.Records().Read(env, s, env.Direction, "")
			if err != nil || !rec.Interrupted() {
				t.Errorf("%s: when it is synced its record says %+v, %v", c.script, rec, err)
			}
			return c.sync
		}
		err := r.Recorded(t.Context(), env, s, "", child.Call{RunParams: childtest.Sh(c.script)})
		if calls != 1 || (err == nil) != c.succeed {
			t.Errorf("%s: %d syncs, %v", c.script, calls, err)
		}
	}
}
