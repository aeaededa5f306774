package manifest

import (
	"slices"

	"upkeep/internal/document"
)

// collectIDs finds the ids of the procedure's steps, and those given twice.
func (l *linter) collectIDs() {
	w := walker{text: func(document.Pos, string, use) {}, probe: func(Probe) {}, when: func(When) {}, step: func(s Step, where place) {
		if s.ID == "" || where.phase == "" {
			return
		}
		if first, twice := l.ids[s.ID]; twice {
			l.errorf(s.Pos, "duplicate-id", "", "two steps are called %q; the first stands in line %d", s.ID, first.Line)
			return
		}
		l.ids[s.ID] = s.Pos
	}}
	w.release(l.r)
}

func (l *linter) release() {
	r := l.r
	if l.p != nil && r.Product != l.p.ID {
		l.errorf(r.Pos, "other-product", "", "the release is of product %q, but the product document is of %q", r.Product, l.p.ID)
	}
	l.version(r.Pos, "the release", r.Version)
	for _, route := range r.Routes {
		l.route(route)
	}
	for _, b := range r.Blocked {
		l.block(b)
	}
	l.fixOf(r.Fix)
	seen := map[string]bool{}
	for _, c := range r.Checks {
		if seen[c.ID] {
			l.errorf(c.Pos, "duplicate-id", "", "two checks are called %q", c.ID)
		}
		seen[c.ID] = true
		l.check(c)
	}
	for _, phase := range Phases() {
		if steps := r.Procedure.Phases[phase]; steps.None && slices.Contains(needed[:], phase) {
			l.errorf(steps.Pos, "needed-phase", "remove the line", "the phase %s cannot be left out", phase)
		}
	}
	if l.p == nil {
		return
	}
	declared := sorted(l.p.Components)
	l.atStart()
	for _, id := range sorted(r.Payloads) {
		l.known(r.Places.Of("payloads."+id, r.Pos), "unknown-component", "component", id, declared)
	}
	for _, id := range sorted(r.Versions) {
		at := r.Places.Of("versions."+id, r.Pos)
		if l.known(at, "unknown-component", "component", id, declared) && l.p.Components[id].Version == nil {
			l.errorf(at, "unreadable-version", "give the component version: PROBE, or remove it from versions",
				"the release says a version of %s, but nothing says how to read it back", id)
		}
	}
}

// atStart checks what the product's start migrates: that can only be read back,
// for a product that answers proves nothing.
func (l *linter) atStart() {
	for _, id := range sorted(l.p.Components) {
		c := l.p.Components[id]
		_, shipped := l.r.Payloads[id]
		switch {
		case c.Migrates == "":
		case shipped || !c.Data() && c.Kind != "tree":
			l.errorf(c.Pos, "migrates-no-data", "say it of the data: a database, or a tree that no release brings", "component %s is not what the start migrates", id)
		case c.Version == nil || l.r.Versions[id] == "":
			l.errorf(c.Pos, "migrates-unread", "give the component version: PROBE, and the release versions: {"+id+": VERSION}",
				"component %s migrates when the product starts, and nothing says which version it reads then", id)
		}
	}
}

// needed are the phases whose default steps a promise rests on.
var needed = [...]Phase{BackupPhase, Verify, Reopen}

// version checks a version of the product.
func (l *linter) version(at document.Pos, what, v string) {
	if l.order.IsZero() || v == "" {
		return
	}
	if err := l.order.Valid(v); err != nil {
		l.errorf(at, "bad-version", "", "%s: %s", what, err)
	}
}

func (l *linter) check(c Check) {
	level := c.Level
	if level == "" {
		level = "blocker"
	}
	switch {
	case c.Waivable && level != "blocker":
		l.errorf(c.Pos, "contradictory-level", "remove waivable, or make it a blocker", "check %s is a %s: there is nothing to waive", c.ID, level)
	case c.Acknowledge != "" && level == "blocker":
		l.errorf(c.Pos, "contradictory-level", "make it a warning, or remove acknowledge", "check %s is a blocker: it cannot be acknowledged away", c.ID)
	case c.Announce != "" && c.Probe.Expect.AnyOf == nil:
		l.errorf(c.Pos, "contradiction", "give the probe an expect", "check %s announces a requirement and has none today", c.ID)
	}
	l.roles(c.Pos, c.Role...)
}

// beforeBackup says whether a phase comes before there is a restore point.
func beforeBackup(phase Phase) bool {
	i := slices.Index(Phases(), phase)
	return i >= 0 && i < slices.Index(Phases(), BackupPhase)
}

// beforeBarrier says whether a phase comes before the point of no return.
func beforeBarrier(phase Phase) bool {
	i := slices.Index(Phases(), phase)
	return i >= 0 && i <= slices.Index(Phases(), Verify)
}
