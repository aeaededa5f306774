package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/feature"
	"upkeep/internal/journal"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// Features are what a release offers this installation, and what would be there
// if what is asked for were chosen. Refused says why that cannot be had.
func (in *Installation) Features(ctx context.Context, req Request) (release string, states []feature.State, refused []string, err error) {
	p, err := in.target(ctx, req)
	if err != nil {
		return "", nil, nil, err
	}
	defer p.Close()
	target := p.Releases[0]
	states, refused, err = in.featuresOf(ctx, target, req.Choose)
	return target.Release.Version, states, refused, err
}

// featuresOf are those of a release that is at hand.
func (in *Installation) featuresOf(ctx context.Context, target Release, asked []string) (states []feature.State, refused []string, err error) {
	c, err := in.catalogue(ctx, target.Product, target.Release.Version)
	if err != nil {
		return nil, nil, err
	}
	q, err := in.features(ctx, c, target.Product, nil)
	if err != nil {
		return nil, nil, err
	}
	wanted := q
	wanted.Asked = asked
	a, err := c.Solve(wanted)
	var conflict *feature.ConflictError
	if errors.As(err, &conflict) && len(asked) > 0 {
		refused = conflict.Reasons
		a, err = c.Solve(q)
	}
	return a.Features, refused, err
}

// target reads the releases and gives the wanted one alone.
func (in *Installation) target(ctx context.Context, req Request) (*Prepared, error) {
	p, err := in.unpacking()
	if err != nil {
		return nil, err
	}
	o, err := in.offer(ctx, req, p.temp.Path)
	if err == nil {
		var target Release
		if target, _, err = in.choose(o.releases, req.To); err == nil {
			err = in.fits(target.Product)
		}
		p.Releases = []Release{target}
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// narrow gives the release's product with what is chosen: what is installed, and
// what is asked for beside it.
func (in *Installation) narrow(ctx context.Context, p *manifest.Product, release string, standing, asked []string) (*manifest.Product, error) {
	return in.narrowed(ctx, p, release, standing, asked, nil)
}

// before gives the product with what is installed before a run that adds
// features.
func (in *Installation) before(ctx context.Context, p *manifest.Product, release string, target *manifest.Product) (*manifest.Product, error) {
	var added []string
	if target.Chosen != nil {
		added = target.Chosen.Added
	}
	return in.narrowed(ctx, p, release, nil, nil, added)
}

func (in *Installation) narrowed(ctx context.Context, p *manifest.Product, release string, standing, asked, added []string) (*manifest.Product, error) {
	if len(p.Features) == 0 {
		if len(asked) > 0 {
			return nil, &RefusedError{What: "the features cannot be chosen", Reasons: []string{fmt.Sprintf("%s %s has none to choose", p.ID, release)}}
		}
		return p, nil
	}
	c, err := in.catalogue(ctx, p, release)
	if err != nil {
		return nil, err
	}
	q, err := in.features(ctx, c, p, added)
	if err != nil {
		return nil, err
	}
	q.Standing, q.Asked = standing, asked
	return solved(c, q, p)
}

// chooseFirst settles what a first install brings, and writes it into the text of
// the new document.
func (in *Installation) chooseFirst(ctx context.Context, target Release, text []byte, there bool, asked []string) (*manifest.Product, []byte, error) {
	p := target.Product
	if len(p.Features) == 0 {
		p, err := in.narrow(ctx, p, target.Release.Version, nil, asked)
		return p, text, err
	}
	c, err := in.catalogue(ctx, p, target.Release.Version)
	if err != nil {
		return nil, nil, err
	}
	if p, err = solved(c, feature.Question{Standing: in.Doc.Choices, Asked: asked, First: true, Holds: in.holds(p, true)}, p); err != nil || there {
		return p, text, err
	}
	nodes, err := yaml.Parse(in.Path, text)
	if err != nil {
		return nil, nil, err
	}
	text, err = site.SetChoices(text, nodes[0], p.Chosen.Features)
	in.Doc.Choices = p.Chosen.Features
	return p, text, err
}

// stationed gives the product of a hop with what is chosen there: on the way what
// is installed, and at its end the target's.
func (in *Installation) stationed(ctx context.Context, r, target Release, last bool) (*manifest.Product, error) {
	if last {
		return target.Product, nil
	}
	return in.before(ctx, r.Product, r.Release.Version, target.Product)
}

func solved(c *feature.Catalogue, q feature.Question, p *manifest.Product) (*manifest.Product, error) {
	a, err := c.Solve(q)
	var conflict *feature.ConflictError
	if errors.As(err, &conflict) {
		return nil, &plan.Refusal{Reasons: conflict.Reasons}
	}
	if err != nil {
		return nil, err
	}
	return feature.Narrow(p, a), nil
}

// catalogue reads what a release and the site's own folders offer.
func (in *Installation) catalogue(ctx context.Context, p *manifest.Product, release string) (*feature.Catalogue, error) {
	found, err := in.extensions(p)
	if err != nil {
		return nil, err
	}
	order, err := plan.OrderOf(p)
	if err != nil {
		return nil, err
	}
	return feature.New(p, order, release, found)
}

// features gives the question of what is chosen, with what is installed: as the
// last run left it, otherwise as the components tell, and where they tell
// nothing as the installation document says, but for what this run adds to it.
func (in *Installation) features(ctx context.Context, c *feature.Catalogue, p *manifest.Product, added []string) (feature.Question, error) {
	q := feature.Question{Standing: in.Doc.Choices, Holds: in.holds(p, false)}
	recorded, err := in.recordedChoices(ctx)
	if err != nil || recorded != nil {
		q.Installed = recorded
		return q, err
	}
	look, err := in.there(ctx, c, p)
	if err != nil {
		return q, err
	}
	q.Installed = c.Installed(look)
	for _, name := range in.Doc.Choices {
		if !c.Tells(name, look) && !slices.Contains(q.Installed, name) && !slices.Contains(added, name) {
			q.Installed = append(q.Installed, name)
		}
	}
	return q, nil
}

// recordedChoices are those of the last run that ended on its new version; nil
// where no run tells.
func (in *Installation) recordedChoices(ctx context.Context) ([]string, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	var choices []string
	taken := 0 // runs that were taken back later
	err = j.LatestNew(ctx, func(row journal.Run) (bool, error) {
		p, err := j.Plan(ctx, row.Plan)
		switch {
		case err != nil:
			return false, err
		case p.Trigger == plan.TriggerBack:
			taken++
		case taken > 0:
			taken--
		case len(p.Choices) > 0:
			choices = p.Choices
		}
		return choices == nil, nil
	})
	return choices, err
}

// there looks which components are installed, of those that tell.
func (in *Installation) there(ctx context.Context, c *feature.Catalogue, p *manifest.Product) (func(string) (tells, there bool), error) {
	s := in.surveyor()
	s.Optional = c.Brings
	facts, err := s.Basics(ctx, p, in.Doc)
	if err != nil {
		return nil, err
	}
	return func(id string) (tells, there bool) {
		if p.Components[id].Version == nil {
			return false, false
		}
		for unit, f := range facts.Instances {
			there = there || plan.ComponentOf(unit) == id && f.Version != ""
		}
		return true, there
	}, nil
}

// holds decides the conditions of features that choose themselves by what is
// known before anything is surveyed.
func (in *Installation) holds(p *manifest.Product, first bool) func(*manifest.When) (bool, error) {
	return func(w *manifest.When) (bool, error) { return plan.Holds(plan.Input{Site: in.Doc, First: first}, p, w) }
}

// extensions reads the features that lie in folders of the site.
func (in *Installation) extensions(p *manifest.Product) ([]feature.Found, error) {
	var out []feature.Found
	for _, g := range p.Features {
		if g.Folder == "" {
			continue
		}
		r, err := in.surveyor().Resolver(p, in.Doc, plan.Facts{})
		if err != nil {
			return nil, err
		}
		folder, err := r.Scope.Expand(g.Folder)
		if err != nil {
			return nil, fmt.Errorf("the features of %q: %w", g.Group, err)
		}
		if !filepath.IsAbs(folder) {
			return nil, fmt.Errorf("the features of %q lie in %q: the product's document must give an absolute path", g.Group, folder)
		}
		entries, err := in.FS.ReadDir(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot look for the features of %q: %w", g.Group, err)
		}
		for _, e := range entries {
			f, err := in.extension(g.Group, filepath.Join(folder, e.Name))
			if err != nil {
				return nil, err
			}
			if f != nil {
				out = append(out, *f)
			}
		}
	}
	return out, nil
}

// extension reads one; nil where the folder holds none.
func (in *Installation) extension(group, dir string) (*feature.Found, error) {
	path := filepath.Join(dir, manifest.ExtensionFile)
	info, err := in.FS.Stat(path)
	if err != nil || !info.Mode.IsRegular() {
		return nil, nil // something else that lies there
	}
	text, err := in.FS.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the extension: %w", err)
	}
	nodes, err := yaml.Parse(path, text)
	if err != nil {
		return nil, err
	}
	e, err := manifest.DecodeExtension(document.Source{Name: path, Text: text}, nodes)
	if err != nil {
		return nil, err
	}
	return &feature.Found{Group: group, Folder: dir, Extension: *e}, nil
}
