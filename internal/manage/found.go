package manage

import (
	"context"
	"slices"

	"upkeep/internal/journal"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// maxLooks bounds how many runs are gone through for how a version is read.
const maxLooks = 20

// found reads the versions that files tell: the record is only a cache, and
// others may have changed the product since. It runs nothing of the product and
// asks it nothing. What cannot be read has no entry, and a file that is gone
// the empty version. Where a unit lies, the latest plans say.
func (in *Installation) found(ctx context.Context, j *sqlite.Journal, rows []journal.Run, record []journal.Installed) (versions, places map[string]string) {
	probes, places := map[string]plan.Probe{}, map[string]string{}
	told := map[string]bool{} // units of which a plan, the latest that is about them, tells whether and where their version is read
	for i, row := range rows {
		if i == maxLooks || !slices.ContainsFunc(record, func(r journal.Installed) bool { return !told[plan.UnitID(r.Component, r.Instance)] }) {
			break
		}
		p, err := j.Plan(ctx, row.Plan)
		if err != nil {
			continue
		}
		for _, x := range p.Instances {
			if places[x.Unit()] == "" && x.At != "" {
				places[x.Unit()] = x.At
			}
		}
		verified := map[string]plan.Probe{}
		for _, s := range p.Steps {
			if s.Verb != "verify" {
				continue
			}
			v, err := step.Params[plan.VerifyParams](s)
			if err != nil {
				continue
			}
			for _, c := range v.Versions {
				if id := plan.UnitID(c.Component, c.Instance); verified[id].Source != "file" {
					verified[id] = c.Probe
				}
			}
		}
		for id, pr := range verified {
			if pr.Source == "file" && !told[id] {
				probes[id] = pr
			}
			told[id] = true
		}
		for _, x := range p.Instances { // of those that it verifies, the others tell no version
			if len(verified) > 0 && (len(p.Units) == 0 || slices.Contains(p.Units, x.Unit())) {
				told[x.Unit()] = true
			}
		}
	}
	out := map[string]string{}
	for _, r := range record {
		id := plan.UnitID(r.Component, r.Instance)
		pr, ok := probes[id]
		if !ok {
			continue
		}
		pr.Expect, pr.As = nil, ""
		if v, err := in.probes.Read(ctx, pr); err == nil {
			out[id] = v.Text
		}
	}
	return out, places
}
