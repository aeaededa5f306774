package plan

import (
	"upkeep/internal/manifest"
)

// task resolves what a person is told to do; nil when it cannot be, which is
// then a reason to refuse.
func (b *builder) task(s manifest.Step) *Task {
	text, err := b.res.Scope.Expand(s.Tell)
	if !b.check(err) {
		return nil
	}
	privilege, err := b.res.Scope.Expand(s.As)
	if !b.check(err) {
		return nil
	}
	t := &Task{Text: text, Reference: s.Reference, Privilege: privilege}
	for _, v := range s.Verify {
		pr, err := b.res.Probe(v)
		if !b.check(err) {
			return nil
		}
		t.Proof = append(t.Proof, *pr)
	}
	return t
}

// tellStep adds a step that a person does while the run waits.
func (b *builder) tellStep(ph manifest.Phase, s manifest.Step) {
	t := b.task(s)
	if t == nil {
		return
	}
	id := s.ID
	if id == "" {
		id = "tell"
	}
	st := Step{ID: id, Verb: "tell", Phase: string(ph), Class: Reversible, Writes: b.copied, Title: told(t), Task: t}
	if !b.after() && !b.undo(&st, s.Undo, nil, s) {
		return
	}
	b.add(st, &TellParams{})
}

// told is the title of what a person does.
func told(t *Task) string { return "a person: " + t.Text }
