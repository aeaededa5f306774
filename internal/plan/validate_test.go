package plan_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

// whole is a plan with everything that a rule looks at: two hops, a hold, a
// landing, a check.
func whole(t *testing.T) *plan.Plan {
	t.Helper()
	in := input(t, with(shop, settings), with(v2,
		`checks: [{id: room, probe: {exists: /srv/shop}}]`,
		`+start-of-run: [{hold: {setting: cron}, to: disabled, until: end-of-run}]`,
		`+after-install: [{run: [reindex], as: shop, undo: restore}]`), v3)
	return compile(t, in)
}

// at finds a step of the plan or of a landing.
func at(t *testing.T, p *plan.Plan, id string) *plan.Step {
	t.Helper()
	for i := range p.Steps {
		if p.Steps[i].ID == id {
			return &p.Steps[i]
		}
	}
	for m := range p.Milestones {
		for i := range p.Milestones[m].Landing {
			if p.Milestones[m].Landing[i].ID == id {
				return &p.Milestones[m].Landing[i]
			}
		}
	}
	t.Fatalf("the plan has no step %s:\n%s", id, show(p))
	return nil
}

// move puts a step behind another one and mends what follows what.
func move(t *testing.T, p *plan.Plan, id, behind string) {
	t.Helper()
	s := *at(t, p, id)
	cut(p, id)
	i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.ID == behind })
	p.Steps = slices.Insert(p.Steps, i+1, s)
	rechain(p)
}

// cut takes a step out.
func cut(p *plan.Plan, id string) {
	gone := func(s plan.Step) bool { return s.ID == id }
	p.Steps = slices.DeleteFunc(p.Steps, gone)
	for m := range p.Milestones {
		p.Milestones[m].Landing = slices.DeleteFunc(p.Milestones[m].Landing, gone)
	}
	rechain(p)
}

func rechain(p *plan.Plan) {
	lists := [][]plan.Step{p.Steps}
	for _, m := range p.Milestones {
		lists = append(lists, m.Landing)
	}
	for _, list := range lists {
		for i := range list {
			if list[i].After = nil; i > 0 {
				list[i].After = []string{list[i-1].ID}
			}
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name, want string
		spoil      func(t *testing.T, p *plan.Plan)
	}{
		{"a cycle", "the plan has a cycle: backup → h1.install.app → backup", func(t *testing.T, p *plan.Plan) {
			at(t, p, "backup").After = []string{"h1.install.app"}
		}},
		{"a step that follows itself", "has a cycle: gate → gate", func(t *testing.T, p *plan.Plan) { at(t, p, "gate").After = []string{"gate"} }},
		{"a cycle in a landing", "the landing of m1 has a cycle", func(t *testing.T, p *plan.Plan) {
			at(t, p, "m1.verify").After = []string{"m1.barrier"}
		}},
		{"a step that follows nothing known", `step gate follows "nobody", which is not in the plan`, func(t *testing.T, p *plan.Plan) {
			at(t, p, "gate").After = []string{"nobody"}
		}},
		{"a landing that follows a step of the plan", `step m1.verify follows "gate", which is not in the landing of m1`, func(t *testing.T, p *plan.Plan) {
			at(t, p, "m1.verify").After = []string{"gate"}
		}},
		{"two steps of one name", "two steps are called gate", func(t *testing.T, p *plan.Plan) { at(t, p, "backup").ID = "gate" }},
		{"one name in plan and landing", "two steps are called gate", func(t *testing.T, p *plan.Plan) { at(t, p, "m1.verify").ID = "gate" }},
		{"no barrier", "the plan has no barrier", func(t *testing.T, p *plan.Plan) { cut(p, "barrier") }},
		{"no barrier in a landing", "the landing of m1 has no barrier", func(t *testing.T, p *plan.Plan) { cut(p, "m1.barrier") }},
		{"two barriers", "the plan has two barriers: barrier and clean-up", func(t *testing.T, p *plan.Plan) {
			at(t, p, "clean-up").Verb = plan.VerbBarrier
		}},
		{"a barrier that is none", `the plan names "gate" as its barrier, which is none`, func(_ *testing.T, p *plan.Plan) { p.Barrier = "gate" }},
		{"irreversible before the barrier", "step clean-up cannot be undone and lies before the barrier", func(t *testing.T, p *plan.Plan) {
			move(t, p, "clean-up", "backup")
		}},
		{"reopening before the barrier", "step gate lets users in and lies before the barrier", func(t *testing.T, p *plan.Plan) { at(t, p, "gate").Up = true }},
		{"a check behind the barrier", "step check can refuse and lies behind the barrier", func(t *testing.T, p *plan.Plan) { move(t, p, "check", "barrier") }},
		{"reversible behind the barrier", "step h1.install.app lies behind the barrier and counts on an undo", func(t *testing.T, p *plan.Plan) {
			move(t, p, "h1.install.app", "barrier")
		}},
		{"reversible behind the barrier of a landing", "step m1.reopen.gate lies behind the barrier and counts on an undo", func(t *testing.T, p *plan.Plan) {
			at(t, p, "m1.reopen.gate").Class = plan.Reversible
		}},
		{"data changed before a restore point", "step h1.migrate.data changes data before there is a restore point", func(t *testing.T, p *plan.Plan) {
			move(t, p, "h1.migrate.data", "gate")
		}},
		{"no restore point at all", "step h1.migrate.data changes data before there is a restore point", func(t *testing.T, p *plan.Plan) {
			cut(p, "backup")
			cut(p, "h2.backup")
		}},
		{"undo: restore before it can be restored", "step h1.run.reindex counts on being restored before", func(t *testing.T, p *plan.Plan) {
			at(t, p, "h1.run.reindex").Writes = false
			move(t, p, "h1.run.reindex", "gate")
		}},
		{"a hold that never ends", "the plan never ends hold.cron", func(t *testing.T, p *plan.Plan) { cut(p, "release.cron") }},
		{"a hold that a landing never ends", "the landing of m1 never ends hold.cron", func(t *testing.T, p *plan.Plan) { cut(p, "m1.release.cron") }},
		{"an access mode that is never left", "the plan never ends gate", func(t *testing.T, p *plan.Plan) { cut(p, "reopen.gate") }},
		{"users that are never let in", "the plan keeps users out and never lets them in again", func(t *testing.T, p *plan.Plan) { at(t, p, "reopen.gate").Up = false }},
		{"users that a landing never lets in", "the landing of m1 keeps users out", func(t *testing.T, p *plan.Plan) { at(t, p, "m1.reopen.gate").Up = false }},
		{"an unknown verb", `step gate has the verb "teleport", which nothing can carry out`, func(t *testing.T, p *plan.Plan) { at(t, p, "gate").Verb = "teleport" }},
		{"no deadline", "step gate has no deadline", func(t *testing.T, p *plan.Plan) { at(t, p, "gate").Deadline = 0 }},
		{"no account", "step gate has no account", func(_ *testing.T, p *plan.Plan) { p.Account = "" }},
		{"root that is not written", "step h1.run.reindex would run a command as root, and nothing says so", func(t *testing.T, p *plan.Plan) {
			p.Account = "root"
			at(t, p, "h1.run.reindex").As = ""
		}},
		{"no node", "step gate names no node", func(t *testing.T, p *plan.Plan) { at(t, p, "gate").Node = "" }},
		{"an unknown class", `step gate has the class "maybe"`, func(t *testing.T, p *plan.Plan) { at(t, p, "gate").Class = "maybe" }},
		{"a run without a way back", "step h1.run.reindex does not say what takes it back", func(t *testing.T, p *plan.Plan) { at(t, p, "h1.run.reindex").Undo = "" }},
		{"a milestone that no step reaches", "the plan has 2 milestones and 1 steps that reach one", func(t *testing.T, p *plan.Plan) { cut(p, "h1.milestone") }},
		{"a milestone of another step", `milestone m1 names the step "gate", but is reached at h1.milestone`, func(_ *testing.T, p *plan.Plan) { p.Milestones[0].Step = "gate" }},
		{"a milestone where nobody can stay", "nothing says how to stay at milestone m1", func(_ *testing.T, p *plan.Plan) { p.Milestones[0].Landing = nil }},
		{"a milestone behind the barrier", "milestone h2.milestone lies behind the barrier", func(t *testing.T, p *plan.Plan) { move(t, p, "h2.milestone", "barrier") }},
		{"a failure that leads nowhere", `on failure the plan goes to "hope"`, func(_ *testing.T, p *plan.Plan) { p.OnFailure = "hope" }},
	}
	if err := plan.Validate(whole(t)); err != nil {
		t.Fatalf("the plan to be spoiled is refused itself: %v", err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := whole(t)
			tt.spoil(t, p)
			err := plan.Validate(p)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "the plan is refused") {
				t.Errorf("the error is %v, want %q", err, tt.want)
			}
		})
	}
}

// A waived backup takes the place of a restore point, since a person has
// answered for it by name.
func TestValidateWaivedBackup(t *testing.T) {
	p := whole(t)
	cut(p, "backup")
	cut(p, "h2.backup")
	p.Waivers["backup"] = "ann: the data is worthless"
	if err := plan.Validate(p); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// The restore point that is made while only reading is possible can be
// restored only from where the product is stopped.
func TestValidateAnchor(t *testing.T) {
	p := compile(t, input(t, with(shop, both), with(v2, `+maintenance: [{run: [tell], as: shop, undo: none}]`)))
	s := at(t, p, "run.tell")
	s.Undo = "restore"
	if err := plan.Validate(p); err == nil || !strings.Contains(err.Error(), "step run.tell counts on being restored before") {
		t.Errorf("before the anchor: %v", err)
	}
	move(t, p, "run.tell", "restore")
	if err := plan.Validate(p); err != nil {
		t.Errorf("behind the anchor: %v", err)
	}
}

func TestEnds(t *testing.T) {
	for params, want := range map[string]string{`{"reopen":"gate"}`: "gate", `{"release":"hold.x"}`: "hold.x", `{}`: "", ``: "", `[1]`: ""} {
		if got := plan.Ends(plan.Step{Params: json.RawMessage(params)}); got != want {
			t.Errorf("parameters %s end %q, want %q", params, got, want)
		}
	}
}
