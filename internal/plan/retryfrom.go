package plan

import (
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// retried says that the release has a step that is retried from an earlier one.
func (b *builder) retried() bool {
	var any func(steps []manifest.Step) bool
	any = func(steps []manifest.Step) bool {
		return slices.ContainsFunc(steps, func(s manifest.Step) bool { return s.RetryFrom != "" || any(s.During) })
	}
	return len(b.in.Hops) == 1 && slices.ContainsFunc(manifest.Phases(), func(ph manifest.Phase) bool {
		return any(b.first().Release.Procedure.Phases[ph].Steps)
	})
}

// retryFrom resolves from where steps are retried. The restore point is kept and
// the product stays closed: whatever lies before the point from which data are
// restored is not done again.
func (b *builder) retryFrom() {
	barrier := slices.IndexFunc(b.drafts, func(d *draft) bool { return d.Verb == VerbBarrier })
	for i, d := range b.drafts {
		if d.from == "" {
			continue
		}
		if len(b.in.Hops) > 1 {
			b.noteOnce("%s is not retried from %s on a way with several hops: what fails goes back", d.ID, d.from)
			continue
		}
		if barrier >= 0 && i > barrier {
			b.refuse("step %s has retry-from: %s, and lies behind the barrier, where nothing is taken back: use retry", d.ID, d.from)
			continue
		}
		at := b.find(d.from)
		anchor := slices.IndexFunc(b.drafts, func(x *draft) bool { return x.Verb == "restore" || x.Restores && strings.HasPrefix(x.ID, "restore.") })
		switch {
		case at < 0:
			b.refuse("step %s has retry-from: %s, which is no step or phase of this upgrade", d.ID, d.from)
			continue
		case at >= i:
			b.refuse("step %s has retry-from: %s, which does not come before it", d.ID, d.from)
			continue
		case at < anchor:
			at = anchor
		}
		writes := slices.ContainsFunc(b.drafts[at:i+1], func(x *draft) bool { return x.Writes })
		if at > i || anchor < 0 || writes && at > anchor {
			b.refuse("step %s has retry-from: %s, and what lies between changes data that are restored further back: say retry-from: stop", d.ID, d.from)
			continue
		}
		d.RetryFrom = b.drafts[at].ID
		b.note("if %s fails, what was done since %s is taken back, and done once more; the restore point is kept", d.ID, d.from)
	}
}

// find gives the place of the step that a document names by its id, with or
// without its hop, by what it installs or migrates, or by its phase; -1 where
// there is none.
func (b *builder) find(name string) int {
	return slices.IndexFunc(b.drafts, func(d *draft) bool {
		_, bare, _ := strings.Cut(d.ID, ".")
		return d.ID == name || d.Hop > 0 && (bare == name || bare == "install."+name || bare == "migrate."+name) || d.Phase == name
	})
}
