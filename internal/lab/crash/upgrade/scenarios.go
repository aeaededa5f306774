package upgrade

import (
	"testing"

	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// scenarios are tried by every test of the harness.
func scenarios() []*Scenario {
	url := manage.Answers{Given: map[string]string{"url": "http://new.example/"}}
	return []*Scenario{
		{Name: "install", Ends: run.ResultNew, Fresh: true, Req: manage.Request{To: "1.0"}},
		{Name: "no install", Ends: run.ResultOld, Fresh: true, Fails: "1", Req: manage.Request{To: "1.0"}},
		{Name: "forward", Ends: run.ResultNew, Req: manage.Request{Params: url}},
		{Name: "back", Ends: run.ResultOld, Fails: "3", Req: manage.Request{Params: url}},
		{Name: "added", Ends: run.ResultNew, Req: manage.Request{To: "2.0", Choose: []string{"more"}}},
		{Name: "not added", Ends: run.ResultOld, Fails: "2", Req: manage.Request{To: "2.0", Choose: []string{"more"}}},
		{Name: "stay", Ends: run.ResultMilestone, Fails: "3", Req: manage.Request{OnFailure: "stay", Choose: []string{"more"}}},
		{Name: "gated", Ends: run.ResultNew, Gated: true, Req: manage.Request{To: "2.0"}},
		{Name: "quiet", Ends: run.ResultOld, Fails: "quietly 2", Req: manage.Request{To: "2.0"}},
		{Name: "again", Ends: run.ResultNew, Again: true, Fails: "once 2", Req: manage.Request{To: "2.0"}},
		{Name: "again in vain", Ends: run.ResultOld, Again: true, Fails: "2", Req: manage.Request{To: "2.0"}},
		{Name: "return", Ends: run.ResultNew, Return: true, Req: manage.Request{Choose: []string{"more"}}},
		{Name: "no return", Ends: run.ResultOld, Return: true, Dies: "web", Req: manage.Request{To: "2.0", Choose: []string{"more"}}},
	}
}

// dead has a service that ends before it is verified. After a boot it runs
// again, so that what it ends in is no matter of the crash.
func dead() *Scenario {
	return &Scenario{Name: "dead", Ends: run.ResultOld, Dies: "web", Req: manage.Request{To: "2.0"}}
}

// Reached gives the calls of durable that the scenarios make undisturbed: each
// is a mutant here. Others are for the harness of the real binary.
func Reached(t testing.TB) map[string]bool {
	t.Helper()
	return reach(t, append(scenarios(), dead()))
}

// reach prepares the scenarios.
func reach(t testing.TB, all []*Scenario) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, s := range all {
		s.Prepare(t)
		for _, op := range s.ops {
			out[op.Site] = true
		}
	}
	return out
}
