package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/site"
)

// Unit is one installed copy of a component: what steps, facts, restore points
// and hooks are about. Its id is the component's where there is one copy, and
// COMPONENT@INSTANCE where there are several.
type Unit struct {
	ID        string
	Component string
	Instance  string // its name, also where there is one copy; empty when it has none
}

// UnitID names a copy of a component.
func UnitID(component, instance string) string {
	if instance == "" {
		return component
	}
	return component + "@" + instance
}

// ComponentOf gives the component of a unit's id.
func ComponentOf(unit string) string {
	component, _, _ := strings.Cut(unit, "@")
	return component
}

// Unit gives the id of what an instance of a plan is.
func (i Instance) Unit() string { return UnitID(i.Component, i.ID) }

// expand gives the product with a component for every unit, each at a place of
// its own, and what the units are. This is the only place that knows how
// instances come about: listed by the site, found by a registration, or the one
// at the product's own place. A component that is registered nowhere has no
// unit.
func expand(p *manifest.Product, s *site.Installation, sc *Scope, found map[string][]string) (*manifest.Product, map[string]Unit) {
	out, units := *p, map[string]Unit{}
	out.Order, out.Components = nil, map[string]manifest.Component{}
	for _, id := range p.Order {
		places := placesOf(p.Components[id], s.Instances[id], sc, found[id])
		for _, at := range places {
			u := Unit{ID: id, Component: id, Instance: at.ID}
			if len(places) > 1 {
				u.ID = UnitID(id, at.ID)
			}
			c := p.Components[id]
			c.At = manifest.At{Path: at.At}
			out.Order = append(out.Order, u.ID)
			out.Components[u.ID], units[u.ID] = c, u
		}
	}
	return &out, units
}

// placesOf gives the instances of a component, the listed ones first.
func placesOf(c manifest.Component, listed []site.Place, sc *Scope, found []string) []site.Place {
	if len(listed) == 0 && c.At.Probe == nil {
		return []site.Place{{At: c.At.Path}}
	}
	var out []site.Place
	var known, more []string
	taken := map[string]bool{}
	for _, l := range listed {
		taken[l.ID] = true
		if l.At == "" && c.At.Probe == nil {
			l.At = c.At.Path
		}
		out = append(out, l)
		if at, err := sc.Expand(l.At); err == nil {
			known = append(known, path.Clean(at))
		}
	}
	if c.At.Probe == nil {
		return out
	}
	for _, at := range found {
		if at = path.Clean(at); !slices.Contains(known, at) && !slices.Contains(more, at) {
			more = append(more, at)
		}
	}
	for i, name := range instanceNames(more, taken) {
		out = append(out, site.Place{ID: name, At: more[i]})
	}
	return out
}

// instanceNames names places that were found: by their last folder, by more of
// the path where that is not enough, and by a sum of the path where nothing
// else tells them apart. The name of a place does not depend on the order in
// which they are registered.
func instanceNames(places []string, taken map[string]bool) []string {
	out := make([]string, len(places))
	for i, at := range places {
		for depth := 1; out[i] == "" && depth <= 3 && tail(at, 1) != ""; depth++ {
			name := tail(at, depth)
			same := 0
			for _, other := range places {
				if tail(other, depth) == name {
					same++
				}
			}
			if same == 1 && name != "" && !taken[name] {
				out[i] = name
			}
		}
		if out[i] == "" {
			sum := sha256.Sum256([]byte(at))
			out[i] = "at-" + hex.EncodeToString(sum[:4])
		}
	}
	return out
}

// tail makes a name of the last folders of a path.
func tail(at string, depth int) string {
	parts := strings.Split(strings.Trim(at, "/"), "/")
	name := strings.Join(parts[max(0, len(parts)-depth):], "-")
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			b.WriteRune(r)
		case plainLetter(r) != "":
			b.WriteString(plainLetter(r))
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name = strings.Trim(b.String(), "-_")
	if len(name) > 32 {
		return ""
	}
	return name
}

// plainLetter writes a letter of western Europe without its marks.
func plainLetter(r rune) string {
	for plain, marked := range map[string]string{"a": "àáâãäå", "c": "ç", "e": "èéêë", "i": "ìíîï", "n": "ñ", "o": "òóôõöø", "u": "ùúûü", "y": "ýÿ", "ss": "ß", "oe": "œ", "ae": "æ",
		"A": "ÀÁÂÃÄÅ", "C": "Ç", "E": "ÈÉÊË", "I": "ÌÍÎÏ", "N": "Ñ", "O": "ÒÓÔÕÖØ", "U": "ÙÚÛÜ", "Y": "Ý"} {
		if strings.ContainsRune(marked, r) {
			return plain
		}
	}
	return ""
}

// NewResolver gives the resolver of a product document at a site, its
// components expanded to their units. It is there also when the error says that
// the declared environment cannot be resolved.
func NewResolver(p *manifest.Product, s *site.Installation, f Facts) (*Resolver, error) {
	sc := NewScope(p, s, f.Defaults, f.Values)
	r := &Resolver{Raw: p, Scope: sc, Account: f.Account, Root: f.Root, said: f.Said, installed: f.Installed}
	r.Product, r.Units = expand(p, s, sc, f.Places)
	r.Product.Services, r.own = r.services(p)
	env, err := Environment(p, sc)
	r.Env = env
	return r, err
}

// Unit gives the resolver for what a document says of one unit: ${this.path}
// is its place.
func (r *Resolver) Unit(id string) *Resolver {
	if _, known := r.Units[id]; !known {
		return r
	}
	u := *r
	u.this = id
	pairs := []string{"this.component", ComponentOf(id), "this.instance", r.Units[id].Instance}
	if at, err := r.Scope.Expand(r.Product.Components[id].At.Path); err == nil && at != "" {
		pairs = append(pairs, "this.path", at)
	}
	u.Scope = r.Scope.With(pairs...)
	return &u
}

// About gives the resolver for what a document says of a component before its
// units are known.
func (r *Resolver) About(component string) *Resolver {
	c := *r
	c.Scope = r.Scope.With("this.component", component)
	return &c
}

// UnitsOf gives the ids of a component's units; a unit's own id gives itself.
func (r *Resolver) UnitsOf(component string) []string {
	if _, ok := r.Product.Components[component]; ok {
		return []string{component}
	}
	var out []string
	for _, id := range r.Product.Order {
		if ComponentOf(id) == component {
			out = append(out, id)
		}
	}
	return out
}
