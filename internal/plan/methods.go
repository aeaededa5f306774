package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// toldInstall has a person install a component, such as with the vendor's own
// setup program; its version must read as the release says.
func (b *builder) toldInstall(ph manifest.Phase, s manifest.Step, h HopInput, id string) {
	t := b.task(s)
	if t == nil {
		return
	}
	c := b.res.Product.Components[id]
	number := 1 + slices.IndexFunc(b.in.Hops, func(x HopInput) bool { return x.Release == h.Release })
	t.Proof = append(t.Proof, b.reads(c, b.version(id, number))...)
	st := Step{ID: "install." + id, Verb: "tell", Phase: string(ph), Class: Reversible, Writes: true, Task: t,
		Title: fmt.Sprintf("a person installs %s %s: %s", id, h.Release.Version, t.Text)}
	if s.ID != "" {
		st.ID = s.ID
	}
	if s.Undo == nil && c.Kind == "tree" && b.restorable() {
		s.Undo = &manifest.Undo{How: "restore"}
	}
	if b.undo(&st, s.Undo, nil, s) {
		b.add(st, &TellParams{})
	}
}

// reads is the proof that a component's version reads as wanted; none where
// only a person can read it.
func (b *builder) reads(c manifest.Component, want string) []Probe {
	if c.Version == nil || want == "" || c.Version.Source == "ask" {
		return nil
	}
	pr, err := b.res.Probe(*c.Version)
	if !b.check(err) {
		return nil
	}
	pr.Expect = []string{want}
	return []Probe{*pr}
}

// told says that a person does something with a component at a phase of a
// release.
func tells(steps []manifest.Step, verb, component string) bool {
	return slices.ContainsFunc(steps, func(s manifest.Step) bool {
		return s.Verb == verb && s.Tell != "" && slices.Contains(s.Args, component) || tells(s.During, verb, component)
	})
}

// toldBackups are the backups that people make with a tool of the vendor, in
// the order of their names.
func (b *builder) toldBackups() []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(b.res.Product.Backups)) {
		if k := b.res.Product.Backups[id]; k.Make != nil && k.Make.Verb == "tell" {
			out = append(out, id)
		}
	}
	return out
}

// byPerson says that the data of a component is backed up by a person.
func (b *builder) byPerson(component string) bool {
	return slices.ContainsFunc(b.toldBackups(), func(id string) bool { return slices.Contains(b.res.Product.Backups[id].Of, component) })
}

// tellBackups has people make their backups, and restore them on the way back
// where data was changed since. Where the backup is made before the product
// stops, that it can be restored from begins later: at the anchor.
func (b *builder) tellBackups(h HopInput, made, restore bool) {
	steps := h.Release.Procedure.Phases[manifest.BackupPhase]
	if steps.None {
		return
	}
	listed := listedArgs(steps.Steps, "backup")
	for _, id := range b.toldBackups() {
		k := b.res.Product.Backups[id]
		if len(listed) > 0 && !slices.Contains(listed, id) && !slices.ContainsFunc(k.Of, func(c string) bool { return slices.Contains(listed, c) }) {
			continue // others are asked for, and this one is not
		}
		if _, waived := b.plan.Waivers["backup"]; waived && k.Optional || !b.wanted(id, k, steps.Steps, h) {
			continue
		}
		if k.Restore == nil || k.Restore.Verb != "tell" {
			b.refuse("backup %s at %s is made by a person and does not say how it is restored: add restore: {tell: …}", id, k.Pos)
			continue
		}
		st := Step{ID: "backup." + id, Verb: "tell", Phase: string(manifest.BackupPhase), Class: Reversible, Undo: "action"}
		if made {
			mk := *k.Make
			mk.Verify = append(slices.Clone(mk.Verify), k.Verify...)
			if st.Task = b.task(mk); st.Task == nil {
				continue
			}
			if k.Place != "" {
				st.Task.Text += " (place: " + k.Place + ")"
			}
			st.Title = "a person makes the backup of " + strings.Join(k.Of, ", ") + ": " + st.Task.Text
			for _, s := range steps.Steps {
				if s.Verb == "backup" && slices.Contains(s.Args, id) {
					st.Title = withReference(st.Title, s)
				}
			}
		} else {
			st.ID, st.Phase, st.Title = "restore."+id, string(manifest.Stop), "from here on the way back has a person restore "+strings.Join(k.Of, ", ")
		}
		if restore {
			if st.TaskBack = b.task(*k.Restore); st.TaskBack == nil {
				continue
			}
			st.Restores = true
		}
		b.add(st, &TellParams{Restores: restore})
	}
	b.copied = b.copied || restore && len(b.toldBackups()) > 0
}

// toldMigration has a person migrate a component; the restore point brings
// back what was there before.
func (b *builder) toldMigration(st Step, s manifest.Step, res *Resolver, want string) {
	t := b.task(s)
	if t == nil {
		return
	}
	c := res.Product.Components[s.Args[0]]
	t.Proof = append(t.Proof, b.reads(c, want)...)
	st.Verb, st.Task = "tell", t
	st.Title = "a person: " + st.Title + ": " + t.Text
	b.add(st, &TellParams{})
}

// toldDrain has a person see to it that running work has ended: where only
// she can see whether it has, or only she can end it.
func (b *builder) toldDrain(ph manifest.Phase, s manifest.Step) bool {
	asks := s.Probe.Source == "ask"
	if !asks && (s.Or == nil || s.Or.Verb != "tell") {
		return false
	}
	t := &Task{Text: "wait until running work has ended", Reference: s.Reference}
	if asks {
		text, err := b.res.Scope.ExpandAll(append(slices.Clone(s.Probe.Args), s.Probe.Expect.AnyOf...))
		if !b.check(err) {
			return true
		}
		t.Text = "wait until this holds: " + text[0]
		if len(text) > 1 {
			t.Text += " (" + strings.Join(text[1:], " or ") + ")"
		}
	} else {
		pr, err := b.res.Probe(*s.Probe)
		if !b.check(err) {
			return true
		}
		t.Proof, t.Auto = []Probe{*pr}, true
	}
	if s.Or != nil {
		or := b.task(*s.Or)
		if s.Or.Verb != "tell" || or == nil {
			b.notYet(*s.Or, "ending by "+s.Or.Verb+" what only a person can see")
			return true
		}
		t.Text += "; what does not end by itself: " + or.Text
		t.Privilege = or.Privilege
	}
	// what has ended cannot be taken back
	b.add(Step{ID: "drain", Verb: "tell", Phase: string(ph), Class: Reversible, Undo: "action", Redo: true, Title: told(t), Task: t}, &TellParams{})
	return true
}

// wanted says that a step whose condition holds asks for the backup, or no step
// at all where it is not optional.
func (b *builder) wanted(id string, k manifest.Backup, steps []manifest.Step, h HopInput) bool {
	asked := false
	for _, s := range steps {
		if s.Verb != "backup" || !slices.Contains(s.Args, id) && !slices.ContainsFunc(k.Of, func(c string) bool { return slices.Contains(s.Args, c) }) {
			continue
		}
		if asked = true; b.applies(s.When, h) {
			return true
		}
	}
	return !asked && !k.Optional
}
