package plan

import (
	"fmt"
	"maps"
	"slices"

	"upkeep/internal/manifest"
)

// Waivers gives the waivers that count on the way, by check. What is waived here
// and not accepted by the vendor is refused; what stands in the installation
// document and is without an effect on this way is a remark: it may be for
// another release.
func Waivers(in Input) (counting map[string]string, remarks, refused []string) {
	counting = map[string]string{}
	checks, known := map[string][]waived{}, []string{"backup"}
	for i, h := range in.Hops {
		applies := Applying(in, i)
		for _, c := range h.Release.Checks {
			known = append(known, c.ID)
			if _, site := in.Site.Waivers[c.ID]; site || in.Waivers[c.ID] != "" {
				checks[c.ID] = append(checks[c.ID], waived{c, h.Release.Version, applies(c)})
			}
		}
	}
	to := in.Hops[len(in.Hops)-1].Release.Version
	for _, id := range slices.Sorted(maps.Keys(in.Site.Waivers)) {
		w := in.Site.Waivers[id]
		if _, again := in.Waivers[id]; again || !w.Counts(in.Facts.Today) {
			continue
		}
		remark, bad := inVain(id, to, checks[id], known)
		switch {
		case remark != "":
			remarks = append(remarks, fmt.Sprintf("%s: the waiver by %s has no effect: %s", w.Pos, w.By, remark))
		case bad != "":
			refused = append(refused, fmt.Sprintf("%s: %s; take the waiver out", w.Pos, bad))
		default:
			counting[id] = w.String()
		}
	}
	for _, id := range slices.Sorted(maps.Keys(in.Waivers)) {
		remark, bad := inVain(id, to, checks[id], known)
		switch {
		case remark != "" && len(checks[id]) == 0:
			refused = append(refused, remark)
		case remark != "":
			remarks = append(remarks, "the waiver has no effect: "+remark)
		case bad != "":
			refused = append(refused, bad)
		default:
			counting[id] = in.Waivers[id]
		}
	}
	return counting, remarks, refused
}

// waived is a check that somebody waives.
type waived struct {
	manifest.Check
	release string
	applies bool
}

// inVain says why a waiver has nothing to waive, or is not allowed.
func inVain(id, to string, checks []waived, known []string) (remark, refused string) {
	if len(checks) == 0 && id != "backup" {
		remark = fmt.Sprintf("there is no check %q to be waived on the way to %s", id, to)
		if hint := manifest.Meant(id, known); hint != "" {
			remark += ": " + hint
		}
		return remark, ""
	}
	stops := id == "backup"
	for _, c := range checks {
		switch {
		case c.Level != "" && c.Level != "blocker":
			remark = fmt.Sprintf("check %s is no blocker, but a %s", id, c.Level)
		case !c.applies:
			remark = fmt.Sprintf("check %s does not concern this upgrade", id)
		case !c.Waivable:
			return "", fmt.Sprintf("check %s cannot be waived: the vendor does not allow it in %s", id, c.release)
		default:
			stops = true
		}
	}
	if stops {
		remark = ""
	}
	return remark, ""
}
