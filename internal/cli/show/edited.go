package show

import (
	"fmt"

	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// editedFiles says, once the new version is there, which configuration files
// of packages the site had edited and where the one lies that was not taken.
// The log has the differences.
func editedFiles(o Outcome) []string {
	if c := o.State.Closed; c == nil || c.Result != run.ResultNew && c.Result != run.ResultMilestone {
		return nil
	}
	var out []string
	for _, s := range o.Plan.Steps {
		if s.Verb != "packages" || o.State.Steps[s.ID] == nil {
			continue
		}
		p, err := step.Params[plan.PackageParams](s)
		if err != nil {
			continue // the run has read them
		}
		for _, e := range p.Edited {
			taken := "the new version's is in place"
			if p.Policy != "take-new" {
				taken = "the site's stays"
			}
			out = append(out, fmt.Sprintf("%s: %s, the other one is %s", e.Path, taken, e.Beside(p.Policy)))
		}
	}
	return out
}
