package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

// TestVerifiedTogether: what the vendor wants verified is read at the same
// time as versions and services, unless the document says more about it than
// what must hold.
func TestVerifiedTogether(t *testing.T) {
	const probe = `{http: "http://127.0.0.1:8080/"}`
	for _, tt := range []struct {
		name, verify string
		steps        []string
		together     int // probes in the first of them
	}{
		{"none", ``, []string{"h1.verify"}, 0},
		{"only probes", `verify: [{verify: [` + probe + `, ` + probe + `]}]`, []string{"h1.verify"}, 2},
		{"two steps", `verify: [{verify: [` + probe + `]}, {verify: [` + probe + `]}]`, []string{"h1.verify"}, 2},
		{"with its own time", `verify: [{verify: [` + probe + `], within: 5m}]`, []string{"h1.verify", "h1.verify.product"}, 0},
		{"tolerated", `verify: [{verify: [` + probe + `], on-failure: warn}]`, []string{"h1.verify", "h1.verify.product"}, 0},
		{"after a command", `verify: [{run: [/bin/true], as: shop, undo: none}, {verify: [` + probe + `]}]`, []string{"h1.verify", "h1.run.true", "h1.verify.product"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := v2
			if tt.verify != "" {
				doc = with(v2, "+"+tt.verify)
			}
			var got []plan.Step
			var ids []string
			for _, s := range compile(t, input(t, shop, doc)).Steps {
				if s.Phase == "verify" && s.Class != plan.Control {
					got, ids = append(got, s), append(ids, s.ID)
				}
			}
			if strings.Join(ids, " ") != strings.Join(tt.steps, " ") {
				t.Fatalf("steps %v, want %v", ids, tt.steps)
			}
			var p plan.VerifyParams
			if err := json.Unmarshal(got[0].Params, &p); err != nil {
				t.Fatal(err)
			}
			if len(p.Probes) != tt.together || len(p.Versions) == 0 {
				t.Errorf("%d probes and %d versions, want %d probes", len(p.Probes), len(p.Versions), tt.together)
			}
			if said := strings.Contains(got[0].Title, "what the vendor wants"); said != (tt.together > 0) {
				t.Errorf("the title is %q", got[0].Title)
			}
		})
	}
}
