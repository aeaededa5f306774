package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/drift"
	"upkeep/internal/manifest"
)

// ReviewDir is where in the state folder the site's own scripts are kept, each
// under its SHA-256.
const ReviewDir = "review"

// Verdict is what the site decides of a script of the vendor.
type Verdict string

// A script is carried out as the vendor wrote it, as the site has edited it, or
// not at all: what it does was done by hand.
const (
	Approved Verdict = "approve"
	Edited   Verdict = "edit"
	DoneBy   Verdict = "done"
)

// Decision is a verdict with who gave it.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	By      string  `json:"by"`
	At      string  `json:"at"` // RFC 3339, UTC
	Note    string  `json:"note,omitempty"`
	SHA256  string  `json:"sha256,omitempty"` // edit: of the site's own content
	Diff    string  `json:"diff,omitempty"`   // edit: the vendor's content against it, without what looks like secrets
}

// ReviewFact is what is known of a script before the plan is made.
type ReviewFact struct {
	Touches  []string  // the customised objects that it mentions
	Decision *Decision // nil: none that counts
	Stale    string    // why an earlier decision does not count
}

// ReviewKey is under which a script stands in Input.Reviews: one that a later
// release brings unchanged is the same one.
func ReviewKey(unit string, s Script) string {
	return unit + "\n" + s.Name + "\n" + strings.ToLower(s.SHA256)
}

// Reviewed is a script that must be reviewed, since the database that it is for
// is customised, with what was decided.
type Reviewed struct {
	Unit     string    `json:"unit"`
	Release  string    `json:"release"` // that brings it
	Hop      int       `json:"hop"`     // from 1
	Script   string    `json:"script"`  // path in the bundle
	SHA256   string    `json:"sha256"`
	Touches  []string  `json:"touches,omitempty"`
	Decision *Decision `json:"decision,omitempty"` // nil: it is open
	Stale    string    `json:"stale,omitempty"`
}

// Unreviewed lists the scripts that nobody has decided yet, in order.
func Unreviewed(all []Reviewed) []Reviewed {
	return slices.DeleteFunc(slices.Clone(all), func(r Reviewed) bool { return r.Decision != nil })
}

// demands says whether a component demands a review on this way. Where the
// condition cannot be told it does: what is not known is not taken for none.
func (b *builder) demands(c manifest.Component, h HopInput) bool {
	if c.Review == nil || b.in.First || h.Return != nil {
		return false
	}
	holds, err := b.when(c.Review, h)
	return err != nil || holds
}

// reviewed gives the scripts of a unit with what was decided of each, and lists
// them for the review. What its database has had already is not asked about.
func (b *builder) reviewed(unit string, c manifest.Component, h HopInput, scripts []Script) []Script {
	if !b.demands(c, h) {
		return scripts
	}
	out := slices.Clone(scripts)
	for i, s := range out {
		if _, had := b.in.Facts.Applied[unit][s.Name]; had {
			continue
		}
		fact := b.in.Reviews[ReviewKey(unit, s)]
		out[i].Review = fact.Decision
		if slices.ContainsFunc(b.plan.Reviews, func(r Reviewed) bool { return r.Unit == unit && r.Script == s.Name && r.SHA256 == s.SHA256 }) {
			continue
		}
		b.plan.Reviews = append(b.plan.Reviews, Reviewed{Unit: unit, Release: h.Release.Version, Hop: 1 + slices.IndexFunc(b.in.Hops, func(x HopInput) bool { return x.Release == h.Release }),
			Script: s.Name, SHA256: s.SHA256, Touches: fact.Touches, Decision: fact.Decision, Stale: fact.Stale})
	}
	return out
}

// decidedWords says in a step's title what is not as the vendor has it.
func decidedWords(scripts []Script) string {
	edited, done := 0, 0
	for _, s := range scripts {
		switch {
		case s.Review == nil:
		case s.Review.Verdict == Edited:
			edited++
		case s.Review.Verdict == DoneBy:
			done++
		}
	}
	text := ""
	if edited > 0 {
		text += fmt.Sprintf(", %d edited by the site", edited)
	}
	if done > 0 {
		text += fmt.Sprintf(", %d done by hand", done)
	}
	return text
}

// unreviewable refuses a migration of a customised database by something that
// nobody can look at beforehand.
func (b *builder) unreviewable(unit string, c manifest.Component, h HopInput, by string) {
	if b.demands(c, h) {
		b.check(&NotYetError{What: fmt.Sprintf("the review that component %s demands here, of a migration by %s: what it would do to the database cannot be shown beforehand (%s)", unit, by, b.why(unit, c, h)), Where: c.Pos})
	}
}

// why says in short why a review is demanded.
func (b *builder) why(unit string, c manifest.Component, h HopInput) string {
	found, known := b.in.Facts.Customised[unit]
	switch {
	case known && found.Unknown != "":
		return "whether it is customised is not known: " + found.Unknown
	case known && len(found.Differences) > 0:
		return fmt.Sprintf("%s from %s", count(len(found.Differences), "object differs", "objects differ"), found.Standard)
	}
	if _, err := b.when(c.Review, h); err != nil {
		return err.Error()
	}
	return "its vendor demands it here"
}

// refuseUnreviewed refuses the plan until every script is decided.
func (b *builder) refuseUnreviewed() {
	open := Unreviewed(b.plan.Reviews)
	for _, unit := range unitsOf(open) {
		all, left := 0, 0
		var h HopInput
		for _, r := range b.plan.Reviews {
			if r.Unit == unit {
				all++
				if r.Decision == nil {
					left++
					h = b.in.Hops[r.Hop-1]
				}
			}
		}
		b.use(h.Product)
		c := b.res.Product.Components[unit]
		b.refuse("the database %s is not migrated automatically: %s, and what the scripts of the release do to it cannot be known. %s of %d to be looked at and decided, one by one",
			unit, b.why(unit, c, h), count(left, "script is left", "scripts are left"), all)
		b.scripts = append(b.scripts, b.reasons[len(b.reasons)-1])
	}
	b.use(b.in.Installed)
}

// customised gives what is customised in the databases whose review is not
// complete.
func (b *builder) customised() map[string]drift.Comparison {
	out := map[string]drift.Comparison{}
	for _, unit := range unitsOf(Unreviewed(b.plan.Reviews)) {
		if c, known := b.in.Facts.Customised[unit]; known {
			out[unit] = c
		}
	}
	return out
}

func unitsOf(all []Reviewed) []string {
	units := map[string]bool{}
	for _, r := range all {
		units[r.Unit] = true
	}
	return slices.Sorted(maps.Keys(units))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
