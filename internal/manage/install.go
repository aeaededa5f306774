package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"upkeep/internal/feed"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/scratch"
	"upkeep/internal/step"
)

// First is a prepared first install.
type First struct {
	*Prepared
	In    *Installation
	text  []byte // of the installation document, where it is new
	req   Request
	offer *offer
}

// PrepareInstall makes the plan of a first install of the release that req
// names, or of the feed's. It changes nothing of the product. Where there is an
// installation document already, settle is asked whether the installation is at rest.
func PrepareInstall(ctx context.Context, n NewInstallation, req Request, settle func(*Installation) error) (*First, error) {
	f, err := newFirst()
	if err != nil {
		return nil, err
	}
	if err := f.prepare(ctx, n, req, settle); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func newFirst() (*First, error) {
	temp, err := scratch.New(realFiles(), "", "plan")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for reading the releases: %w", err)
	}
	return &First{Prepared: &Prepared{temp: temp}}, nil
}

func (f *First) prepare(ctx context.Context, n NewInstallation, req Request, settle func(*Installation) error) error {
	aside, err := f.offered(ctx, n, req)
	if err != nil {
		return err
	}
	target, _, err := choose(f.offer.releases, req.To)
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
	f.In, f.To, f.req = in, target.Release.Version, req
	in.feedAside = aside
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
	f.Releases = []Release{target}
	return f.compile(ctx)
}

// offered opens what can be installed: bundles that a person has named, or the
// feed's release. Before there is an installation, what is known of its feed lies aside,
// in the place that is given, so that nothing is left where nobody says yes.
func (f *First) offered(ctx context.Context, n NewInstallation, req Request) (aside string, err error) {
	id := n.Product
	var named []Release
	if req.From != "" {
		d, err := describe(ctx, req.From, f.temp.Path)
		if err != nil {
			return "", err
		}
		if len(d.releases) == 0 {
			return "", fmt.Errorf("%s is a product's document, and no release of it: name a release's bundle with --from", d.from)
		}
		if id != "" && id != d.product.ID {
			return "", fmt.Errorf("%s is of %s, and not of %s", d.from, d.product.ID, id)
		}
		id, named = d.product.ID, d.releases
	}
	in, _, there, err := n.sketch(id)
	if err != nil {
		return "", err
	}
	if !there {
		in.feedAside = filepath.Join(f.temp.Path, "feed")
	}
	if f.offer, err = in.believed(ctx); err != nil {
		return "", err
	}
	switch {
	case named != nil:
		f.offer.bring(named)
		return in.feedAside, ctx.Err()
	case id != "" && in.Doc.Product != id:
		return "", &RefusedError{What: "there is an installation document already", Reasons: []string{otherProduct(in, id)}}
	case f.offer.feed == nil && there:
		return "", &NoFeedError{Document: in.Path}
	case f.offer.feed == nil:
		return "", &NoProductError{}
	}
	return in.feedAside, in.fromFeed(ctx, f.offer, req.To)
}

// compile makes the plan of the release that was chosen.
func (f *First) compile(ctx context.Context) error {
	in, req, target := f.In, f.req, f.Releases[0]
	b, err := planBundle(target)
	if err != nil {
		return err
	}
	f.Input = plan.Input{Site: in.Doc, Installed: target.Product, First: true, Trigger: req.Trigger, OnFailure: "origin", Waivers: req.Waivers, Notes: f.offer.passed,
		Hops: []plan.HopInput{{Release: target.Release, Product: target.Product, Bundle: b}}}
	if f.Input.Facts, err = in.surveyor().First(ctx, target.Product, in.Doc, target.Release); err != nil {
		return err
	}
	if err := plan.Entitled(target.Product, req.Trigger, f.Input.Facts.Values); err != nil {
		return err
	}
	hops := []hop{{release: target}}
	v, err := signedPush(hops, req)
	if v == nil && err == nil {
		v, err = f.offer.stands(hops, req)
	}
	if err != nil {
		return err
	}
	if v != nil && v.Unsigned != "" {
		f.Input.Notes = append(slices.Clone(f.Input.Notes), "nobody vouches for the bundle: "+v.Unsigned)
	}
	f.Input.Vouch = v
	if f.Plan, err = plan.Compile(f.Input); err != nil {
		return err
	}
	f.Forecast = plan.Estimate(f.Plan, f.Input)
	f.Forecast.Fetch = f.missing()
	if f.vouched() {
		f.Forecast.Seen = f.offer.vouch.Seen
	}
	return nil
}

// vouched says that the feed stands for what is installed.
func (f *First) vouched() bool { return f.Plan.Vouch != nil && f.Plan.Vouch.Feed != "" }

// Fetch brings, after the yes, what the installation needs of its feed: what
// vouches for the release, and the payloads that are not here. It may take its time, so the
// plan is made again, and must be the one that got the yes.
func (f *First) Fetch(ctx context.Context, progress func(file string, done, total int64)) (feed.Fetched, error) {
	var got feed.Fetched
	in := f.In
	if !f.vouched() || in.feedAside == "" && f.missing() == 0 {
		return got, nil
	}
	if in.feedAside != "" {
		in.feedAside = ""
		if err := in.pins(f.Plan.Vouch.Root); err != nil {
			return got, err
		}
		if _, _, _, err := in.vouched(ctx); err != nil {
			return got, distrust(err)
		}
	}
	got, err := in.FetchAll(ctx, f.Prepared, progress)
	if err != nil {
		return got, err
	}
	was := f.Plan
	if err := f.compile(ctx); err != nil {
		return got, err
	}
	if f.Plan.Digest != was.Digest {
		return got, &Moved{Shown: was.ID(), Now: f.Plan.ID(), Changes: plan.Differences(was, f.Plan)}
	}
	return got, nil
}

// pins refuses a state folder that holds another feed than that of the plan, as
// an install that did not come about may leave it.
func (in *Installation) pins(root string) error {
	f, err := in.Feed(nil)
	if err != nil {
		return err
	}
	if has, err := f.Pinned(); err == nil && has != root {
		return &step.UserError{Msg: fmt.Sprintf("%s holds what is known of another feed (root %.12s)", in.feedDir(), has), Now: "an earlier install has left it: remove that folder, then try again"}
	}
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
// engine. What Fetch brings must be here. The document stays whatever comes of the run: it says how to
// install, and where the record of the run is.
func (f *First) Start(ctx context.Context, by string) (string, error) {
	in := f.In
	in.feedAside = ""
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
