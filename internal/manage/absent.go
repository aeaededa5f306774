package manage

import (
	"errors"
	"io/fs"
	"slices"

	"upkeep/internal/feature"
	"upkeep/internal/journal"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// optional says which components a feature brings that is not known as installed:
// their trees need not be there.
func optional(p *manifest.Product) func(component string) bool {
	return func(id string) bool { return p.Chosen != nil && slices.Contains(p.Chosen.Fresh, id) }
}

// notThere says that a component's tree is not there, and need not be.
func notThere(component string, f plan.Facts) bool {
	for unit, fact := range f.Instances {
		if fact.Absent && plan.ComponentOf(unit) == component {
			return true
		}
	}
	return false
}

// here gives the product as it is installed, without what was found absent. The
// facts lose it too.
func here(p *manifest.Product, f plan.Facts) *manifest.Product {
	var gone []string
	for unit, fact := range f.Instances {
		if fact.Absent {
			gone = append(gone, plan.ComponentOf(unit))
			delete(f.Instances, unit)
		}
	}
	return lacking(p, func(id string) bool { return slices.Contains(gone, id) })
}

// lacking gives the product without some components; itself where there is none
// of them.
func lacking(p *manifest.Product, absent func(component string) bool) *manifest.Product {
	if p == nil || !slices.ContainsFunc(p.Order, absent) {
		return p
	}
	return feature.Without(p, absent)
}

// brought says which components features of the product's own document bring.
func brought(p *manifest.Product) func(component string) bool {
	all := map[string]bool{}
	var add func(of map[string]manifest.Feature)
	add = func(of map[string]manifest.Feature) {
		for _, f := range of {
			for _, id := range f.Components {
				all[id] = true
			}
			add(f.Of)
		}
	}
	for _, g := range p.Features {
		add(g.Of)
	}
	return func(id string) bool { return all[id] }
}

// present gives the product without the trees that features bring and that are
// not there, where nothing tells what is chosen.
func (in *Installation) present(p *manifest.Product) *manifest.Product {
	r, err := in.surveyor().Resolver(p, in.Doc, plan.Facts{})
	if err != nil {
		return p // who needs its references says so
	}
	may := brought(p)
	return lacking(p, func(id string) bool {
		c := p.Components[id]
		if c.Kind != "tree" || c.At.Probe != nil || !may(id) {
			return false
		}
		at, err := r.Scope.Expand(c.At.Path)
		if err != nil {
			return false
		}
		_, err = in.FS.Lstat(at)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// recorded gives the product without what the record of what is installed does
// not have: components of features that are not chosen.
func recorded(p *manifest.Product, record []journal.Installed) *manifest.Product {
	if p == nil || len(p.Features) == 0 {
		return p
	}
	return lacking(p, func(id string) bool {
		return p.Components[id].Kind != "" && !slices.ContainsFunc(record, func(i journal.Installed) bool { return i.Component == id })
	})
}
