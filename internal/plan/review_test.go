package plan_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/drift"
	"upkeep/internal/plan"
)

// A customised database is migrated only by scripts that were all decided; the
// digest covers the decisions.
func TestReview(t *testing.T) {
	reviewed := with(strings.Replace(shop, `version: {sql: "SELECT version FROM meta"}}`, `version: {sql: "SELECT version FROM meta"}, review: {fact: customised}}`, 1), `facts: {customised: {drift: data}}`)
	by := func(v plan.Verdict, sum string) *plan.Decision {
		return &plan.Decision{Verdict: v, By: "ada", At: "2026-03-04T10:00:00Z", SHA256: sum}
	}
	key := func(name, sum string) string {
		return plan.ReviewKey("data", plan.Script{Name: "migrations/" + name, SHA256: sum})
	}
	customised := func(in *plan.Input) {
		in.Facts.Values["customised"] = "view fresh: changed"
		in.Facts.Customised = map[string]drift.Comparison{"data": {Standard: "the standard of release 1.0", Differences: []drift.Difference{{Kind: "view", Name: "fresh", How: drift.Changed}}}}
		in.Reviews = map[string]plan.ReviewFact{}
	}
	decided := func(in *plan.Input) {
		customised(in)
		in.Reviews[key("001.sql", "s1")] = plan.ReviewFact{Decision: by(plan.Edited, "mine"), Touches: []string{"view fresh"}}
		in.Reviews[key("002.sql", "s2")] = plan.ReviewFact{Decision: by(plan.DoneBy, "")}
	}
	from2 := strings.Replace(v3, `from: ">= 2.0"`, `from: "*"`, 1)
	byCommand := with(v2)
	for _, c := range []struct {
		name, release string
		change        func(*plan.Input)
		reason        string // empty: a plan is made
		open, reviews int
	}{
		{"as the vendor has it", from2, func(in *plan.Input) { in.Facts.Values["customised"] = "" }, "", 0, 0},
		{"nothing decided", from2, customised, "not migrated automatically: 1 object differs from the standard of release 1.0.*2 scripts are left of 2", 2, 2},
		{"one decided", from2, func(in *plan.Input) {
			customised(in)
			in.Reviews[key("001.sql", "s1")] = plan.ReviewFact{Decision: by(plan.Approved, "")}
		}, "1 script is left of 2", 1, 2},
		{"of another content", from2, func(in *plan.Input) {
			decided(in)
			in.Reviews[key("001.sql", "s9")] = in.Reviews[key("001.sql", "s1")]
			delete(in.Reviews, key("001.sql", "s1"))
		}, "1 script is left of 2", 1, 2},
		{"all decided", from2, decided, "", 0, 2},
		{"one was applied before", from2, func(in *plan.Input) {
			customised(in)
			in.Facts.Applied = map[string]map[string]string{"data": {"migrations/001.sql": "s1"}}
			in.Reviews[key("002.sql", "s2")] = plan.ReviewFact{Decision: by(plan.Approved, "")}
		}, "", 0, 1},
		{"it cannot be told", from2, func(in *plan.Input) { in.Facts.Unread = map[string]string{"customised": "no right to look"} }, "not migrated automatically: .*no right to look.*2 scripts are left", 2, 2},
		{"by a command", byCommand, customised, "the review that component data demands here, of a migration by a command.*not yet", 0, 0},
		{"by a command, as the vendor has it", byCommand, func(in *plan.Input) { in.Facts.Values["customised"] = "" }, "", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(t, reviewed, c.release)
			c.change(&in)
			p, err := plan.Compile(in)
			var refusal *plan.Refusal
			if c.reason != "" {
				if !errors.As(err, &refusal) || len(refusal.Reasons) != 1 {
					t.Fatalf("want one reason, got %v", err)
				}
				fits(t, refusal.Reasons[0], c.reason)
				if len(plan.Unreviewed(refusal.Reviews)) != c.open || len(refusal.Reviews) != c.reviews {
					t.Errorf("the refusal lists %+v", refusal.Reviews)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Reviews) != c.reviews {
				t.Errorf("the plan lists %+v", p.Reviews)
			}
		})
	}
	in := input(t, reviewed, from2)
	decided(&in)
	p := compile(t, in)
	i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Verb == "migrate" })
	var params plan.MigrateParams
	if err := json.Unmarshal(p.Steps[i].Params, &params); err != nil {
		t.Fatal(err)
	}
	if a, b := params.Scripts[0].Review, params.Scripts[1].Review; a == nil || a.SHA256 != "mine" || b == nil || b.Verdict != plan.DoneBy {
		t.Errorf("the step is told %+v", params.Scripts)
	}
	fits(t, p.Steps[i].Title, "2 scripts, 1 edited by the site, 1 done by hand")
	in.Reviews[key("001.sql", "s1")] = plan.ReviewFact{Decision: by(plan.Edited, "other"), Touches: []string{"view fresh"}}
	if compile(t, in).Digest == p.Digest {
		t.Error("another edited script, and the same digest")
	}
}

// fits checks that a text fits a pattern.
func fits(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(text) {
		t.Errorf("nothing fits %s in %s", pattern, text)
	}
}
