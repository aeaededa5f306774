package probe

import (
	"context"
	"testing"

	"upkeep/internal/drift"
	"upkeep/internal/plan"
)

// What cannot be told is an error: never none.
func TestDrift(t *testing.T) {
	two := []drift.Difference{{Kind: "view", Name: "fresh", How: drift.Changed}, {Kind: "table", Name: "ours", How: drift.Added}}
	e := New(Deps{Drift: func(_ context.Context, db plan.Database, release string) (drift.Comparison, error) {
		return map[string]drift.Comparison{
			"clean":    {Standard: "the standard of release " + release},
			"two":      {Standard: "the standard of release " + release, Differences: two},
			"blind":    {Unknown: "account books lacks EVENT"},
			"recorded": {Standard: "what run 1 left", Recorded: true},
			"since":    {Standard: "what run 1 left", Recorded: true, Differences: two[:1]},
		}[db.Component], nil
	}})
	for _, c := range []struct {
		db  string
		ok  bool
		got string
		ev  string
		err string
	}{
		{"clean", true, "none", "database clean is as the standard of release 2.0 has it", ""},
		{"two", false, "view fresh: changed table ours: added", "2 objects differ in database two from the standard of release 2.0", ""},
		{"since", false, "view fresh: changed", "1 object differs in database since from what run 1 left", ""},
		{"blind", false, "", "", "cannot read drift blind: account books lacks EVENT"},
		{"recorded", false, "", "", "nothing has changed since what run 1 left: the release brings no standard of its own"},
	} {
		p := plan.Probe{Source: "drift", Args: []string{c.db}, DB: &plan.Database{Component: c.db}, Standard: "2.0"}
		row{name: c.db, p: p, ok: c.ok, got: c.got, evidence: c.ev, err: c.err}.check(t, e)
	}
	row{name: "nothing to compare with", p: plan.Probe{Source: "drift", Args: []string{"x"}, DB: &plan.Database{}}, err: "databases cannot be compared here"}.check(t, New(Deps{}))
	row{name: "no database", p: plan.Probe{Source: "drift", Args: []string{"x"}}, err: "it names no database"}.check(t, e)
}
