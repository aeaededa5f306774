package plan

import (
	"fmt"
	"path"
	"strings"

	"upkeep/internal/manifest"
)

// Access resolves an access mode of the product's own, for every unit where its
// document speaks of ${this.path}.
func (r *Resolver) Access(mode string, a manifest.Access) ([]*AccessParams, error) {
	return r.modes(mode, a, false)
}

// Markers resolves only the files of a mode, for those who look whether it is
// on.
func (r *Resolver) Markers(mode string, a manifest.Access) ([]*AccessParams, error) {
	return r.modes(mode, a, true)
}

func (r *Resolver) modes(mode string, a manifest.Access, files bool) ([]*AccessParams, error) {
	units := r.speaks(a)
	if len(units) == 0 && perUnit(a) {
		return nil, nil // nothing of it is installed
	}
	if len(units) == 0 {
		p, err := r.access(mode, a, files)
		return []*AccessParams{p}, err
	}
	several := perUnit(a) && len(r.unitsOf(a.Of)) > 1 || len(units) > 1
	var out []*AccessParams
	for _, id := range units {
		p, err := r.Unit(id).access(mode, a, files)
		if err != nil {
			return nil, err
		}
		if p.of = id; several {
			p.Unit = id
		}
		out = append(out, p)
	}
	return out, nil
}

// speaks gives the units that a mode is about: all that it is of where it names
// ${this.path}, and those of the first tree's component where its marker lies in
// the tree.
func (r *Resolver) speaks(a manifest.Access) (units []string) {
	all := perUnit(a)
	if all && r.this != "" {
		return []string{r.this}
	}
	if all {
		return r.unitsOf(a.Of)
	}
	if a.Marker == "" || strings.HasPrefix(a.Marker, "/") || strings.HasPrefix(a.Marker, "${") || r.Product.Dirs["root"] != "" {
		return nil
	}
	first := ""
	for _, id := range r.Product.Order {
		if r.Product.Components[id].Kind != "tree" {
			continue
		}
		if first == "" {
			first = ComponentOf(id)
		}
		if ComponentOf(id) == first {
			units = append(units, id)
		}
	}
	return units
}

func (r *Resolver) access(mode string, a manifest.Access, files bool) (*AccessParams, error) {
	p := &AccessParams{Mode: mode, Reason: a.Reason, Env: r.Env}
	fail := func(err error) (*AccessParams, error) { return nil, fmt.Errorf("access mode %s: %w", mode, err) }
	var err error
	for _, f := range []struct {
		to   *string
		from string
	}{{&p.Marker, a.Marker}, {&p.Parked, a.Parked}} {
		if f.from == "" {
			continue
		}
		if *f.to, err = Rooted(r, f.from); err != nil {
			return fail(err)
		}
	}
	for _, alias := range a.Aliases {
		p.Aliases = append(p.Aliases, path.Join(path.Dir(p.Marker), path.Base(alias)))
	}
	if files {
		return p, nil
	}
	if p.Content, err = r.Scope.Expand(a.Content); err != nil {
		return fail(err)
	}
	as, err := r.account("")
	if err != nil {
		return fail(err)
	}
	if a.Command != nil {
		if p.Enter, err = r.Scope.ExpandAll(a.Command.Enter); err != nil {
			return fail(err)
		}
		if p.Leave, err = r.Scope.ExpandAll(a.Command.Leave); err != nil {
			return fail(err)
		}
		if a.Command.State == nil {
			return fail(fmt.Errorf("a mode by commands needs state: a probe that tells whether it is on"))
		}
		if p.State, err = r.Probe(*a.Command.State); err != nil {
			return fail(err)
		}
		if as, err = r.account(a.Command.As); err != nil {
			return fail(err)
		}
		if as == "" && r.Root {
			return fail(fmt.Errorf("say which account its commands run under, with as:"))
		}
	}
	p.As, p.Owner = as, as
	if a.Refused != nil {
		if p.Refused, err = r.Probe(*a.Refused); err != nil {
			return fail(err)
		}
	}
	if p.Marker == "" && len(p.Enter) == 0 {
		return fail(fmt.Errorf("it has neither a marker nor a command"))
	}
	return p, nil
}

// account gives the account of a step: the one it states, otherwise that of
// the first service.
func (r *Resolver) account(stated string) (string, error) {
	for _, s := range r.Product.Services {
		if stated == "" {
			stated = s.As
		}
	}
	return r.As(stated)
}
