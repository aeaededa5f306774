package plan

import (
	"fmt"
	"maps"
	"slices"
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
	b.recorded = append(b.recorded, recorded{step: d.ID, params: p})
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

// reapply compares and writes again what was recorded, and sets what the route
// wants.
func (b *builder) reapply(h HopInput) {
	if b.n == len(b.in.Hops) { // nobody is asked to do it between two hops
		b.toldAgain()
	}
	for _, r := range b.recorded {
		list := slices.DeleteFunc(slices.Clone(r.params.Settings), func(s Setting) bool {
			_, held := b.keptAt("setting." + s.ID)
			return held || b.demanded(s.ID)
		})
		if len(list) == 0 || b.n < r.since {
			continue
		}
		b.add(Step{ID: "re-apply", Verb: "record", Phase: string(manifest.ReApply), Class: Reversible, Writes: true, Undo: "restore",
			Title: fmt.Sprintf("compare %d settings with those recorded, and apply them again where they differ", len(list))},
			&RecordParams{Settings: list, Apply: r.step})
	}
	b.demand(h)
}

// toldAgain has people compare and set again what was recorded of what they set.
func (b *builder) toldAgain() {
	for _, a := range b.again {
		if !b.demanded(a.setting) && b.n >= a.since {
			b.add(a.Step, &TellParams{})
		}
	}
}

// toldHere has people set, where a run stays at a milestone, what they set at
// its end otherwise.
func (b *builder) toldHere(h HopInput) {
	b.use(h.Product)
	b.toldAgain()
	for _, id := range slices.Sorted(maps.Keys(h.settings())) {
		if own := b.res.Product.Settings[id]; byHand(own) && h.settings()[id] != manifest.Keep {
			b.toldDemand(h, id, own)
		}
	}
}
