package engine

import (
	"slices"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// closing is what the projection takes up when the run ends as decided.
func closing(s *run.State, a run.Action) journal.Closing {
	c := journal.Closing{Body: run.Closed{Result: a.Result, Version: a.Version}, Outage: s.Outage(time.Now())}
	if a.Result == run.ResultOld {
		return c
	}
	c.Body.Work = s.Work()
	hop := len(s.Plan.Hops)
	if a.Result == run.ResultMilestone {
		hop = s.BackTo
	}
	for _, in := range s.Plan.Instances {
		if in.Gone || in.Added > hop {
			c.Gone = append(c.Gone, in.Component)
			continue
		}
		r := journal.Installed{Component: in.Component, Instance: in.ID, Version: in.Versions[hop-1], Release: s.Plan.Hops[hop-1].To, Bundle: s.Plan.Hops[hop-1].Bundle}
		if len(s.Plan.Units) > 0 && !slices.Contains(s.Plan.Units, in.Unit()) {
			r.Release, r.Bundle = "", "" // it was left alone
			if in.Kind == "tree" {
				r.Release = in.From
			}
		}
		c.Record = append(c.Record, r)
	}
	c.Once, c.Forget = s.Once(), takenBack(s)
	return c
}

// takenBack gives the earlier runs that this one has taken back.
func takenBack(s *run.State) []string {
	var out []string
	for _, st := range s.Plan.Steps {
		if st.Verb != "return" || s.Step(st.ID).Status != run.Done {
			continue
		}
		if p, err := step.Params[plan.ReturnParams](st); err == nil {
			out = append(out, p.Run)
		}
	}
	return out
}
