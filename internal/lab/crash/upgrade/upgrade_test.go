package upgrade

import (
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

func scenarios() []*Scenario {
	url := manage.Answers{Given: map[string]string{"url": "http://new.example/"}}
	return []*Scenario{
		{Name: "forward", Ends: run.ResultNew, Req: manage.Request{Params: url}},
		{Name: "back", Ends: run.ResultOld, Fails: "3", Req: manage.Request{Params: url}},
		{Name: "gated", Ends: run.ResultNew, Gated: true, Req: manage.Request{To: "2.0"}},
		{Name: "dead", Ends: run.ResultOld, Dies: "web", Req: manage.Request{To: "2.0"}},
		{Name: "quiet", Ends: run.ResultOld, Fails: "quietly 2", Req: manage.Request{To: "2.0"}},
		{Name: "stay", Ends: run.ResultMilestone, Fails: "3", Req: manage.Request{OnFailure: "stay"}},
		{Name: "install", Ends: run.ResultNew, Fresh: true, Req: manage.Request{To: "1.0"}},
		{Name: "no install", Ends: run.ResultOld, Fresh: true, Fails: "1", Req: manage.Request{To: "1.0"}},
		{Name: "return", Ends: run.ResultNew, Return: true},
	}
}

func TestExplore(t *testing.T) {
	lab.Slow(t)
	for _, s := range scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			s.Prepare(t)
			debug.SetGCPercent(400)
			a := time.Now()
			r := s.Explore(1, 0)
			t.Logf("%d operations, %s, %d points, new %d old %d asked %d, bad %d", len(s.ops), time.Since(a), r.Points, r.New, r.Old, r.Asked, len(r.Bad))
			for _, b := range r.Bad {
				t.Log(b)
			}
		})
	}
}

func TestMutants(t *testing.T) {
	lab.Slow(t)
	all := scenarios()
	sites := map[string]bool{}
	for _, s := range all {
		s.Prepare(t)
		for _, op := range s.ops {
			if op.Site != "" && !strings.HasPrefix(op.Site, "internal/lab/") {
				sites[op.Site] = true
			}
		}
	}
	debug.SetGCPercent(400)
	mutants := Transitions()
	if os.Getenv("SITES") != "" {
		for _, site := range slices.Sorted(maps.Keys(sites)) {
			mutants = append(mutants, Omit(site), Lazy(site))
		}
	}
	caught := 0
	for _, m := range mutants {
		a := time.Now()
		if w := os.Getenv("ONLY"); w != "" && !strings.Contains(m.Name, w) {
			continue
		}
		how := ""
		for _, budget := range []int{0, 40} {
			for _, s := range all {
				if how == "" {
					how = s.Catch(m, 1, budget)
				}
			}
		}
		if how != "" {
			caught++
		}
		t.Logf("%s: %.1fs %s", m.Name, time.Since(a).Seconds(), how)
	}
	t.Logf("%d of %d", caught, len(mutants))
}
