// Package feature decides which features of a product are chosen, and with that
// which of its components are there: groups of which one or several are chosen,
// features below others, those that are mandatory or that choose themselves,
// what components depend on and what they do not go with. What is installed is
// locked: an upgrade adds, and takes nothing out.
//
// It is part of the model: it does no I/O and imports only the packages manifest,
// document/nearest and version.
package feature

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/version"
)

// Catalogue is what a release offers, ready to be asked.
type Catalogue struct {
	version    string // of the release
	order      version.Order
	dotted     version.Order
	features   []feature           // in the document's order, those below others after them
	byName     map[string][]int    // path or id to the features of that name
	replaced   map[string][]int    // id or path of a feature of earlier releases to what replaces it
	components map[string]relation // of every name that is declared or brought
	bringers   map[string][]int    // component to the features that bring it
	declared   []string            // components in the document's order
}

// feature is one feature, with where it stands.
type feature struct {
	manifest.Feature
	id, path string
	group    string
	source   string // folder that it was found in; empty: the product's own document
	parent   int    // index; -1: none
	one      string // group of which it is one alternative; empty: none
}

// relation is what a component needs and does not go with.
type relation struct {
	needs     []manifest.Need
	conflicts []manifest.Need
}

// Found are features of the site's own, by group.
type Found struct {
	Group  string
	Folder string
	manifest.Extension
}

// New reads what a release offers, and what was found in the site's folders.
// Component and feature names that nothing declares are the linter's to report.
// Order is that of the product's versions.
func New(p *manifest.Product, order version.Order, release string, found []Found) (*Catalogue, error) {
	dotted, err := version.Parse("dotted")
	if err != nil {
		return nil, err
	}
	c := &Catalogue{version: release, order: order, dotted: dotted, byName: map[string][]int{}, replaced: map[string][]int{},
		components: map[string]relation{}, bringers: map[string][]int{}}
	for _, id := range p.Order {
		if err := c.component(id, p.Components[id].Depends, p.Components[id].Conflicts); err != nil {
			return nil, err
		}
	}
	for _, g := range p.Features {
		one := ""
		if g.Choose == "one" {
			one = g.Group
		}
		c.add(g.Group, "", one, -1, g.Of, g.Order)
		for _, f := range found {
			if f.Group != g.Group {
				continue
			}
			if len(c.byName[f.ID]) > 0 {
				return nil, fmt.Errorf("the extension in %s is called %s, as another feature is: give it another name", f.Folder, f.ID)
			}
			for _, id := range f.Order {
				if _, known := c.components[id]; known {
					continue // several extensions may bring the same component
				}
				if err := c.component(id, f.Components[id].Depends, f.Components[id].Conflicts); err != nil {
					return nil, fmt.Errorf("the extension in %s: %w", f.Folder, err)
				}
			}
			c.add(g.Group, f.Folder, one, -1, map[string]manifest.Feature{f.ID: {Title: f.Title, Components: f.Order}}, []string{f.ID})
		}
	}
	return c, nil
}

// component keeps what a component needs.
func (c *Catalogue) component(id string, depends, conflicts []string) error {
	var r relation
	for _, list := range []struct {
		to    *[]manifest.Need
		texts []string
	}{{&r.needs, depends}, {&r.conflicts, conflicts}} {
		for _, text := range list.texts {
			n, err := manifest.ParseNeed(text)
			if err != nil {
				return fmt.Errorf("component %s: %w", id, err)
			}
			*list.to = append(*list.to, n)
		}
	}
	c.components[id] = r
	c.declared = append(c.declared, id)
	return nil
}

// add lists features and those below them.
func (c *Catalogue) add(group, source, one string, parent int, of map[string]manifest.Feature, order []string) {
	for _, id := range order {
		f := feature{Feature: of[id], id: id, path: id, group: group, source: source, parent: parent, one: one}
		if parent >= 0 {
			f.path = c.features[parent].path + "/" + id
		}
		n := len(c.features)
		c.features = append(c.features, f)
		c.byName[f.path] = append(c.byName[f.path], n)
		if id != f.path {
			c.byName[id] = append(c.byName[id], n)
		}
		for _, old := range f.Replaces {
			c.replaced[old] = append(c.replaced[old], n)
		}
		for _, component := range f.Components {
			c.bringers[component] = append(c.bringers[component], n)
			if _, known := c.components[component]; !known {
				c.components[component] = relation{}
				c.declared = append(c.declared, component)
			}
		}
		c.add(group, source, "", n, f.Of, f.Order)
	}
}

// nothing says that a feature is the choice of nothing, which never locks.
func (f feature) nothing() bool { return len(f.Components) == 0 && len(f.Of) == 0 && !f.Mandatory }

// name is what a person calls the feature.
func (f feature) name() string {
	if f.Title == "" {
		return f.path
	}
	return fmt.Sprintf("%s (%s)", f.path, f.Title)
}

// names lists features for a person.
func (c *Catalogue) names(of []int) string {
	var out []string
	for _, n := range of {
		out = append(out, c.features[n].path)
	}
	return strings.Join(out, " or ")
}

// Brings says that some feature brings a component.
func (c *Catalogue) Brings(component string) bool { return len(c.bringers[component]) > 0 }

// Empty says that nothing is to be chosen.
func (c *Catalogue) Empty() bool { return len(c.features) == 0 }

// Narrow gives the product as the answer has it: without the components that only
// features bring which are not chosen, and without services of such components
// alone.
func Narrow(p *manifest.Product, a Answer) *manifest.Product {
	n := Without(p, func(id string) bool { return !slices.Contains(a.Components, id) })
	n.Chosen.Features, n.Chosen.Added = a.Chosen, a.Added
	n.Chosen.Components, n.Chosen.Brought, n.Chosen.Fresh = a.Components, a.Brought, a.Fresh
	return n
}

// Without gives the product without some components, and without services of
// such components alone.
func Without(p *manifest.Product, absent func(component string) bool) *manifest.Product {
	n := *p
	n.Chosen = &manifest.Chosen{}
	if p.Chosen != nil {
		*n.Chosen = *p.Chosen
	}
	n.Chosen.Left = slices.Clone(n.Chosen.Left)
	n.Order, n.Components, n.Services = nil, map[string]manifest.Component{}, nil
	for _, id := range p.Order {
		if absent(id) {
			n.Chosen.Left = append(n.Chosen.Left, id)
			continue
		}
		n.Order = append(n.Order, id)
		n.Components[id] = p.Components[id]
	}
	for _, s := range p.Services {
		if len(s.Of) == 0 || slices.ContainsFunc(s.Of, func(id string) bool { _, there := n.Components[id]; return there }) {
			n.Services = append(n.Services, s)
		}
	}
	return &n
}

// Installed finds features by their components, where nothing else says what is
// installed. A feature is there when every one of its components that tells is
// there, and at least one tells; of alternatives the one of which most are there,
// the first of several.
func (c *Catalogue) Installed(look func(component string) (tells, there bool)) []string {
	var out []string
	best := map[string]int{} // group to its alternative
	score := make([]int, len(c.features))
	for n, f := range c.features {
		all := true
		for _, id := range f.Components {
			tells, there := look(id)
			all = all && (there || !tells)
			if there {
				score[n]++
			}
		}
		if !all || score[n] == 0 {
			score[n] = 0
			continue
		}
		if other, taken := best[f.one]; f.one != "" && (!taken || score[n] > score[other]) {
			best[f.one] = n
		}
	}
	for n, f := range c.features {
		up := f.parent
		if score[n] > 0 && (f.one == "" || best[f.one] == n) && (up < 0 || slices.Contains(out, c.features[up].path)) {
			out = append(out, f.path)
		}
	}
	return out
}

// Tells says whether any component of a feature can be looked for.
func (c *Catalogue) Tells(name string, look func(component string) (tells, there bool)) bool {
	return slices.ContainsFunc(c.byName[name], func(n int) bool {
		return slices.ContainsFunc(c.features[n].Components, func(id string) bool { tells, _ := look(id); return tells })
	})
}
