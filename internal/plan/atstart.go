package plan

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// atStart lists the components that the product's start migrates on the hop.
// A run that takes an earlier one back migrates nothing: the data are put back
// as the version that is started left them.
func atStart(h HopInput) []string {
	var out []string
	if h.Return != nil {
		return nil
	}
	for _, id := range h.Product.Order {
		if h.Product.Components[id].Migrates != "" {
			out = append(out, id)
		}
	}
	return out
}

// refuseAtStart refuses a product that migrates when it starts where nothing
// would show whether it did: a version that answers proves nothing, since the
// old one answers on migrated data too.
func (b *builder) refuseAtStart(id string, c manifest.Component, h HopInput) {
	v := h.Release.Version
	switch _, shipped := h.payload(id); {
	case ComponentOf(id) != id:
		b.check(&NotYetError{What: fmt.Sprintf("component %s, which migrates when the product starts, in instances of its own", ComponentOf(id)), Where: c.Pos})
		return
	case shipped:
		b.refuse("component %s migrates when the product starts (migrates: at-start at %s), and %s brings its files: say it of the data that are migrated, not of the program", id, c.Pos, v)
		return
	case c.Kind != "sqlite" && !onServer(c.Kind) && c.Kind != "tree":
		b.refuse("component %s at %s: migrates: at-start is for data: a database, or a tree that no release brings", id, c.Pos)
		return
	case c.Version == nil:
		b.refuse("component %s at %s migrates when the product starts: give it version: PROBE, so that it can be read back whether it did", id, c.Pos)
		return
	case wantVersion(h, id, c.Kind) == "":
		b.refuse("component %s migrates when the product starts: release %s must say under versions which version it reads then, for a product that answers proves nothing", id, v)
	}
	if len(h.Product.Services) == 0 {
		b.refuse("component %s migrates when the product starts, and no service starts it", id)
	} else if b.stopped() {
		b.refuse("component %s migrates when the product starts, and none of the product's services runs: start the product first, for what was stopped stays stopped", id)
	}
}

// migrating makes a step that starts a service the step that migrates: it has
// a migration's time, the handler is told what is migrated, and is never
// started again blindly. Behind the barrier the plan says what that means.
func (b *builder) migrating(s *Step, p *ServiceParams) {
	if b.n < 1 {
		return // the version that is installed, which has nothing to migrate
	}
	h := b.in.Hops[b.n-1]
	ids := atStart(h)
	if len(ids) == 0 {
		return
	}
	for _, id := range ids {
		c := b.res.Product.Components[id]
		want := h.Release.Versions[id]
		if c.Version == nil || want == "" {
			return // refused
		}
		pr, err := b.res.Probe(*c.Version)
		if !b.check(err) {
			return
		}
		p.Migrates = append(p.Migrates, VersionCheck{Component: id, Probe: *pr, Want: want})
	}
	s.Writes, p.First = true, b.in.First
	if s.Deadline = deadline("migrate"); b.in.Site.Limits["migrate"] > 0 {
		s.Deadline = b.in.Site.Limits["migrate"]
	}
	s.Title += "; it migrates " + strings.Join(ids, " and ") + " for " + h.Release.Version
	if !b.after() {
		s.Undo = "restore"
	}
}

// openly says what it means that users cannot be kept out of a product that
// migrates when it starts.
func (b *builder) openly() {
	for _, h := range b.in.Hops {
		ids := atStart(h)
		if len(ids) == 0 {
			continue
		}
		b.note("%s migrates %s when it starts, which is behind the barrier here: a migration that fails is not put back by itself. The restore point has the data of before it: then say upkeep decide RUN skip, and upkeep back",
			h.Release.Version, strings.Join(ids, " and "))
		if len(b.in.Hops) > 1 {
			b.refuse("%s migrates %s when it starts, and users would reach it before it is verified: several hops in one closed run need the gate or a maintenance mode. Run Upkeep as root, or upgrade to %s first with --to %s",
				h.Release.Version, strings.Join(ids, " and "), b.in.Hops[0].Release.Version, b.in.Hops[0].Release.Version)
		}
	}
}

// firstStart says that no earlier step of the hop starts a service: the first
// one migrates, the others find nothing left to do.
func firstStart(p *Plan, s Step) bool {
	i := slices.IndexFunc(p.Steps, func(o Step) bool { return o.Verb == "start" && o.Hop == s.Hop })
	return i >= 0 && p.Steps[i].ID == s.ID
}
