package plan

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// TriggerBack is the trigger of a run that takes an earlier one back.
const TriggerBack = "back"

// Doing says what a plan does with the product as a whole: upgrade, install, or
// return to an earlier version.
func Doing(p *Plan) string {
	switch {
	case p.Trigger == TriggerBack:
		return "return"
	case p.First():
		return "install"
	}
	return "upgrade"
}

// goBack puts files and data back as they were before an earlier run. The
// restore point that this run has made of the present state takes that back.
func (b *builder) goBack(h HopInput) {
	for _, a := range h.Return.Gone {
		if !b.saves(a.Component) {
			b.refuse("run %s has added %s, of which no restore point would be made (a person backs it up), and nothing is taken away that could not be brought back: upkeep backup restore puts back what run %s has saved; then move %s away", h.Return.Run, a.Component, h.Return.Run, a.At)
		}
	}
	b.add(Step{ID: "return", Verb: "return", Phase: string(manifest.Install), Class: Reversible, Writes: true, Undo: "restore", Redo: true,
		Title: fmt.Sprintf("put files and data back as in restore point %s, and compare%s", h.Return.Point, without(h.Return.Gone))}, h.Return)
}

// saves says that a restore point of this run holds the files of a component.
func (b *builder) saves(component string) bool {
	return slices.ContainsFunc(b.drafts, func(d *draft) bool {
		p, ok := d.params.(*BackupParams)
		return ok && d.Verb == "backup" && slices.ContainsFunc(p.Files, func(f FileSource) bool { return f.Component == component })
	})
}

// without says what is taken away.
func without(gone []Addition) string {
	var names []string
	for _, a := range gone {
		names = append(names, a.Component)
	}
	if len(names) == 0 {
		return ""
	}
	return "; take away what came new: " + strings.Join(names, ", ")
}

// gone lists what a return takes away.
func (b *builder) gone() {
	r := b.first().Return
	if r == nil {
		return
	}
	for _, a := range r.Gone {
		b.plan.Instances = append(b.plan.Instances, Instance{Component: a.Component, Kind: "tree", At: a.At, Node: b.in.Facts.Node,
			From: b.in.Facts.Instances[a.Component].Version, Versions: []string{""}, Gone: true})
	}
}

// losses says what a run that takes an earlier one back does not bring back.
func (b *builder) losses() {
	r := b.first().Return
	if r == nil {
		return
	}
	b.note("what users did since run %s is taken from them; it stays in the restore point that this run makes of %s first", r.Run, b.plan.From)
	b.note("hooks and the vendor's own steps are not run, and what they changed outside of files and data is not put back")
}
