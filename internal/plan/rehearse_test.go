package plan_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
)

// TestRehearse: scripts are rehearsed in the order of the plan, before the
// first pass of the restore point; commands, and what comes after them, are
// named as left out.
func TestRehearse(t *testing.T) {
	scripts := with(v2, "procedure: {migrate: [{migrate: data, scripts: migrations}]}")
	for _, c := range []struct {
		name     string
		releases []string
		steps    []string // rehearsed
		left     []string
	}{
		{"scripts", []string{scripts}, []string{"h1.migrate.data"}, nil},
		{"scripts of two hops", []string{scripts, v3}, []string{"h1.migrate.data", "h2.migrate.data"}, nil},
		{"a command", []string{v2}, nil, nil},
		{"scripts after a command", []string{v2, v3}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(t, shop, c.releases...)
			in.Rehearse = true
			in.Facts.Databases["data"] = 1 << 30
			p, err := plan.Compile(in)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Verb == "rehearse" })
			if c.steps == nil {
				if at >= 0 || !strings.Contains(strings.Join(p.Notes, "\n"), "not rehearsed: migrate data for 2.0") || !strings.Contains(strings.Join(p.Notes, "\n"), "nothing is rehearsed") {
					t.Errorf("step %d; notes %q", at, p.Notes)
				}
				return
			}
			var params plan.RehearseParams
			if err := json.Unmarshal(p.Steps[at].Params, &params); err != nil || len(params.Databases) != 1 {
				t.Fatalf("%+v, %v", params, err)
			}
			var got []string
			for _, s := range params.Databases[0].Steps {
				got = append(got, s.ID)
			}
			if !slices.Equal(got, c.steps) || params.Databases[0].Component != "data" {
				t.Errorf("rehearsed %v, want %v", got, c.steps)
			}
			if next := p.Steps[at+1]; next.Verb != "precopy" || !slices.Equal(next.After, []string{"rehearse"}) || p.Steps[at].Down {
				t.Errorf("it stands before %+v", next)
			}
			in.Facts.History = map[string]time.Duration{"h1.migrate.data": 10 * time.Minute}
			if f := plan.Estimate(p, in); f.Steps["rehearse"] < 10*time.Minute || f.Steps["h1.migrate.data"] != 10*time.Minute {
				t.Errorf("forecast: %v", f.Steps)
			}
			in.Facts.Scratch["data"] = plan.ScratchFact{Problem: "account shop may not create databases"}
			if _, err := plan.Compile(in); err == nil || !strings.Contains(err.Error(), "the migrations of data cannot be rehearsed on a copy: account shop may not create databases") {
				t.Errorf("without the right: %v", err)
			}
		})
	}
}
