package plan

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// What a document says with ${this.…} is said of every unit by itself; what
// says of: [COMPONENT] is about the units of those components only.

// perUnit says whether a part of a document speaks of ${this.…}.
func perUnit(part any) bool {
	raw, err := json.Marshal(part)
	return err == nil && bytes.Contains(raw, []byte("${this."))
}

// Each gives the units that a part of a document is said of by itself; none
// when it is said of the whole product.
func (r *Resolver) Each(part any) []string {
	if !perUnit(part) {
		return nil
	}
	return r.unitsOf(nil)
}

// checkItems resolves a check, for every unit that it is about.
func (b *builder) checkItems(c manifest.Check) (out []CheckItem) {
	units := b.res.Each(c.Probe)
	if len(units) == 0 {
		units = []string{""}
	}
	for _, id := range units {
		if id != "" && !b.selected(id) {
			continue
		}
		pr, err := b.res.Unit(id).Probe(c.Probe)
		if !b.check(err) {
			continue
		}
		item := CheckItem{ID: c.ID, Probe: *pr, Effect: c.Effect}
		if len(units) > 1 {
			item.ID += " of " + id
		}
		out = append(out, item)
	}
	return out
}

// unitsOf gives the units of some components; of none: every tree.
func (r *Resolver) unitsOf(of []string) []string {
	var out []string
	for _, id := range r.Product.Order {
		if slices.Contains(of, ComponentOf(id)) || len(of) == 0 && r.Product.Components[id].Kind == "tree" {
			out = append(out, id)
		}
	}
	return out
}

// services gives a service for every unit where the document speaks of
// ${this.…}, and whose they are.
func (r *Resolver) services(p *manifest.Product) (out []manifest.Service, own map[string]string) {
	own = map[string]string{}
	for _, s := range p.Services {
		if !perUnit(s) {
			out = append(out, s)
			continue
		}
		units := r.unitsOf(s.Of)
		for _, u := range units {
			one := s
			if len(units) > 1 {
				one.ID = UnitID(s.ID, serviceInstance(u, s.Of))
			}
			own[one.ID] = u
			out = append(out, one)
		}
	}
	return out, own
}

// serviceInstance tells the services of units apart.
func serviceInstance(unit string, of []string) string {
	component, instance, _ := strings.Cut(unit, "@")
	switch {
	case len(of) == 1:
		return instance
	case instance == "":
		return component
	}
	return component + "-" + instance
}

// serves says which units a service is there for; none: the whole product.
func (r *Resolver) serves(s manifest.Service) []string {
	switch own := r.own[s.ID]; {
	case own != "":
		return []string{own}
	case len(s.Of) > 0:
		return r.unitsOf(s.Of)
	}
	return nil
}

// serviceIDs gives the ids of the services that a name means: several where
// each unit has its own.
func (r *Resolver) serviceIDs(name string) []string {
	var out []string
	for _, s := range r.Product.Services {
		if base, _, _ := strings.Cut(s.ID, "@"); s.ID == name || slices.Contains(s.Names, name) || base == name {
			if own := r.own[s.ID]; r.this == "" || own == "" || own == r.this {
				out = append(out, s.ID)
			}
		}
	}
	return out
}

// subjects gives what a step is about: units, each by itself; the whole
// product, as one empty name; or nothing, when nothing that it is about is
// upgraded.
func (b *builder) subjects(s manifest.Step) []string {
	if b.res.this != "" {
		return []string{b.res.this}
	}
	if !perUnit(s) && len(s.Of) == 0 || b.installs(s) {
		return []string{""}
	}
	units := slices.DeleteFunc(b.res.unitsOf(s.Of), func(id string) bool { return !b.takesPart(id) })
	if !perUnit(s) && len(units) > 0 {
		return []string{""}
	}
	return units
}

// about does what concerns a unit; an empty name stands for the whole product.
func (b *builder) about(unit string, several bool, do func()) {
	all, suffix := b.res, b.suffix
	if unit != "" {
		b.res = b.res.Unit(unit)
	}
	if several {
		b.suffix = unit
	}
	do()
	b.res, b.suffix = all, suffix
}
