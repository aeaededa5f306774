package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// settings are what the route of a hop says of settings after it.
func (h HopInput) settings() map[string]string {
	if h.Route == nil || h.Return != nil {
		return nil
	}
	return h.Route.Settings
}

// recordKept records, at the beginning, what the routes that are taken keep.
func (b *builder) recordKept() {
	defer b.use(b.in.Installed)
	for i, h := range b.in.Hops {
		var keep []string
		for _, id := range slices.Sorted(maps.Keys(h.settings())) {
			if h.settings()[id] == manifest.Keep && !b.isRecorded(id) {
				keep = append(keep, id)
			}
		}
		if len(keep) == 0 {
			continue
		}
		b.use(b.in.Installed)
		for _, id := range keep {
			if _, ok := b.res.Product.Settings[id]; !ok {
				b.use(h.Product) // what the installed release does not know yet
			}
		}
		first, again := len(b.recorded), len(b.again)
		b.recordStep(manifest.Record, manifest.Step{Pos: h.Route.Pos, Args: keep})
		for j := range b.recorded[first:] {
			b.recorded[first+j].since = i + 1
		}
		for j := range b.again[again:] {
			b.again[again+j].since = i + 1
		}
	}
}

// isRecorded says whether a step of the vendor records the setting anyway.
func (b *builder) isRecorded(id string) bool {
	return slices.ContainsFunc(b.recorded, func(r recorded) bool {
		return slices.ContainsFunc(r.params.Settings, func(s Setting) bool { return s.ID == id })
	}) || slices.ContainsFunc(b.again, func(a again) bool { return a.setting == id })
}

// demanded says whether the route of the hop in the making wants a value of its
// own for a setting, which then counts instead of a recorded one.
func (b *builder) demanded(id string) bool {
	if b.n == 0 {
		return false
	}
	v, ok := b.in.Hops[b.n-1].settings()[id]
	return ok && v != manifest.Keep
}

// demand gives settings the values that the route of a hop wants after it.
func (b *builder) demand(h HopInput) {
	want := h.settings()
	p := &RecordParams{Want: map[string]string{}}
	var words []string
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if want[id] == manifest.Keep {
			continue
		}
		own, ok := b.res.Product.Settings[id]
		if ok && byHand(own) {
			b.toldDemand(h, id, own)
			continue
		}
		if to, held := b.keptAt("setting." + id); held && to != want[id] {
			b.refuse("the route from %s to %s at %s wants setting %s to be %s, and a step holds it at %s for longer than the run", h.Route.From, h.Release.Version, h.Route.Pos, id, want[id], to)
			continue
		}
		set, err := b.setting(id)
		if err != nil {
			b.refuse("the route from %s to %s at %s: %v", h.Route.From, h.Release.Version, h.Route.Pos, err)
			continue
		}
		p.Settings, p.Want[id] = append(p.Settings, *set), want[id]
		words = append(words, id+" = "+want[id])
	}
	if len(words) == 0 {
		return
	}
	b.add(Step{ID: "settings", Verb: "record", Phase: string(manifest.ReApply), Class: Reversible, Writes: b.copied, Undo: "action", Redo: true,
		Title: fmt.Sprintf("set what coming from %s requires, where it reads otherwise: %s", h.Route.From, strings.Join(words, ", "))}, p)
}

// toldDemand has a person give a setting the value that the route wants: where
// users reach the version, not where the run passes on.
func (b *builder) toldDemand(h HopInput, id string, own manifest.Setting) {
	if own.Write.Verb != "tell" {
		b.check(&NotYetError{What: "setting " + id + ", which a person reads and a command sets", Where: own.Pos})
		return
	}
	value := h.settings()[id]
	t := b.set(id, own, value)
	if t == nil || !b.landing && b.n != len(b.in.Hops) {
		return
	}
	st := Step{ID: "settings." + id, Verb: "tell", Phase: string(manifest.ReApply), Class: Reversible, Undo: "restore", Writes: true, Task: t,
		Title: fmt.Sprintf("a person sees to it that setting %s is %s, as coming from %s requires", id, value, h.Route.From)}
	if was := b.in.Facts.Settings[id]; was == "" {
		b.noteOnce("on the way back nobody is told to set %s back: it has no value that can be read now", id)
	} else if was != value {
		st.Undo, st.TaskBack = "action", b.set(id, own, was)
	}
	b.add(st, &TellParams{})
}
