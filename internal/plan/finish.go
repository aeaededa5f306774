package plan

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// finish reopens after the verified hop i. With a prefix it is the landing of
// a milestone.
func (b *builder) finish(i int, prefix string) {
	h := b.in.Hops[i]
	b.n, b.prefix = 0, prefix
	b.use(h.Product)
	if b.plan.Closed != "stopped" {
		b.barrier(h, i)
	}
	for j := len(b.entered) - 1; j >= 0; j-- {
		b.reopen(b.entered[j], !b.in.First && b.plan.Closed != "stopped" && j == b.lastDown())
	}
	b.phase(manifest.Reopen, h.Release)
	b.phase(manifest.EndOfRun, h.Release)
	b.phase(manifest.Rollout, h.Release)
	b.cleanUp(i)
}

// lastDown is the access mode whose end lets the users in again: modes end
// last first, so it is the outermost that keeps them out.
func (b *builder) lastDown() int {
	for j, e := range b.entered {
		for _, d := range b.drafts {
			if d.ID == e.step && d.Down {
				return j
			}
		}
	}
	// none of them does, so the product itself was stopped: the last to end
	return 0
}

func (b *builder) reopen(e entered, up bool) {
	p := *e.params
	p.Reopen = e.step
	what := "switch " + p.Name() + " off, as it was"
	if p.Gate != nil {
		what = "open the gate: users are in"
	}
	b.add(Step{ID: "reopen." + strings.TrimPrefix(e.step, b.prefix), Verb: "access", Phase: string(manifest.Reopen), As: p.As, Class: Irreversible, Up: up, Redo: true,
		Title: what}, &p)
}

func (b *builder) cleanUp(i int) {
	b.phase(manifest.CleanUp, b.in.Hops[i].Release)
	p := &CleanUpParams{KeepOld: 1, RestoreDir: b.in.Facts.Backup, Repository: RepositoryOf(b.in.Site), Keep: b.in.Site.Backup.Keep.Or()}
	if kept := b.in.Facts.Bundles; kept.Dir != "" {
		p.BundleDir, p.Bundles, p.Earlier = kept.Dir, slices.Clone(kept.Installed), kept.Runs
		for _, h := range b.plan.Hops {
			p.Bundles = append(p.Bundles, h.Bundle)
		}
	}
	for _, in := range b.plan.Instances {
		if in.Gone || in.Added > i+1 {
			p.Gone = append(p.Gone, b.addition(in))
		} else if in.Kind == "tree" && b.selected(in.Unit()) {
			p.Trees = append(p.Trees, in.At)
		} else if in.Kind == "installer" {
			p.Trees = append(p.Trees, b.installerPlace(in.Component))
		}
	}
	b.add(Step{ID: "clean-up", Verb: "clean-up", Phase: string(manifest.CleanUp), Class: Irreversible, Tolerated: true, Redo: true,
		Title: "remove what is no longer needed; the old files stay, and of the restore points " + p.Keep.Stays()}, p)
}

// landings compiles, for every milestone but the last, what staying there
// would do.
func (b *builder) landings() {
	for i := range b.plan.Milestones {
		var list []*draft
		if i < len(b.plan.Milestones)-1 && b.plan.Closed != "stopped" {
			b.into, b.held, b.entered, b.lasts = &list, b.marks[i].held, b.marks[i].entered, b.marks[i].lasts
			b.n, b.prefix, b.landing = i+1, fmt.Sprintf("m%d.", i+1), true
			b.overdue()
			b.toldHere(b.in.Hops[i])
			b.verify(b.in.Hops[i])
			b.finish(i, fmt.Sprintf("m%d.", i+1))
			b.endless()
		}
		b.land = append(b.land, list)
	}
	b.into, b.landing = &b.drafts, false
}

// overdue ends the holds whose end lies in a phase that the landing does not
// pass any more.
func (b *builder) overdue() {
	passed := []manifest.Phase{manifest.Verify, manifest.Reopen, manifest.EndOfRun, manifest.Rollout, manifest.CleanUp}
	for _, h := range slices.Backward(slices.Clone(b.held)) {
		if ph := manifest.Phase(h.until); !slices.Contains(passed, ph) {
			b.release(ph)
		}
	}
}
