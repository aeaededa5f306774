package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/scratch"
)

// First is a prepared first install.
type First struct {
	*Prepared
	In   *Installation
	text []byte // of the installation document, where it is new
}

// PrepareInstall makes the plan of a first install of the release that req
// names. It changes nothing. Where there is an installation document already,
// settle is asked whether the installation is at rest.
func PrepareInstall(ctx context.Context, n NewInstallation, req Request, settle func(*Installation) error) (*First, error) {
	temp, err := scratch.New(realFiles(), "", "plan")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for reading the releases: %w", err)
	}
	f := &First{Prepared: &Prepared{temp: temp}}
	if err := f.prepare(ctx, n, req, settle); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *First) prepare(ctx context.Context, n NewInstallation, req Request, settle func(*Installation) error) error {
	d, err := describe(ctx, req.From, f.temp.Path)
	if err != nil {
		return err
	}
	if len(d.releases) == 0 {
		return fmt.Errorf("%s is a product's document, and no release of it: name a release's bundle with --from", d.from)
	}
	target, _, err := choose(d.releases, req.To)
	if err != nil {
		return err
	}
	if err := req.answered(target.Product, target.Release); err != nil {
		return err
	}
	if err := req.answeredParams(ctx, nil, target.Product); err != nil {
		return err
	}
	n.Answers.Given = joined(n.Answers.Given, req.Params.Given, func(v string) string { return v })
	in, text, there, err := draft(ctx, n, target.Product, func(in *Installation) func(string) error { return in.triesNew(ctx, target.Product) })
	if err != nil {
		return err
	}
	if there {
		if err := settle(in); err != nil {
			return err
		}
	}
	f.In, f.text, f.To = in, text, target.Release.Version
	if err := in.fits(target.Product); err != nil {
		return err
	}
	accepted, err := in.accepted(req.Trigger, []Release{target})
	if err != nil {
		return err
	}
	target = accepted[0]
	if target.Product, text, err = in.chooseFirst(ctx, target, text, there, req.Choose); err != nil {
		return err
	}
	f.text = text
	if err := in.shares(ctx, target.Product, n.Folders); err != nil {
		return err
	}
	if done, err := in.installedAlready(ctx, target); done || err != nil {
		f.UpToDate, f.Installed = done, f.To
		return err
	}
	b, err := planBundle(target)
	if err != nil {
		return err
	}
	f.Releases = []Release{target}
	f.Input = plan.Input{Site: in.Doc, Installed: target.Product, First: true, Trigger: req.Trigger, OnFailure: "origin", Waivers: req.Waivers,
		Hops: []plan.HopInput{{Release: target.Release, Product: target.Product, Bundle: b}}}
	if f.Input.Facts, err = in.surveyor().First(ctx, target.Product, in.Doc, target.Release); err != nil {
		return err
	}
	if err := plan.Entitled(target.Product, req.Trigger, f.Input.Facts.Values); err != nil {
		return err
	}
	if f.Input.Vouch, err = signedPush([]hop{{release: target}}, req); err != nil {
		return err
	}
	if f.Plan, err = plan.Compile(f.Input); err != nil {
		return err
	}
	f.Forecast = plan.Estimate(f.Plan, f.Input)
	return nil
}

// installedAlready says that the release is what a run or adopt has left, and
// that it is still there.
func (in *Installation) installedAlready(ctx context.Context, target Release) (bool, error) {
	s, err := in.Status(ctx)
	if err != nil || len(s.Record) == 0 {
		return false, err
	}
	missing, err := in.absences(ctx, target.Product)
	if err != nil || len(missing) > 0 {
		return false, err
	}
	if s.Record[0].Release != target.Release.Version {
		return false, &RefusedError{What: "nothing is installed anew", Reasons: []string{fmt.Sprintf("%s %s is installed here already: upkeep upgrade leads to another version", target.Product.ID, s.Record[0].Release)}}
	}
	return true, nil
}

// Start writes the installation document, opens the run and starts its
// engine. The document stays whatever comes of the run: it says how to
// install, and where the record of the run is.
func (f *First) Start(ctx context.Context, by string) (string, error) {
	in := f.In
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the state folder: %w", err)
	}
	if err := in.claim(f.text); err != nil {
		return "", err
	}
	return in.Start(ctx, f.Prepared, by)
}

// triesNew says of a parameter's value whether a new installation can be made
// with it: a database that can be reached, and is empty.
func (in *Installation) triesNew(ctx context.Context, p *manifest.Product) func(id string) error {
	return func(param string) error {
		r, err := in.surveyor().Resolver(p, in.Doc, plan.Facts{})
		if err != nil {
			return nil // it rests on parameters that come later
		}
		for _, id := range r.Product.Order {
			c := r.Product.Components[id]
			if !c.Database() || c.Kind == "sqlite" || !uses(p, c.At.Path, param) {
				continue
			}
			if why := in.lookFor(ctx, r, id); why != "" {
				return errors.New(why)
			}
		}
		return nil
	}
}

// nothing says that no component of the product is there, and where each was
// looked for; empty when one is, or when it cannot be told.
func (in *Installation) nothing(p *manifest.Product) []string {
	r, err := in.surveyor().Resolver(p, in.Doc, plan.Facts{})
	if err != nil {
		return nil
	}
	var looked []string
	for _, id := range r.Product.Order {
		c := r.Product.Components[id]
		if c.Kind != "tree" && c.Kind != "sqlite" {
			continue
		}
		at, err := r.Scope.Expand(c.At.Path)
		if err != nil {
			return nil
		}
		if _, err := in.FS.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		looked = append(looked, fmt.Sprintf("%s: looked for %s, which is not there", id, at))
	}
	return looked
}
