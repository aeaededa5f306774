package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// backupPhase makes the restore point of the origin. It can be restored from
// there on, or only from the anchor that follows.
func (b *builder) backupPhase(restorable bool) {
	b.opening(manifest.BeforeBackup)
	if bp := b.backupParams("origin", b.in.From, b.first()); bp != nil {
		title := fmt.Sprintf("make the restore point of %s (%s), read it back and compare", b.in.From, strings.Join(bp.parts(), ", "))
		for _, s := range b.first().Release.Procedure.Phases[manifest.BackupPhase].Steps {
			if s.Verb == "backup" && !strings.Contains(title, s.Reference) {
				title = withReference(title, s)
			}
		}
		b.add(Step{ID: "backup", Verb: "backup", Phase: string(manifest.BackupPhase), Class: Reversible, Title: title}, bp)
	}
	b.tellBackups(b.first(), true, restorable)
	b.copied = b.copied || restorable
	b.opening(manifest.BackupPhase)
	b.opening(manifest.AfterBackup)
}

// anchor marks the point from which the way back restores, where the restore
// point was made before the stop: data is put back only while nothing of the
// product runs.
func (b *builder) anchor() {
	bp := b.backupParams("origin", b.in.From, b.first())
	b.tellBackups(b.first(), false, true)
	if bp == nil {
		return
	}
	b.copied = true
	b.add(Step{ID: "restore", Verb: "restore", Phase: string(manifest.Stop), Class: Reversible,
		Title: "take into the restore point what was written until the stop; from here on the way back restores the data"}, bp)
}

func (p *BackupParams) parts() []string {
	var out []string
	for _, f := range p.Files {
		out = append(out, f.Component)
	}
	for _, d := range p.Databases {
		out = append(out, d.Component)
	}
	return out
}

// backupParams says what a restore point holds; nil when the release asks for
// none or the administrator waived an optional one.
func (b *builder) backupParams(key, version string, h HopInput) *BackupParams {
	steps := h.Release.Procedure.Phases[manifest.BackupPhase]
	if steps.None {
		b.waived("the release asks for no backup")
		return nil
	}
	of := b.backedUp(listedArgs(steps.Steps, "backup"), h)
	for _, s := range steps.Steps {
		if s.Verb != "backup" {
			continue
		}
		if len(s.Run) > 0 || s.Tell != "" {
			b.notYet(s, "a backup by the vendor's own tool that stands in the procedure: put it under backups: of the product")
		}
		if w, ok := b.plan.Waivers["backup"]; ok && s.Optional {
			b.waived(w)
			return nil
		}
	}
	p := &BackupParams{Key: key, Version: version, Dir: b.in.Facts.Backup, Repository: RepositoryOf(b.in.Site)}
	for _, id := range b.res.Product.Order {
		if len(of) > 0 && !slices.Contains(of, ComponentOf(id)) || !b.selected(id) {
			continue
		}
		c := b.res.Product.Components[id]
		at, ok := b.place(id, c)
		if !ok || b.byPerson(ComponentOf(id)) {
			continue
		}
		if c.Kind == "installer" {
			continue // its undo is a command, or the restore point of what it changes
		}
		if c.Kind == "package" {
			if src, ok := b.packageSource(id); ok {
				p.Files = append(p.Files, src)
			}
			continue
		}
		if c.Kind == "tree" {
			p.Files = append(p.Files, FileSource{Component: id, Path: at})
			continue
		}
		if why := b.in.Facts.Lacking[id]; why != "" {
			b.refuse("the database %s could not be put back as it was: %s", id, why)
		}
		db, err := b.res.Database(id)
		if b.check(err) {
			p.Databases = append(p.Databases, *db)
		}
	}
	if len(p.Files)+len(p.Databases) == 0 && len(b.toldBackups()) > 0 {
		return nil
	}
	if len(p.Files)+len(p.Databases) == 0 {
		b.refuse("the product has nothing that can be backed up: no component of kind tree, package, sqlite, postgres or mariadb")
		return nil
	}
	b.refuseUnfit()
	return p
}

// refuseUnfit refuses a place for restore points that is not what the site
// wants, or from which the way back could not read them.
func (b *builder) refuseUnfit() {
	for _, why := range b.in.Facts.Unfit {
		b.refuse("%s", why)
	}
}

// backedUp resolves what a release wants backed up: components, or backups
// that the product declares where the default does not fit.
func (b *builder) backedUp(args []string, h HopInput) []string {
	var of []string
	apart := func(id string) bool { // it comes later, or is not chosen
		_, later := h.Product.Components[id]
		return later || h.Product.Chosen != nil && slices.Contains(h.Product.Chosen.Left, id)
	}
	for _, id := range args {
		_, component := b.res.Raw.Components[id]
		own, declared := b.res.Product.Backups[id]
		switch {
		case declared:
			of = append(of, own.Of...)
		case component || apart(id):
			of = append(of, id)
		default:
			b.refuse("the release wants a backup of %s, which is neither a component nor a backup of the product", id)
		}
	}
	return of
}

func (b *builder) waived(why string) {
	b.copied = true
	b.plan.Waivers["backup"] = why
	b.noteOnce("no restore point is made (%s): a failed migration cannot be put back", why)
}

// listedArgs gives the arguments of the steps of that verb.
func listedArgs(steps []manifest.Step, verb string) []string {
	var out []string
	for _, s := range steps {
		if s.Verb == verb {
			out = append(out, s.Args...)
		}
		out = append(out, listedArgs(s.During, verb)...)
	}
	return out
}

// covers tells each step that restores on the way back which steps change
// data after it.
func (b *builder) covers() {
	for i, d := range b.drafts {
		if t, ok := d.params.(*TellParams); ok && t.Restores {
			for _, later := range b.drafts[i+1:] {
				if later.Writes && later.Class != Irreversible {
					t.Only = append(t.Only, later.ID)
				}
			}
		}
		p, ok := d.params.(*BackupParams)
		if !ok || !b.restores(i) {
			continue
		}
		defer func() { d.Back = backTitle(d.Step, p) }()
		p.Prove = b.in.Prove
		for _, later := range b.drafts[i+1:] {
			if later.Writes && later.Class != Irreversible {
				p.Covers = append(p.Covers, later.ID)
			}
		}
		for k, list := range b.land {
			if k+1 < d.OnlyTo {
				continue
			}
			for _, l := range list {
				if l.Writes && l.Class != Irreversible {
					p.Covers = append(p.Covers, l.ID)
				}
			}
		}
	}
}

// restorable says whether what is being added can be brought back by a restore
// point, wherever the way back ends. What closes a milestone cannot: the
// milestone's own restore point comes after it.
func (b *builder) restorable() bool { return b.copied && b.only == 0 }

// restores says whether the undo of step i is what restores: that of a
// backup, unless an anchor of its restore point follows.
func (b *builder) restores(i int) bool {
	switch b.drafts[i].Verb {
	case "restore":
		return true
	case "backup":
		key := b.drafts[i].params.(*BackupParams).Key
		return !slices.ContainsFunc(b.drafts[i+1:], func(d *draft) bool {
			p, ok := d.params.(*BackupParams)
			return ok && d.Verb == "restore" && p.Key == key
		})
	}
	return false
}

// refuseUnsafe refuses a step that changes data with nothing to put it back.
func (b *builder) refuseUnsafe() {
	b.covers()
	for _, d := range b.drafts {
		if d.Verb == "backup" || d.Restores || b.in.First {
			return
		}
		if d.Writes && d.Class != Irreversible && b.plan.Waivers["backup"] == "" {
			b.refuse("step %s changes data before there is a restore point", d.ID)
		}
	}
}

// seal marshals the drafts into the plan.
func (b *builder) seal() (*Plan, error) {
	b.letIn()
	var err error
	if b.plan.Steps, err = marshal(b.drafts); err != nil {
		return nil, err
	}
	for i := range b.plan.Milestones {
		if b.plan.Milestones[i].Landing, err = marshal(b.land[i]); err != nil {
			return nil, err
		}
	}
	for _, s := range b.plan.Steps {
		if s.Verb == VerbBarrier {
			b.plan.Barrier = s.ID
		}
		if s.Undo == "none" && s.Class != Irreversible {
			b.noteOnce("cannot be put back: %s (step %s)", s.Title, s.ID)
		}
	}
	return b.plan, nil
}

// letIn sees to it that wherever users are kept out, some step is known to
// let them in again; where no other does, that is the barrier.
func (b *builder) letIn() {
	if !slices.ContainsFunc(b.drafts, func(d *draft) bool { return d.Down }) {
		return
	}
	for _, list := range append([][]*draft{b.drafts}, b.land...) {
		if slices.ContainsFunc(list, func(d *draft) bool { return d.Up }) {
			continue
		}
		for _, d := range list {
			d.Up = d.Verb == VerbBarrier
		}
	}
}

func marshal(drafts []*draft) ([]Step, error) {
	var out []Step
	for _, d := range drafts {
		s := d.Step
		if d.params != nil {
			raw, err := json.Marshal(d.params)
			if err != nil {
				return nil, fmt.Errorf("cannot write the parameters of %s: %w", s.ID, err)
			}
			s.Params = raw
		}
		out = append(out, s)
	}
	return out, nil
}
