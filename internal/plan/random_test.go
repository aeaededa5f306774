package plan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/site"
)

// TestDeterminism compiles again and again from maps that were filled in
// another order.
func TestDeterminism(t *testing.T) {
	product := with(shop, both, settings, `env: {A: "1", B: "2", C: "3", D: "${param.colour}"}`, `dirs: {a: /a, b: /b, c: /c}`,
		`hooks: [{by: site, dir: /srv/hooks, name: "${phase}[_-]${component}", phase: any, as: shop, env: {X: "1", W: "2", Z: "3"}}]`)
	build := func() plan.Input {
		in := input(t, product, with(v2, `+record: [{record: [cron, theme]}]`), with(v3, `routes: [{from: ">= 2.0", settings: {cron: enabled, theme: dark}}]`))
		routes(&in)
		in.Hops[1].Route.Settings = shuffled(in.Hops[1].Route.Settings)
		in.Site.Waivers = shuffled(map[string]site.Waiver{"a": {By: "1"}, "b": {By: "2"}, "c": {By: "3"}})
		in.Waivers = map[string]string{"backup": "4"}
		in.Facts.HookDirs["/srv/hooks"] = []plan.HookEntry{{Name: "PREINSTALL_app", SHA256: "1"}, {Name: "PREINSTALL-data", SHA256: "2"}, {Name: "ENDUPDATE_app", SHA256: "3"}}
		in.Facts.Values = shuffled(map[string]string{"x": "1", "y": "2", "z": "3"})
		in.Facts.Volumes = shuffled(map[string]plan.Volume{"/srv/shop": {ID: "1", Free: 1 << 40}, in.Facts.Backup: {ID: "2", Free: 1 << 40}})
		in.Installed.Env, in.Installed.Dirs = shuffled(in.Installed.Env), shuffled(in.Installed.Dirs)
		in.Installed.Params, in.Installed.Components = shuffled(in.Installed.Params), shuffled(in.Installed.Components)
		in.Installed.Access, in.Installed.Settings = shuffled(in.Installed.Access), shuffled(in.Installed.Settings)
		for i := range in.Hops {
			in.Hops[i].Release.Procedure.Phases = shuffled(in.Hops[i].Release.Procedure.Phases)
			in.Hops[i].Bundle.Payloads = shuffled(in.Hops[i].Bundle.Payloads)
		}
		return in
	}
	want := compile(t, build())
	for range 40 {
		if got := compile(t, build()); got.Digest != want.Digest {
			t.Fatalf("the same input gives another plan:\n%s\n%s", show(want), show(got))
		}
	}
}

// shuffled copies a map in a random order.
func shuffled[K comparable, V any](m map[K]V) map[K]V {
	keys := slices.Collect(maps.Keys(m))
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	out := make(map[K]V)
	for _, k := range keys {
		out[k] = m[k]
	}
	return out
}

// pieces are steps that a release may say, at any phase.
var pieces = []string{
	`{run: [r], as: shop, undo: none}`, `{run: [r], as: shop, undo: restore}`, `{run: [r], as: root, undo: {run: [u], as: root}, on-failure: warn}`,
	`{run: [r], as: shop}`, `{run: [r], as: shop, undo: none, once: o, repeatable: true}`, `{migrate: data, scripts: migrations}`,
	`{hold: {setting: cron}, to: disabled, until: UNTIL}`, `{hold: {service: web}, to: stopped, until: UNTIL}`, `{record: [cron, theme]}`,
	`{hold: {setting: theme}, to: plain, until: 30d}`, `{hold: {service: web}, to: stopped, until: {exists: /old}}`,
	`{restart: [web]}`, `{stop: [web]}`, `{start: [web]}`, `{notify: users}`, `{verify: [{exists: /x}]}`, `{drain: {command: [jobs], expect: "0"}}`,
	`{access: maintenance, during: [{run: [i], as: shop, undo: none}]}`, `{access: read-only, during: [{run: [i], as: shop, undo: none}]}`, `{tell: do it, undo: none}`,
}

// TestCompileNeverBreaksARule compiles random releases: each is refused with
// reasons that a person can act on, or gives a plan that stands the
// validator. A plan that the validator refuses would be a mistake of the
// compiler's.
func TestCompileNeverBreaksARule(t *testing.T) {
	phases := []string{"notify", "start-of-run", "read-only", "drain", "record", "before-backup", "backup", "after-backup", "maintenance", "stop", "before-install",
		"install", "config", "migrate", "after-install", "start", "re-apply", "verify", "reopen", "end-of-run", "rollout", "clean-up"}
	made := 0
	rapid.Check(t, func(rt *rapid.T) {
		extra := []string{settings, rapid.SampledFrom([]string{both, `access: {maintenance: {marker: /m, users: none}, read-only: {marker: /r, users: read}}`,
			`access: {maintenance: {marker: /m, users: read}}`, `access: {}`}).Draw(rt, "access")}
		product := with(shop, extra...)
		procedure := func(label, rest string) string {
			var lines []string
			for _, ph := range rapid.SliceOfNDistinct(rapid.SampledFrom(phases), 0, 4, rapid.ID).Draw(rt, label) {
				if ph == "migrate" && rest != "" {
					continue
				}
				if rapid.IntRange(0, 9).Draw(rt, "none") == 0 {
					lines = append(lines, ph+": none")
					continue
				}
				list := rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 3).Draw(rt, "steps")
				text := strings.ReplaceAll(strings.Join(list, ", "), "UNTIL", rapid.SampledFrom(phases).Draw(rt, "until"))
				lines = append(lines, fmt.Sprintf("%s: [%s]", ph, text))
			}
			return "procedure: {" + strings.Join(append(lines, rest), ", ") + "}"
		}
		releases := []string{with(v2, procedure("first", `migrate: [{migrate: data, run: [m], as: shop}]`))}
		if rapid.Bool().Draw(rt, "two") {
			releases = append(releases, with(v3, procedure("second", `migrate: [{migrate: data, scripts: migrations}]`)))
		}
		in := input(t, product, releases...)
		if rapid.Bool().Draw(rt, "no gate") {
			in.Facts.Gate = "it needs root"
		}
		in.OnFailure = rapid.SampledFrom([]string{"", "origin", "stay"}).Draw(rt, "mode")
		p, err := plan.Compile(in)
		var refusal *plan.Refusal
		if err != nil && !errors.As(err, &refusal) {
			rt.Fatalf("%v\n%s", err, strings.Join(releases, "\n"))
		}
		if p == nil {
			return
		}
		made++
		if err := plan.Validate(p); err != nil || p.Sum() != p.Digest {
			rt.Fatalf("%v\n%s", err, show(p))
		}
		plan.Estimate(p, in)
		putBack(rt, p)
	})
	if made == 0 {
		t.Error("every release was refused: the test shows nothing")
	}
	t.Logf("%d plans were made", made)
}

// putBack runs the plan with random failures to its end: whatever was changed
// for a while is put back then, wherever the run ends.
func putBack(t *rapid.T, p *plan.Plan) {
	s := run.New(p)
	apply := func(kind run.Kind, id string, dir run.Direction, body any) {
		raw, err := json.Marshal(body)
		if err == nil {
			err = s.Apply(run.Entry{Seq: s.Seq + 1, At: time.Unix(s.Seq+1, 0), Run: "r", Kind: kind, Step: id, Dir: dir, Body: raw})
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, show(p))
		}
	}
	apply(run.RunOpened, "", "", run.Opened{Plan: p.Digest})
	failing := rapid.IntRange(0, 1).Draw(t, "something fails")
	for range 10 * (len(p.Steps) + 10) {
		ok := run.Ended{OK: failing == 0 || rapid.IntRange(0, 19).Draw(t, "fails") != 0, Error: "it broke"}
		switch a := run.Next(s); a.Kind {
		case run.ActDo:
			if a.Step.Class == plan.Check {
				apply(run.Outcome, a.Step.ID, run.Do, ok)
			} else {
				apply(run.Intent, a.Step.ID, run.Do, run.Intended{})
			}
		case run.ActUndo:
			apply(run.Intent, a.Step.ID, run.Undo, run.Intended{})
		case run.ActRecover:
			apply(run.Outcome, a.Step.ID, a.Dir, ok)
		case run.ActSkipUndo:
			apply(run.Outcome, a.Step.ID, run.Undo, run.Ended{OK: true, Skipped: true})
		case run.ActBack:
			apply(run.Decision, "", "", run.Decided{Choice: run.ChooseBack, To: a.To, From: a.From, Step: a.Step.ID})
		case run.ActAgain:
			apply(run.Decision, "", "", run.Decided{Choice: run.ChooseAgain, From: a.From})
		case run.ActLand:
			apply(run.Decision, "", "", run.Decided{Choice: run.ChooseLand, To: a.To})
		case run.ActMilestone:
			apply(run.MilestoneReached, a.Step.ID, "", run.Reached{Milestone: a.Number})
		case run.ActSeal:
			apply(run.Sealed, "", "", nil)
		case run.ActBarrier:
			apply(run.BarrierCrossed, a.Step.ID, "", nil)
		case run.ActClose:
			apply(run.RunClosed, "", "", run.Closed{Result: a.Result, Version: a.Version})
			leftovers(t, p, s)
			return
		case run.ActWait:
			apply(run.Decision, "", "", run.Decided{Choice: run.ChooseRetry, Step: a.Step.ID})
		}
	}
	t.Fatalf("the run does not end\n%s", show(p))
}

// leftovers looks for holds and access modes that are still there. Those that
// outlive the run are gone where it went back.
func leftovers(t *rapid.T, p *plan.Plan, s *run.State) {
	all := slices.Clone(p.Steps)
	for _, m := range p.Milestones {
		all = append(all, m.Landing...)
	}
	for _, begin := range all {
		if st := s.Steps[begin.ID]; begin.Verb != "hold" && begin.Verb != "access" || plan.Ends(begin) != "" || st == nil || !st.Intended {
			continue
		}
		if strings.Contains(string(begin.Params), `"lasts":`) && (s.Closed.Result == run.ResultNew || s.Closed.Result == run.ResultMilestone && begin.Hop <= s.BackTo) {
			continue // it outlives the run: the register has it
		}
		ended := slices.ContainsFunc(all, func(end plan.Step) bool {
			st := s.Steps[end.ID]
			return plan.Ends(end) == begin.ID && st != nil && (st.Status == run.Done || st.Status == run.Tolerated)
		})
		if !ended {
			t.Fatalf("the run ended %s, and %s is still there\n%s", s.Closed.Result, begin.ID, show(p))
		}
	}
	if out := s.Outage(time.Unix(1e6, 0)); out > 1e5*time.Second {
		t.Fatalf("the run ended %s, and its outage has no end\n%s", s.Closed.Result, show(p))
	}
}
