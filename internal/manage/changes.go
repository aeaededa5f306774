package manage

// Since lists what stands otherwise than in an earlier report: findings that are
// new, that hold now or no longer, or whose waiver has come or gone. A value that
// only moves (room on a volume) is no change. What was wrong and is not spoken of
// any more comes as a finding that holds.
func (r Readiness) Since(before Readiness) []Finding {
	many := map[string]bool{} // ids that stand for several findings, told apart by their evidence
	for _, list := range [...][]Finding{before.Findings, r.Findings} {
		seen := map[string]bool{}
		for _, f := range list {
			many[f.ID+" "+f.Release] = many[f.ID+" "+f.Release] || seen[f.ID+" "+f.Release] || f.Release == ""
			seen[f.ID+" "+f.Release] = true
		}
	}
	name := func(f Finding) string {
		if id := f.ID + " " + f.Release; !many[id] {
			return id
		}
		return f.ID + " " + f.Release + " " + f.Evidence
	}
	type standing struct {
		OK, unread bool
		level      string
		waived     string
	}
	of := func(f Finding) standing { return standing{f.OK, f.Error != "", f.Level, f.Waived} }
	was, is := map[string]Finding{}, map[string]bool{}
	for _, f := range before.Findings {
		was[name(f)] = f
	}
	var out []Finding
	for _, f := range r.Findings {
		is[name(f)] = true
		if old, ok := was[name(f)]; !ok && !f.OK || ok && of(old) != of(f) {
			out = append(out, f)
		}
	}
	for _, f := range before.Findings {
		if !f.OK && !is[name(f)] {
			out = append(out, Finding{ID: f.ID, Level: f.Level, OK: true, Release: f.Release, Evidence: "no longer: " + f.Evidence + f.Error})
		}
	}
	return out
}
