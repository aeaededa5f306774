package plan

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/version"
)

// Selection says which units an upgrade is about, and where it begins.
type Selection struct {
	From  string   // version at which the route begins
	Units []string // nil: all of the product
	Notes []string // what is left alone, and why
}

// Select decides which units are upgraded to a release, by what was asked for
// (components, or units as COMPONENT@INSTANCE; none: all), by the rules of the
// product and by the versions that were found. An error of type *Refusal says
// what the rules forbid and what to ask for instead.
func Select(r *Resolver, f Facts, only []string, to *manifest.Release) (Selection, error) {
	order, err := OrderOf(r.Raw)
	if err != nil {
		return Selection{}, err
	}
	s := &selecting{r: r, f: f, to: to, order: order}
	asked := s.asked(only)
	if !slices.ContainsFunc(r.Product.Order, func(id string) bool { return leads(r, id, to) && !slices.Contains(asked, id) }) {
		asked = r.Product.Order // all that has the product's version is the product
	}
	s.rules(asked)
	if len(s.reasons) > 0 {
		return Selection{}, &Refusal{Reasons: dedupe(s.reasons)}
	}
	sel, err := s.versions(asked)
	if err == nil && len(s.reasons) > 0 {
		err = &Refusal{Reasons: dedupe(s.reasons)}
	}
	if len(asked) < len(r.Product.Order) && sel.Units == nil {
		sel.Units = asked
	}
	return sel, err
}

type selecting struct {
	r       *Resolver
	f       Facts
	to      *manifest.Release
	order   version.Order
	reasons []string
	notes   []string
}

func (s *selecting) refuse(format string, a ...any) {
	s.reasons = append(s.reasons, fmt.Sprintf(format, a...))
}

// asked resolves the words of a person to units, in the product's order.
func (s *selecting) asked(only []string) []string {
	if len(only) == 0 {
		return s.r.Product.Order
	}
	var want []string
	for _, word := range only {
		units := s.r.UnitsOf(word)
		for _, u := range s.r.Units { // the name of an only instance, or an alias of the component
			component, instance, _ := strings.Cut(word, "@")
			known := u.Component == component || slices.Contains(s.r.Raw.Components[u.Component].Aliases, component)
			if known && (instance == "" || instance == u.Instance) {
				units = append(units, u.ID)
			}
		}
		if _, component := s.r.Raw.Components[word]; component && len(units) == 0 {
			s.refuse("no instance of %s is installed here", word)
		} else if len(units) == 0 {
			s.refuse("there is no %s to upgrade: the product has %s", word, strings.Join(s.r.Product.Order, ", "))
		}
		want = append(want, units...)
	}
	return slices.DeleteFunc(slices.Clone(s.r.Product.Order), func(id string) bool { return !slices.Contains(want, id) })
}

func (s *selecting) component(unit string) manifest.Component { return s.r.Product.Components[unit] }

// rules refuses a part of the product that its vendor does not let stand alone.
func (s *selecting) rules(asked []string) {
	if len(asked) == len(s.r.Product.Order) {
		return
	}
	var together, left []string
	for _, id := range s.r.Product.Order {
		c, in := s.component(id), slices.Contains(asked, id)
		if in && !c.Independent && !c.AllTogether {
			s.refuse("%s cannot be upgraded alone: its vendor does not declare it independent; upgrade the whole product, without --only", ComponentOf(id))
		}
		switch {
		case !c.AllTogether:
		case in:
			together = append(together, id)
		default:
			left = append(left, id)
		}
		for _, text := range c.Depends {
			on, _, _ := strings.Cut(text, " ")
			for _, other := range s.r.UnitsOf(on) {
				if in && !slices.Contains(asked, other) && s.behind(other) && s.behind(id) {
					s.refuse("%s depends on %s, which is on %s: upgrade both, with --only %s --only %s", id, other, s.f.Instances[other].Version, id, other)
				}
			}
		}
	}
	if len(together) > 0 && len(left) > 0 {
		s.refuse("%s cannot be upgraded without %s: their vendor says all-together", strings.Join(together, ", "), strings.Join(left, ", "))
	}
	s.sameVersion(asked)
}

// sameVersion refuses to part roles that must agree.
func (s *selecting) sameVersion(asked []string) {
	var in, out []string
	for _, id := range s.r.Product.Order {
		switch role := s.component(id).Role; {
		case role == "" || !slices.Contains(s.r.Raw.SameVersion, role):
		case slices.Contains(asked, id):
			in = append(in, id)
		default:
			out = append(out, id)
		}
	}
	if len(in) > 0 && len(out) > 0 {
		s.refuse("%s and %s must be of the same version (same-version: %s): upgrade them together", strings.Join(in, ", "), strings.Join(out, ", "), strings.Join(s.r.Raw.SameVersion, ", "))
	}
}

// behind says that a unit is on an older version than the wanted release's.
func (s *selecting) behind(id string) bool {
	c, err := s.order.Compare(s.f.Instances[id].Version, s.to.Version)
	return leads(s.r, id, s.to) && (err != nil || c < 0)
}

// leads says whether a unit's version is that of the product's releases: those
// of others, such as databases, count on their own.
func leads(r *Resolver, id string, to *manifest.Release) bool {
	c := r.Product.Components[id]
	if chosen := r.Raw.Chosen; c.Version == nil || c.Data() || chosen != nil && slices.Contains(chosen.Fresh, ComponentOf(id)) {
		return false
	}
	if v, ok := to.Versions[ComponentOf(id)]; ok {
		return v == to.Version
	}
	_, shipped := to.Payloads[ComponentOf(id)]
	return shipped
}

// versions finds where the route begins. Units that can be upgraded by
// themselves are left alone where they are on the wanted version already.
func (s *selecting) versions(asked []string) (Selection, error) {
	var sel Selection
	alone, low := map[string]bool{}, ""
	for _, id := range asked {
		f := s.f.Instances[id]
		if f.Missing != "" {
			s.refuse("%s cannot be upgraded: %s; correct where it is registered or listed, or upgrade the others with --only", id, f.Missing)
			continue
		}
		if !leads(s.r, id, s.to) {
			continue
		}
		if f.Version == "" {
			err := fmt.Errorf("the installed version of %s cannot be read: its probe (%s) gave nothing; is the product where the installation document says?", id, s.component(id).Version.Source)
			if id == ComponentOf(id) {
				return sel, err
			}
			s.refuse("%v; upgrade the others with --only", err)
			continue
		}
		free := s.component(id).Independent
		c, err := s.order.Compare(f.Version, s.to.Version)
		if err != nil {
			return sel, fmt.Errorf("the installed version of %s: %w", id, err)
		}
		switch {
		case c == 0 && free:
			alone[id] = true
			s.notes = append(s.notes, fmt.Sprintf("%s is on %s already and is left alone", id, f.Version))
			continue
		case c > 0 && free:
			alone[id] = true
			s.notes = append(s.notes, fmt.Sprintf("%s is on %s, newer than %s, and is left alone", id, f.Version, s.to.Version))
			continue
		case low == "":
			low = f.Version
		case !free:
			continue // the first one tells, as ever
		}
		if c, err := s.order.Compare(f.Version, low); err == nil && c < 0 && free {
			low = f.Version
		}
	}
	sel.From = low
	switch {
	case low == "" && len(alone) > 0:
		sel.From = s.to.Version
	case low == "":
		return sel, nil // nothing leads: who asks finds another way to tell
	}
	sel.Notes = s.notes
	if len(alone) > 0 && low != "" {
		sel.Units = slices.DeleteFunc(slices.Clone(asked), func(id string) bool { return alone[id] })
	}
	return sel, nil
}
