package manage

import (
	"context"
	"errors"

	"upkeep/internal/feature"
	"upkeep/internal/plan"
)

// AbsentError says that nothing of the product is there: it can be installed, and
// not be upgraded.
type AbsentError struct{ *RefusedError }

func (e *AbsentError) Unwrap() error { return e.RefusedError }

// FirstOf prepares the first install of the product by its installation document,
// which is there already.
func (in *Installation) FirstOf(ctx context.Context, req Request) (*First, error) {
	return PrepareInstall(ctx, in.asNew(req), req, func(*Installation) error { return nil })
}

func (in *Installation) asNew(req Request) NewInstallation {
	return NewInstallation{Product: in.Doc.Product, Name: in.Path, Folders: Folders(), By: req.By, Exe: in.Exe}
}

// guideFirst is Guide where nothing is installed. The parameters are those of the
// installation document.
func (in *Installation) guideFirst(ctx context.Context, req Request, target Release) (*Guide, error) {
	g := &Guide{First: true}
	g.To, g.Findings = target.Release.Version, []Finding{}
	if len(target.Product.Features) > 0 {
		var err error
		if g.Features, g.Refused, err = in.featuresFirst(ctx, target, req.Choose); err != nil {
			return nil, err
		}
	}
	if len(g.Refused) > 0 {
		req.Choose = nil
	}
	f, err := newFirst()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	err = f.prepare(ctx, in.asNew(req), req, func(*Installation) error { return nil })
	g.Missing = f.missing()
	var refused *RefusedError
	if errors.As(err, &refused) { // something is in the way
		for _, reason := range refused.Reasons {
			g.Findings = append(g.Findings, Finding{ID: "plan", Level: "blocker", Evidence: reason})
		}
		return g, nil
	}
	r, ferr := in.findings(ctx, req, f.Prepared, err)
	if ferr != nil {
		return nil, ferr
	}
	g.Readiness = r
	g.Installed, g.To = "", target.Release.Version
	g.later(f.Prepared, err)
	g.Optional, g.Scripts, g.Route = false, false, nil // there is nothing to go back to yet
	g.Params = in.parameters(ctx, target.Product, nil)
	for i := range g.Params {
		g.Params[i].Fixed = true
	}
	return g, nil
}

// featuresFirst are those of a release for a first install.
func (in *Installation) featuresFirst(ctx context.Context, target Release, asked []string) (states []feature.State, refused []string, err error) {
	c, err := in.catalogue(ctx, target.Product, target.Release.Version)
	if err != nil {
		return nil, nil, err
	}
	q := feature.Question{Standing: in.Doc.Choices, First: true, Holds: in.holds(target.Product, true)}
	wanted := q
	wanted.Asked = asked
	a, err := c.Solve(wanted)
	var conflict *feature.ConflictError
	if errors.As(err, &conflict) && len(asked) > 0 {
		refused = conflict.Reasons
		a, err = c.Solve(q)
	}
	if errors.As(err, &conflict) { // the document's own choices
		return nil, nil, &plan.Refusal{Reasons: conflict.Reasons}
	}
	return a.Features, refused, err
}
