package plan

import (
	"fmt"
	"strings"

	"upkeep/internal/manifest"
)

func (b *builder) recordStep(ph manifest.Phase, s manifest.Step) {
	p := &RecordParams{}
	for _, id := range s.Args {
		if own, ok := b.res.Product.Settings[id]; ok && byHand(own) {
			b.toldRecord(id, own)
			continue
		}
		set, err := b.setting(id)
		if err != nil {
			b.refuse("record %s at %s: %v", id, s.Pos, err)
			continue
		}
		p.Settings = append(p.Settings, *set)
	}
	if len(p.Settings) == 0 {
		return
	}
	d := b.add(Step{ID: "record", Verb: "record", Phase: string(ph), Class: Reversible,
		Title: "record settings: " + strings.Join(s.Args, ", ")}, p)
	b.recorded = append(b.recorded, recorded{d.ID, p})
}

func (b *builder) setting(id string) (*Setting, error) {
	set, ok := b.res.Product.Settings[id]
	if !ok {
		return nil, fmt.Errorf("there is no setting %q", id)
	}
	read, err := b.res.Probe(set.Read)
	if err != nil {
		return nil, err
	}
	write, err := b.runParams(set.Write)
	if err != nil {
		return nil, fmt.Errorf("setting %s: %w", id, err)
	}
	return &Setting{ID: id, Read: *read, Write: write.Args, As: write.As, Env: write.Env}, nil
}

// reapply compares and writes again what was recorded.
func (b *builder) reapply() {
	if b.landing || b.n == len(b.in.Hops) { // nobody is asked to do it between two hops
		for _, st := range b.again {
			b.add(st, &TellParams{})
		}
	}
	for _, r := range b.recorded {
		b.add(Step{ID: "re-apply", Verb: "record", Phase: string(manifest.ReApply), Class: Reversible, Writes: true, Undo: "restore",
			Title: fmt.Sprintf("compare %d settings with those recorded, and apply them again where they differ", len(r.params.Settings))},
			&RecordParams{Settings: r.params.Settings, Apply: r.step})
	}
}
