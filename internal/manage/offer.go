package manage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"upkeep/internal/bundle"
	"upkeep/internal/channel"
	"upkeep/internal/feed"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// offer is what a plan can be made of: bundles that a person has named, or
// releases of the feed, with what the feed says of them.
type offer struct {
	releases []Release
	feed     *feed.Feed     // nil: there is none
	index    *channel.Index // nil: nobody vouches for it now
	vouch    feed.Vouch
	distrust error    // why not
	fetched  bool     // the releases come from the feed
	passed   []string // later releases that are withdrawn
}

// offer opens the releases at req.From, or the wanted one of the feed without
// its payloads.
func (in *Installation) offer(ctx context.Context, req Request, cache string) (*offer, error) {
	o, err := in.believed(ctx)
	if err != nil {
		return nil, err
	}
	if req.From == "" && o.feed != nil {
		return o, in.fromFeed(ctx, o, req.To)
	}
	releases, err := in.OpenReleases(ctx, req.From, cache)
	if err != nil {
		return nil, err
	}
	o.bring(releases)
	return o, ctx.Err()
}

// prepare prepares of what is on offer for the request.
func (in *Installation) prepare(ctx context.Context, req Request, p *Prepared) error {
	o, err := in.offer(ctx, req, p.temp.Path)
	if err != nil {
		return err
	}
	return in.prepareOf(ctx, req, p, o)
}

// believed is an offer without releases yet: what the feed says, where there is one.
func (in *Installation) believed(ctx context.Context) (*offer, error) {
	o := &offer{}
	if in.Doc.Feed == nil {
		return o, nil
	}
	if o.feed, o.index, o.vouch, o.distrust = in.vouched(ctx); o.feed == nil {
		return nil, o.distrust
	}
	return o, nil
}

// fromFeed offers the wanted release of the feed, without its payloads.
func (in *Installation) fromFeed(ctx context.Context, o *offer, to string) error {
	if o.distrust != nil {
		return in.distrust(o.distrust)
	}
	o.fetched = true
	wanted, err := o.wanted(to)
	if err != nil {
		return err
	}
	r, err := in.document(ctx, o, wanted.Version)
	o.releases = []Release{r}
	return err
}

// bring offers releases that a person has named.
func (o *offer) bring(releases []Release) {
	o.releases = releases
	for i := range o.releases {
		o.told(&o.releases[i])
	}
}

// wanted is the release of the feed that is named, or the latest of the channel.
func (o *offer) wanted(to string) (*channel.Release, error) {
	if to != "" {
		if r := o.index.Find(to); r != nil {
			return r, nil
		}
		e := &feed.NoReleaseError{Feed: o.feed.Name(), Version: to}
		for _, r := range o.index.Releases {
			e.Have = append(e.Have, r.Version)
		}
		return nil, e
	}
	latest := o.index.Latest(o.feed.Channel())
	for i := len(o.index.Releases) - 1; i >= 0; i-- {
		r := o.index.Releases[i]
		if latest != nil && r.Version == latest.Version {
			break
		}
		if r.Withdrawn != "" && (r.Channel == channel.Stable || o.feed.Channel() == channel.Candidate) {
			text := fmt.Sprintf("%s is withdrawn: %s", r.Version, r.Withdrawn)
			if latest != nil {
				text += "; " + latest.Version + " is the latest that is not"
			}
			o.passed = append(o.passed, text)
		}
	}
	if latest == nil {
		why := "the feed " + o.feed.Name() + " has no release in the channel " + o.feed.Channel()
		if len(o.passed) > 0 {
			why += ": " + strings.Join(o.passed, "; ")
		}
		return nil, errors.New(why)
	}
	return latest, nil
}

// document opens a release of the feed by its documents.
func (in *Installation) document(ctx context.Context, o *offer, v string) (Release, error) {
	b, err := o.feed.Documents(ctx, v)
	if err != nil {
		return Release{}, in.distrust(err)
	}
	r, err := in.release(ctx, b)
	if err != nil {
		return Release{}, err
	}
	if r.Product.ID != in.Doc.Product || r.Release.Version != v {
		return Release{}, fmt.Errorf("the feed %s gives %s %s where %s %s belongs; tell its vendor", o.feed.Name(), r.Product.ID, r.Release.Version, in.Doc.Product, v)
	}
	payloads := map[string]bool{}
	for _, file := range r.Release.Payloads {
		payloads[file] = true
	}
	for name := range b.Missing() {
		if !payloads[name] {
			return Release{}, fmt.Errorf("the feed %s gives %s of release %s later, and that is no payload of it; tell its vendor", o.feed.Name(), name, v)
		}
	}
	o.told(r)
	return *r, nil
}

// told adds what the feed says of a release to what its own manifest says: it
// may have been withdrawn, or a way blocked, since it was published. A bundle
// that is another one than the feed's is told nothing.
func (o *offer) told(r *Release) {
	if o.index == nil {
		return
	}
	said := o.index.Find(r.Release.Version)
	if said == nil || said.Digest != r.Bundle.Digest() {
		return
	}
	r.Feed = said
	if said.Withdrawn != "" {
		r.Release.Withdrawn = said.Withdrawn
	}
	for _, b := range said.Blocked {
		r.Release.Blocked = append(r.Release.Blocked, manifest.Block{From: b.From, Reason: b.Reason})
	}
}

// along adds the releases between what is installed and the target, of the
// channel that the site follows: some of them may be required stops. was says that
// the installed one is wanted, too.
func (in *Installation) along(ctx context.Context, o *offer, target Release, installed string, was bool) error {
	order, err := plan.OrderOf(target.Product)
	if err != nil {
		return err
	}
	for _, r := range o.index.In(o.feed.Channel()) {
		after, err := order.Compare(r.Version, installed)
		if err != nil {
			continue // of an order that the product has left
		}
		before, err := order.Compare(r.Version, target.Release.Version)
		if err != nil || before >= 0 || after < 0 || after == 0 && !was {
			continue
		}
		more, err := in.document(ctx, o, r.Version)
		if err != nil {
			return err
		}
		o.releases = append(o.releases, more)
	}
	learn(o.releases)
	return nil
}

// stands gives who vouches for the releases of the way, or refuses. by is who
// takes it upon herself where nobody does.
func (o *offer) stands(hops []hop, req Request) (*plan.Vouch, error) {
	if o.feed == nil {
		if req.Unsigned != "" {
			return nil, &RefusedError{What: "--unsigned is of no use here", Reasons: []string{"this installation has no feed that could vouch for a bundle"}}
		}
		return nil, nil
	}
	var reasons []string
	for _, h := range hops {
		if h.release.Feed != nil {
			if err := recent(h.release); err != nil {
				return nil, err
			}
			continue
		}
		switch said := (*channel.Release)(nil); {
		case o.distrust != nil:
			reasons = append(reasons, fmt.Sprintf("whether the feed names the bundle %s cannot be told: %v", h.release.Bundle.Origin(), o.distrust))
		default:
			if said = o.index.Find(h.release.Release.Version); said == nil {
				reasons = append(reasons, fmt.Sprintf("the feed %s names no release %s, and the bundle %s says that it is one", o.feed.Name(), h.release.Release.Version, h.release.Bundle.Origin()))
			} else {
				reasons = append(reasons, fmt.Sprintf("the bundle %s is not the release %s that the feed %s names: its digest is %.12s…, and the feed's is %.12s…",
					h.release.Bundle.Origin(), said.Version, o.feed.Name(), h.release.Bundle.Digest(), said.Digest))
			}
		}
	}
	v := &plan.Vouch{Feed: o.feed.Name(), Root: o.vouch.Root}
	switch {
	case len(reasons) == 0:
		return v, nil
	case req.Unsigned != "":
		return &plan.Vouch{Unsigned: req.By + ": " + req.Unsigned}, nil
	}
	return nil, &RefusedError{What: "nobody vouches for what would be installed", Reasons: append(reasons,
		"take the release from the feed: leave --from out, or bring it with upkeep feed import",
		"if you know where the bundle comes from, say why with --unsigned WHY: plan and report will name it")}
}

// recent refuses a release of which the feed says that it needs a later Upkeep.
func recent(r Release) error {
	if r.Feed.Upkeep == "" {
		return nil
	}
	c, err := manifest.Upkeeps().Compare(Version(), r.Feed.Upkeep)
	if err != nil {
		return fmt.Errorf("whether this Upkeep (%s) can carry release %s out cannot be told: the feed says that it needs %s: %w", Version(), r.Release.Version, r.Feed.Upkeep, err)
	}
	if c < 0 {
		return &NeedsUpkeepError{manifest.Prerequisite{Product: r.Product.ID, Release: r.Release.Version, Upkeep: r.Feed.Upkeep}}
	}
	return nil
}

// missing says whether payloads of the way are still to be fetched, and how many
// bytes they are.
func (p *Prepared) missing() (n int64) {
	for _, r := range p.Releases {
		for _, bytes := range r.Bundle.Missing() {
			n += bytes
		}
	}
	return n
}

// Missing is how many bytes of payloads are still to be fetched before the run
// can open.
func (p *Prepared) Missing() int64 { return p.missing() }

// FetchAll brings the payloads of the plan's releases, verified. It changes
// nothing of the product.
func (in *Installation) FetchAll(ctx context.Context, p *Prepared, progress func(file string, done, total int64)) (feed.Fetched, error) {
	var all feed.Fetched
	for i, r := range p.Releases {
		if r.Bundle.Complete() {
			continue
		}
		b, got, err := in.FetchRelease(ctx, r.Release.Version, progress)
		all.Files, all.Bytes = all.Files+got.Files, all.Bytes+got.Bytes
		all.Patched, all.Notes = append(all.Patched, got.Patched...), append(all.Notes, got.Notes...)
		if err != nil {
			return all, err
		}
		if b.Digest() != r.Bundle.Digest() {
			return all, fmt.Errorf("%w: release %s is another one than the plan was made of; look at the plan again", bundle.ErrDamaged, r.Release.Version)
		}
		p.Releases[i].Bundle = b
	}
	return all, nil
}

// FetchRelease brings a whole release of the feed.
func (in *Installation) FetchRelease(ctx context.Context, v string, progress func(file string, done, total int64)) (*bundle.Bundle, feed.Fetched, error) {
	f, err := in.Feed(progress)
	if err != nil {
		return nil, feed.Fetched{}, err
	}
	b, got, err := f.Fetch(ctx, v)
	if err != nil {
		err = fmt.Errorf("release %s was not fetched, and nothing of the product was changed: %w", v, distrust(err))
	}
	return b, got, err
}
