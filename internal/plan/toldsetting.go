package plan

import (
	"fmt"
	"strings"

	"upkeep/internal/manifest"
)

// byHand says that a person sets the setting, and maybe reads it too.
func byHand(s manifest.Setting) bool { return s.Write.Verb == "tell" || s.Read.Source == "ask" }

// prior is the value that a setting has which a person sets: what the survey
// read, or what a person answered. It is part of the plan, so that everybody
// sees beforehand what it will be set back to.
func (b *builder) prior(id string, s manifest.Setting) (string, bool) {
	if s.Write.Verb != "tell" {
		b.check(&NotYetError{What: "setting " + id + ", which a person reads and a command sets", Where: s.Pos})
		return "", false
	}
	if s.Read.Source == "ask" {
		if !b.question(id, s.Read, s.Write.Reference) {
			return "?", true // the run does not open before it is answered
		}
		return b.word(AnswerKey(s.Read.Args[0])).Value, true
	}
	v, ok := b.in.Facts.Settings[id]
	if !ok || v == "" {
		b.refuse("setting %s at %s has no value that a person could set it back to", id, s.Pos)
	}
	return v, ok && v != ""
}

// set is the task of giving a setting a value. Where it can be read, the
// reading ends the task; otherwise somebody says so.
func (b *builder) set(id string, s manifest.Setting, value string) *Task {
	t := b.task(s.Write)
	if t == nil {
		return nil
	}
	if strings.Contains(t.Text, "${value}") {
		t.Text = strings.ReplaceAll(t.Text, "${value}", value)
	} else {
		t.Text += ": " + id + " = " + value
	}
	if s.Read.Source == "ask" {
		where, err := b.res.Scope.Expand(s.Read.Args[0])
		if !b.check(err) {
			return nil
		}
		t.Text += " (" + where + ")"
		return t
	}
	pr, err := b.res.Probe(s.Read)
	if !b.check(err) {
		return nil
	}
	pr.Expect = []string{value}
	t.Proof, t.Auto = append(t.Proof, *pr), true
	return t
}

// toldHold holds a setting that a person sets.
func (b *builder) toldHold(ph manifest.Phase, s manifest.Step, id string, set manifest.Setting) {
	was, ok := b.prior(id, set)
	if !ok {
		return
	}
	if was == s.To {
		b.note("setting %s is %s already: nobody has to change it, then or afterwards", id, was)
		return
	}
	to, back := b.set(id, set, s.To), b.set(id, set, was)
	if to == nil || back == nil {
		return
	}
	p := &HoldParams{Setting: &Setting{ID: id}, To: s.To, Until: s.Until}
	d := b.add(Step{ID: "hold." + id, Verb: "hold", Phase: string(ph), Class: Reversible, Task: to, TaskBack: back, Deadline: deadline("tell"),
		Title: fmt.Sprintf("a person holds setting %s at %s until %s, and then sets it back to %s", id, s.To, s.Until, was)}, p)
	b.held = append(b.held, heldStep{step: d.ID, until: p.Until, params: p, node: d.Node, pos: s.Pos, task: to, back: back})
}

// toldRecord takes up settings that people set again after the upgrade, where
// they have another value then.
func (b *builder) toldRecord(id string, set manifest.Setting) {
	was, ok := b.prior(id, set)
	if !ok {
		return
	}
	if t := b.set(id, set, was); t != nil {
		b.again = append(b.again, again{setting: id, Step: Step{ID: "re-apply." + id, Verb: "tell", Phase: string(manifest.ReApply), Class: Reversible, Undo: "restore", Writes: true, Task: t,
			Title: fmt.Sprintf("a person compares setting %s with what was recorded (%s), and sets it again where it differs", id, was)}})
	}
}
