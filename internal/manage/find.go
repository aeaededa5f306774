package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// lookFor looks for one component where the documents say it is: why it is not
// there, with the place; empty when it is.
func (in *Installation) lookFor(ctx context.Context, r *plan.Resolver, id string) string {
	c := r.Product.Components[id]
	why := func(place string, err error) string {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Sprintf("%s: looked for %s (%s), which is not there", id, place, c.At.Path)
		}
		return fmt.Sprintf("%s: looked for %s: %v", id, place, err)
	}
	switch {
	case c.At.Probe != nil:
		return ""
	case c.Kind == "tree":
		at, err := r.Scope.Expand(c.At.Path)
		if err != nil {
			return why("its folder", err)
		}
		info, err := in.FS.Stat(at)
		if err != nil {
			return why("the folder "+at, err)
		}
		if !info.IsDir() {
			return why(at, errors.New("it is no folder"))
		}
	case c.Data():
		d, err := r.Database(id)
		if err != nil {
			return why("its database", err)
		}
		db, err := in.databases.Open(ctx, *d, "look")
		if err != nil {
			return why("its database", err)
		}
		defer db.Close()
		if _, err := db.Inspect(ctx); err != nil {
			return why("its database", err)
		}
	}
	return ""
}

// absences looks for every component; nil when all are there.
func (in *Installation) absences(ctx context.Context, p *manifest.Product) ([]string, error) {
	r, err := in.surveyor().Resolver(p, in.Doc, plan.Facts{})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, id := range p.Order {
		if why := in.lookFor(ctx, r, id); why != "" {
			out = append(out, why)
		}
	}
	return out, nil
}

// triesFound says of a parameter's value whether what rests on it is there: a
// folder, a database that can be reached.
func (in *Installation) triesFound(ctx context.Context, p *manifest.Product) func(id string) error {
	return func(param string) error {
		r, err := in.surveyor().Resolver(p, in.Doc, plan.Facts{})
		if err != nil {
			return nil // it rests on parameters that come later
		}
		may := brought(p)
		for _, id := range p.Order {
			c := p.Components[id]
			if c.At.Probe != nil || !uses(p, c.At.Path, param) || may(id) {
				continue
			}
			if _, secret := r.Scope.Secret(c.At.Path); !secret {
				if _, err := r.Scope.Expand(c.At.Path); err != nil {
					continue
				}
			}
			if why := in.lookFor(ctx, r, id); why != "" {
				return errors.New(why)
			}
		}
		return nil
	}
}

// shares refuses what another installation of this computer uses already.
func (in *Installation) shares(ctx context.Context, p *manifest.Product, folders []string) error {
	r, err := in.surveyor().Resolver(p, in.Doc, plan.Facts{})
	if err != nil {
		return err
	}
	return in.clashes(ctx, folders, in.productClaims(r))
}
