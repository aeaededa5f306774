package plan

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/version"
)

// OrderOf gives the order of a product's versions.
func OrderOf(p *manifest.Product) (version.Order, error) {
	if len(p.Versions.List) > 0 {
		return version.Listed(p.Versions.List)
	}
	return version.Parse(p.Versions.Name)
}

// Holds decides a condition before there is a way: one that speaks of the way,
// or of a fact that is not among those read, cannot be told.
func Holds(in Input, p *manifest.Product, w *manifest.When) (bool, error) {
	r, err := NewResolver(p, in.Site, in.Facts)
	if err != nil {
		return false, err
	}
	b := &builder{in: in, res: r}
	return b.when(w, HopInput{})
}

// when decides a condition for a hop; no condition holds.
func (b *builder) when(w *manifest.When, h HopInput) (bool, error) {
	switch {
	case w == nil:
		return true, nil
	case w.Param != "":
		v, err := b.res.Scope.Expand("${param." + w.Param + "}")
		return truth(v, w.Is), err
	case w.Fact != "":
		if _, known := b.in.Facts.Values[w.Fact]; !known {
			why := ""
			if b.in.Facts.Unread[w.Fact] != "" {
				why = ": " + b.in.Facts.Unread[w.Fact]
			}
			return false, fmt.Errorf("the condition at %s needs the fact %q, which could not be read%s", w.Pos, w.Fact, why)
		}
		return truth(b.in.Facts.Values[w.Fact], w.Is), nil
	case w.Mode != "":
		return b.mode() == w.Mode, nil
	case w.Crosses != "" && b.in.First:
		return false, nil
	case w.Crosses != "":
		return b.crosses(w.Crosses)
	case w.Trigger != "":
		return b.in.Trigger == w.Trigger, nil
	case w.Present != "":
		return b.found(w.Present) || b.chosen(w.Present), nil
	case w.Not != nil:
		ok, err := b.when(w.Not, h)
		return !ok, err
	}
	for _, sub := range w.All {
		if ok, err := b.when(&sub, h); err != nil || !ok {
			return false, err
		}
	}
	if len(w.Any) == 0 {
		return true, nil
	}
	for _, sub := range w.Any {
		if ok, err := b.when(&sub, h); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

// chosen says whether a feature of that path or id is chosen, or a component is
// there that only has a name.
func (b *builder) chosen(name string) bool {
	c := b.res.Raw.Chosen
	return c != nil && (slices.Contains(c.Components, name) ||
		slices.ContainsFunc(c.Features, func(path string) bool { return path == name || strings.HasSuffix(path, "/"+name) }))
}

// found says whether any unit of a component was found.
func (b *builder) found(component string) bool {
	for _, id := range b.res.UnitsOf(component) {
		if _, ok := b.in.Facts.Instances[id]; ok {
			return true
		}
	}
	return false
}

// truth reads a value as yes or no, or compares it.
func truth(v, is string) bool {
	if is != "" {
		return v == is
	}
	return v != "" && v != "false" && v != "none" && v != "0"
}

// crosses says that the whole route passes from before the version to it or
// beyond it.
func (b *builder) crosses(v string) (bool, error) {
	if len(b.in.Hops) == 0 {
		return false, fmt.Errorf("whether the way crosses %s cannot be told before there is one", v)
	}
	// the target's document knows all versions; an older one may not list them
	order, err := OrderOf(b.in.Hops[len(b.in.Hops)-1].Product)
	if err != nil {
		return false, err
	}
	low, err := order.Compare(b.in.From, v)
	if err != nil {
		return false, err
	}
	high, err := order.Compare(b.plan.To, v)
	return low < 0 && high >= 0, err
}
