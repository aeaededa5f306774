package plan_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
)

// lastsOf gives the parameters of a hold step.
func lastsOf(t *testing.T, p *plan.Plan, id string) plan.HoldParams {
	t.Helper()
	var params plan.HoldParams
	if err := json.Unmarshal(at(t, p, id).Params, &params); err != nil {
		t.Fatal(err)
	}
	return params
}

// A hold that outlives the run has no step that ends it; the plan says what
// stays, until when, and what ends it.
func TestLastingHolds(t *testing.T) {
	for until, want := range map[string]struct {
		text string
		is   func(plan.Lasting) bool
	}{
		"30d":            {"30 days after the run", func(l plan.Lasting) bool { return l.For == 30*24*time.Hour }},
		"1d":             {"1 day after the run", func(l plan.Lasting) bool { return l.For == 24*time.Hour }},
		"90m":            {"1h30m0s after the run", func(l plan.Lasting) bool { return l.For == 90*time.Minute }},
		`"2027-03-31"`:   {"2027-03-31", func(l plan.Lasting) bool { return l.On == "2027-03-31" }},
		"{exists: /old}": {"exists /old is there", func(l plan.Lasting) bool { return l.Probe != nil && l.Probe.Args[0] == "/old" }},
	} {
		p := compile(t, input(t, with(shop, settings), with(v2, `+after-install: [{hold: {setting: cron}, to: disabled, until: `+until+`}]`)))
		h := lastsOf(t, p, "h1.hold.cron")
		if h.Lasts == nil || !want.is(*h.Lasts) || h.Lasts.Text != want.text || h.Until != "" {
			t.Errorf("%s: %+v", until, h.Lasts)
		}
		if !slices.ContainsFunc(p.Notes, func(n string) bool {
			return strings.HasPrefix(n, "setting cron stays disabled after the run, until "+want.text) && strings.Contains(n, "upkeep holds end setting.cron")
		}) {
			t.Errorf("%s: the notes are %q", until, p.Notes)
		}
		if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return plan.Ends(s) == "h1.hold.cron" }) {
			t.Errorf("%s: the plan ends it:\n%s", until, show(p))
		}
	}
}

// Nothing of the run gives a held thing another value, or starts a service that
// is to stay stopped.
func TestNothingOfTheRunEndsALastingHold(t *testing.T) {
	p := compile(t, input(t, with(shop, settings), with(v2,
		`+record: [{record: [cron, theme]}]`, `+after-install: [{hold: {setting: cron}, to: disabled, until: 30d}]`)))
	var r plan.RecordParams
	if err := json.Unmarshal(at(t, p, "h1.re-apply").Params, &r); err != nil || len(r.Settings) != 1 || r.Settings[0].ID != "theme" {
		t.Errorf("applied again: %+v, %v", r.Settings, err)
	}
	p = compile(t, input(t, shop, with(v2, `+start-of-run: [{hold: {service: web}, to: stopped, until: 30d}]`)))
	for _, id := range []string{"stop.web", "h1.start.web"} {
		if _, ok := p.Find(id); ok {
			t.Errorf("the service is to stay stopped, and the plan has %s:\n%s", id, show(p))
		}
	}
}

// Where the run stays at a milestone, only what was held by then stays.
func TestLastingHoldsOfALaterHopAreNoneOfTheLanding(t *testing.T) {
	p := compile(t, input(t, shop, v2, with(v3, `+start: [{hold: {service: web}, to: stopped, until: 30d}]`)))
	landing := ""
	for _, s := range p.Milestones[0].Landing {
		if s.Verb == "verify" {
			landing = string(s.Params)
		}
	}
	if !strings.Contains(landing, `"id":"web"`) {
		t.Errorf("the landing does not verify the service: %s", landing)
	}
	if last := string(at(t, p, "h2.start.web").Params); last == "" {
		t.Error("the service is not started before it is held")
	}
}

func TestLastingHoldsAreRefused(t *testing.T) {
	const byHand = `settings: {lac: {read: {ask: "on?"}, write: {tell: "set it", as: admin}}, cron: {read: {command: [cron, get]}, write: {run: [cron, set, "${value}"]}}}`
	for name, c := range map[string]struct {
		product, release, want string
	}{
		"of a person": {with(shop, byHand), with(v2, `+after-install: [{hold: {setting: lac}, to: fast, until: 30d}]`), "a hold that outlives the run, on a setting that a person reads or sets: not yet"},
		"until somebody is asked": {with(shop, settings), with(v2, `+after-install: [{hold: {setting: cron}, to: fast, until: {ask: "done?"}}]`),
			"nobody is asked after the run"},
		"while another step holds it": {with(shop, settings), with(v2, `+start-of-run: [{hold: {setting: cron}, to: slow, until: verify}]`, `+after-install: [{hold: {setting: cron}, to: fast, until: 30d}]`),
			"setting cron is held by another step at that time"},
		"and then by another step": {with(shop, settings), with(v2, `+after-install: [{hold: {setting: cron}, to: fast, until: 30d}]`, `+re-apply: [{hold: {setting: cron}, to: slow, until: verify}]`),
			"another step holds setting cron for longer than the run"},
		"at two values": {with(shop, settings), with(v2, `+after-install: [{hold: {setting: cron}, to: fast, until: 30d}, {hold: {setting: cron}, to: slow, until: 60d}]`),
			"another step holds setting cron at fast after the run, this one at slow"},
		"of a service that the run has stopped": {shop, with(v2, `+after-install: [{hold: {service: web}, to: stopped, until: 30d}]`),
			"the run itself has stopped service web by then"},
		"never": {shop, with(v2, `+after-install: [{hold: {start-type: monit}, to: disabled, until: never}]`), "which outlives the run: not yet"},
	} {
		_, err := plan.Compile(input(t, c.product, c.release))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Settings get their value back in the version that has held them, services
// when the old version has started.
func TestAReturnEndsWhatTheRunHolds(t *testing.T) {
	in := input(t, with(shop, settings), v2)
	set := plan.HoldParams{Setting: &plan.Setting{ID: "cron"}, To: "disabled", Lasts: &plan.Lasting{For: time.Hour, Text: "1h0m0s after the run"}}
	web := plan.HoldParams{Service: &plan.Service{ID: "web"}, To: "stopped", Lasts: set.Lasts}
	in.Trigger, in.Hops[0].Return = plan.TriggerBack, &plan.ReturnParams{Run: "r7", Point: "r7-origin"}
	in.Hops[0].Ends = []plan.Ending{{HoldParams: set, Run: "r7", Was: "enabled"}, {HoldParams: web, Run: "r7", Was: "running"}}
	p := compile(t, in)
	place := func(id string) int {
		i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.ID == id })
		if i < 0 {
			t.Fatalf("the plan has no %s:\n%s", id, show(p))
		}
		return i
	}
	if !(place("end.cron") < place("h1.return") && place("h1.return") < place("h1.end.web") && place("h1.end.web") < place("h1.milestone")) {
		t.Errorf("the order is another:\n%s", show(p))
	}
	if h := lastsOf(t, p, "end.cron"); h.End != "setting.cron" || h.Of != "r7" {
		t.Errorf("it ends %q of %q", h.End, h.Of)
	}
	if title := at(t, p, "end.cron").Title; title != "end what run r7 holds: setting cron, back to enabled" {
		t.Error(title)
	}
	if _, ok := p.Find("h1.start.web"); ok {
		t.Errorf("two steps start the service:\n%s", show(p))
	}
}

// The rules know a hold of the register that nothing would end.
func TestALastingHoldWithoutAnEndIsRefused(t *testing.T) {
	p := compile(t, input(t, with(shop, settings), with(v2, `+after-install: [{hold: {setting: cron}, to: disabled, until: 30d}]`)))
	s := at(t, p, "h1.hold.cron")
	h := lastsOf(t, p, s.ID)
	h.Lasts = &plan.Lasting{Text: "some time"}
	s.Params, _ = json.Marshal(h)
	if err := plan.Validate(p); err == nil || !strings.Contains(err.Error(), "the hold h1.hold.cron outlives the run and has no end") {
		t.Errorf("it is valid: %v", err)
	}
}
