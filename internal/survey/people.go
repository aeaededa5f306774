package survey

import (
	"context"
	"fmt"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
)

// proofs reads what must prove the tasks that people do before the run.
func (s *Surveyor) proofs(ctx context.Context, r *plan.Resolver, rel *manifest.Release, f *plan.Facts) {
	for _, st := range rel.Procedure.Phases[manifest.Prepare].Steps {
		if st.Verb != "tell" {
			continue
		}
		for _, v := range st.Verify {
			if why := s.unproven(ctx, r, v); why != "" {
				f.Proofs[plan.TaskKey(st.Tell)] = why
				break
			}
		}
	}
}

func (s *Surveyor) unproven(ctx context.Context, r *plan.Resolver, v manifest.Probe) string {
	res, _ := s.check(ctx, r, manifest.Check{Probe: v})
	switch {
	case res.Error != "":
		return res.Error
	case !res.OK:
		return res.Text()
	}
	return ""
}

// maxFindings bounds what people can be asked to acknowledge one by one.
const maxFindings = 500

// findings are the lines of a value, each to be acknowledged for itself; what
// is more than anybody reads is the last one.
func findings(v probe.Value) []string {
	var out []string
	more := 0
	for l := range strings.Lines(v.Text) {
		switch l = strings.TrimSpace(l); {
		case l == "":
		case len(out) == maxFindings:
			more++
		default:
			out = append(out, strings.Clone(l)) // a part of the value would keep all of it in memory
		}
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d findings more", more))
	}
	return out
}

// settings reads the values that people set, so that the plan says what they
// are set back to. What cannot be read is left out, and the plan says so where
// it needs it.
func (s *Surveyor) settings(ctx context.Context, r *plan.Resolver, f *plan.Facts) {
	for id, set := range r.Product.Settings {
		if set.Write.Verb != "tell" || set.Read.Source == "ask" {
			continue
		}
		if v, err := s.read(ctx, r, set.Read); err == nil && v != "" {
			f.Settings[id] = v
		}
	}
}
