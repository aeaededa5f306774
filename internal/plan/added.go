package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// comesNew says whether the hop in the making adds a unit: nothing is at its
// place before it.
func (b *builder) comesNew(id string) bool {
	return b.in.Facts.Instances[id].New && b.n == b.brought(id)
}

// brought gives the first hop whose release has the unit's component.
func (b *builder) brought(id string) int {
	for i, h := range b.in.Hops {
		if _, ok := h.Product.Components[ComponentOf(id)]; ok {
			return i + 1
		}
	}
	return len(b.in.Hops) + 1
}

// refuseAdded refuses what is to be added where it cannot be, and taken away
// again.
func (b *builder) refuseAdded() {
	for _, h := range b.in.Hops {
		r, err := NewResolver(h.Product, b.in.Site, b.in.Facts)
		if err != nil {
			continue // it is said elsewhere
		}
		for _, id := range r.Product.Order {
			f, c := b.in.Facts.Instances[id], r.Product.Components[id]
			if !f.New && f.Taken == "" {
				continue
			}
			later := func(what string) {
				b.check(&NotYetError{What: fmt.Sprintf("adding component %s, which a feature brings, %s", id, what), Where: c.Pos})
			}
			switch last, ok := b.res.Product.Components[id]; {
			case id != ComponentOf(id) || r.Raw.Components[id].At.Probe != nil:
				later("in instances of its own")
			case !ok || last.At.Path != c.At.Path:
				later("which a later hop drops or puts somewhere else")
			case !b.selected(id):
				b.refuse("%s comes with a feature that is chosen, and --only leaves it out: name it with --only too, or leave the feature out", id)
			case f.Taken != "":
				b.refuse("%s cannot be added: %s. Upkeep does not know it as installed, and would not touch it: move it away, or remove it", id, f.Taken)
			default:
				b.refuseInside(id)
			}
		}
	}
}

// refuseInside refuses to add a tree inside another one, or around one: what
// exchanges or restores the outer one would take the inner one with it.
func (b *builder) refuseInside(id string) {
	c := b.res.Product.Components[id]
	place, _ := b.place(id, c)
	at := cmp.Or(b.in.Facts.Instances[id].Real, place)
	for _, other := range b.plan.Instances {
		if other.Kind != "tree" || other.Unit() == id {
			continue
		}
		its := cmp.Or(b.in.Facts.Instances[other.Unit()].Real, other.At)
		switch {
		case its == at:
			b.refuse("%s and %s are one folder, %s", id, other.Unit(), at)
		case strings.HasPrefix(at, its+"/"):
			b.check(&NotYetError{What: fmt.Sprintf("adding component %s (%s) inside %s (%s)", id, at, other.Unit(), its), Where: c.Pos})
		case strings.HasPrefix(its, at+"/"):
			b.check(&NotYetError{What: fmt.Sprintf("adding component %s (%s) around %s (%s)", id, at, other.Unit(), its), Where: c.Pos})
		}
	}
}

// createAbove has the folders made in which what the hop adds is unpacked, and
// looks once more whether its places are free.
func (b *builder) createAbove(h HopInput) {
	var places []NewPlace
	var names []string
	for _, id := range b.added(h, true) {
		names = append(names, id)
		for _, p := range append(b.above(id), NewPlace{Path: b.at(id), Kind: PlaceTree}) {
			if !slices.ContainsFunc(places, func(o NewPlace) bool { return o.Path == p.Path }) {
				places = append(places, p)
			}
		}
	}
	if len(places) == 0 {
		return
	}
	slices.SortFunc(places, func(a, b NewPlace) int { return strings.Compare(a.Path, b.Path) })
	title, back := "look once more whether the place of "+strings.Join(names, ", ")+" is free", "nothing: it only looks"
	if len(places) > len(names) {
		title, back = "make the folders above what comes new: "+strings.Join(names, ", "), "remove the folders that were made, with all that is in them"
	}
	b.add(Step{ID: "create", Verb: "create", Phase: "stage", Class: Reversible, Title: title}, &CreateParams{Places: places}).Back = back
}

// createFolders has the folders made that the hop adds without bringing
// anything that lies in them.
func (b *builder) createFolders(h HopInput) {
	for _, id := range b.added(h, false) {
		places := append(b.above(id), NewPlace{Path: b.at(id), Kind: PlaceNew, Owner: b.in.Facts.Instances[id].Owner})
		b.add(Step{ID: "create." + id, Verb: "create", Phase: string(manifest.Install), Class: Reversible, Title: "make the folder " + id + ", which comes new"},
			&CreateParams{Places: places}).Back = "remove it, with all that is in it"
	}
}

// added lists the trees that the hop adds: those that its bundle brings, or the
// others.
func (b *builder) added(h HopInput, brought bool) []string {
	return slices.DeleteFunc(slices.Clone(b.res.Product.Order), func(id string) bool {
		_, payload := h.payload(id)
		return b.res.Product.Components[id].Kind != "tree" || payload != brought || !b.comesNew(id) || !b.selected(id)
	})
}

func (b *builder) at(id string) string {
	at, _ := b.place(id, b.res.Product.Components[id])
	return at
}

// above gives the folders above the place of a tree that are not there.
func (b *builder) above(id string) (out []NewPlace) {
	f := b.in.Facts.Instances[id]
	for _, dir := range f.Above {
		out = append(out, NewPlace{Path: dir, Kind: PlaceAbove, Owner: f.Owner})
	}
	return out
}

// addition says of a tree that is not there after the run what lies around its
// place.
func (b *builder) addition(in Instance) Addition {
	if r := b.first().Return; r != nil {
		for _, a := range r.Gone {
			if a.At == in.At {
				return a
			}
		}
	}
	return Addition{Component: in.Component, At: in.At, Above: b.in.Facts.Instances[in.Unit()].Above}
}

// Additions gives the trees that the run of a plan has added up to a hop.
func Additions(p *Plan, hop int) []Addition {
	var out []Addition
	for _, in := range p.Instances {
		if in.Added == 0 || in.Added > hop {
			continue
		}
		a := Addition{Component: in.Component, At: in.At}
		for _, s := range p.Steps {
			if s.Verb == "create" {
				a.Above = append(a.Above, aboveOf(s, in.At)...)
			}
		}
		slices.Sort(a.Above)
		a.Above = slices.Compact(a.Above)
		out = append(out, a)
	}
	return out
}

// aboveOf gives the folders above a place that a step makes.
func aboveOf(s Step, at string) (out []string) {
	var made CreateParams
	if json.Unmarshal(s.Params, &made) != nil {
		return nil
	}
	for _, p := range made.Places {
		if p.Kind == PlaceAbove && strings.HasPrefix(at, path.Clean(p.Path)+"/") {
			out = append(out, p.Path)
		}
	}
	return out
}
