package plan_test

import (
	"strings"
	"testing"

	"upkeep/internal/plan"
)

// routes has every hop take the first route of its release.
func routes(in *plan.Input) {
	for i := range in.Hops {
		in.Hops[i].Route = &in.Hops[i].Release.Routes[0]
	}
}

const (
	asked  = `settings: {lac: {read: {ask: "Legacy agents: enabled or disabled?"}, write: {run: [lac, "${value}"]}}}`
	byHand = `settings: {lac: {read: {ask: "Legacy agents: enabled or disabled?"}, write: {tell: "Set legacy agents to ${value}"}}, policy: {read: {file: /srv/policy}, write: {tell: Set the policy}}}`
)

func routeGoldens() []golden {
	return []golden{
		{"settings that the way asks for", with(shop, settings), []string{
			with(v2, `routes: [{from: ">= 1.0", settings: {cron: enabled}}]`),
			with(v3, `routes: [{from: ">= 2.0", settings: {cron: keep, theme: keep}}]`)}, routes},
		{"a route's value instead of the recorded one", with(shop, settings), []string{
			with(v2, `routes: [{from: ">= 1.0", settings: {cron: enabled, theme: keep}}]`, `+record: [{record: [cron, theme]}]`)}, routes},
		{"settings of the way that people set", with(shop, byHand), []string{
			with(v2, `routes: [{from: ">= 1.0", settings: {policy: strict}}]`),
			with(v3, `routes: [{from: ">= 2.0", settings: {lac: enabled, policy: strict}}]`)}, routes},
	}
}

// Only the route that is taken counts.
func TestOtherRoutesDoNotCount(t *testing.T) {
	in := input(t, with(shop, settings), with(v2, `routes: [{from: "0.9", settings: {cron: enabled}}, {from: "1.0"}]`))
	in.Hops[0].Route = &in.Hops[0].Release.Routes[1]
	if text := show(compile(t, in)); strings.Contains(text, "settings") {
		t.Errorf("the plan sets what another route asks for:\n%s", text)
	}
}

// A value that the route wants is put back on the way back; one that is kept is
// applied again from the hop on that keeps it.
func TestWhatTheRouteWants(t *testing.T) {
	in := input(t, with(shop, settings), with(v2, `routes: [{from: ">= 1.0", settings: {cron: enabled}}]`), with(v3, `routes: [{from: ">= 2.0", settings: {theme: keep}}]`))
	routes(&in)
	p := compile(t, in)
	var titles []string
	for _, s := range p.Steps {
		if s.Verb == "record" {
			titles = append(titles, s.ID+": "+s.Title+" / "+s.Back)
		}
	}
	want := strings.Join([]string{
		"record: record settings: theme / compare the settings with those recorded",
		"h1.settings: set what coming from >= 1.0 requires, where it reads otherwise: cron = enabled / set the settings back to what they read before",
		"h2.re-apply: compare 1 settings with those recorded, and apply them again where they differ / compare the settings with those recorded",
	}, "\n")
	if got := strings.Join(titles, "\n"); got != want {
		t.Errorf("the steps are\n%s\nwant\n%s", got, want)
	}
	if got := p.Hops[0].Settings["cron"]; got != "enabled" {
		t.Errorf("the first hop says %q", got)
	}
}
