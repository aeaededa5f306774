package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/feed/told"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/scope"
)

// teller is a page or a command that tells versions, with its references filled in.
type teller struct {
	source told.Source
	cache  *told.Cache
	every  time.Duration
	// refresh is run before the command where somebody asks anew.
	refresh []string
	as      string
	env     []string
}

// errNothingTold says that neither document knows a feed.
var errNothingTold = errors.New("neither the installation nor the product has a feed")

// refreshWithin bounds the command that has a package manager look.
const refreshWithin = 10 * time.Minute

// teller resolves the feed of a product. Facts are not read for it: they may rest
// on it.
func (in *Installation) teller(p *manifest.Product) (*teller, error) {
	f := p.Feed
	if f == nil {
		return nil, errNothingTold
	}
	fail := func(err error) (*teller, error) {
		return nil, fmt.Errorf("cannot tell where releases are published (%s): %w", f.Pos, err)
	}
	r, err := in.surveyor().Resolver(p, in.Doc, plan.Facts{})
	if err != nil {
		return fail(err)
	}
	m := manifest.Probe{Pos: f.Pos, Source: "http", Args: []string{f.HTTP}, Params: map[string]string{"redirects": "follow"}}
	if len(f.Command) > 0 {
		m = manifest.Probe{Pos: f.Pos, Source: "command", Args: f.Command, As: f.As}
	}
	pr, err := r.Probe(m)
	if err != nil {
		return fail(err)
	}
	t := &teller{every: cmp.Or(f.Every, watchEvery), env: r.Env, as: pr.As}
	t.source = told.Source{Name: strings.Join(pr.Args, " "), Probe: *pr, Format: f.Format, Select: f.Select, Published: f.Published}
	if t.source.Order, err = plan.OrderOf(p); err != nil {
		return fail(err)
	}
	if err := t.source.Check(); err != nil {
		return fail(err)
	}
	if t.refresh, err = r.Scope.ExpandAll(f.Refresh); err != nil {
		return fail(err)
	}
	if f.Cache != nil {
		file, err := r.Scope.Expand(f.Cache.File)
		if err != nil {
			return fail(err)
		}
		t.cache = &told.Cache{File: file, Select: f.Cache.Select, At: f.Cache.At}
	}
	return t, nil
}

// renew has the package manager look.
func (in *Installation) renew(ctx context.Context, t *teller) error {
	if len(t.refresh) == 0 {
		return nil
	}
	_, err := in.runner.Run(ctx, scope.Command{OpID: fmt.Sprintf("feed/%d", time.Now().UnixNano()), Args: t.refresh, Env: t.env, Account: t.as, Deadline: refreshWithin})
	if err != nil {
		return fmt.Errorf("cannot see which version is published: %w", err)
	}
	return nil
}

// detected is what the product's own service has seen last; nothing where it has none.
func (in *Installation) detected(ctx context.Context, t *teller) (Seen, error) {
	if t.cache == nil {
		return Seen{}, nil
	}
	r, err := t.cache.Seen(ctx, in.states, in.FS)
	return Seen{Version: r.Version, At: r.At}, err
}

// feedReading is what the probe feed reads: what was seen last, and what the
// product's own service keeps. It asks no network, since a plan rests on it; where
// nobody has looked, nothing is known.
func (in *Installation) feedReading(ctx context.Context) (probe.FeedReading, error) {
	w, err := in.watched()
	if err != nil {
		return probe.FeedReading{}, err
	}
	if in.Doc.Feed != nil {
		in.known(&w)
		return probe.FeedReading{Published: w.Published.Version, PublishedAt: w.Published.At, Detected: w.Published.Version, DetectedAt: w.Published.First}, nil
	}
	p, err := in.product(ctx, "")
	if err != nil || p.Feed == nil {
		return probe.FeedReading{}, nil // the product is not known yet, or has none
	}
	t, err := in.teller(p)
	if err != nil {
		return probe.FeedReading{}, err
	}
	published := w.Published
	if in.told != nil {
		if published = *in.told; published.Version == w.Published.Version {
			published.First = w.Published.First
		}
	}
	seen := Seen{Version: w.Published.Version, At: w.Looked}
	if t.cache != nil {
		if seen, err = in.detected(ctx, t); err != nil {
			return probe.FeedReading{}, err
		}
	}
	out := probe.FeedReading{Published: published.Version, PublishedAt: published.At, Detected: seen.Version, DetectedAt: seen.At}
	if c, err := t.source.Order.Compare(seen.Version, published.Version); published.Version != "" && (err != nil || c < 0) { // what was never seen is no version
		out.Late = lateSince(time.Now(), published)
	}
	return out, nil
}

// lookOnce sees what is published now, for whoever mends this installation, unless
// somebody looked within the feed's time. It notes nothing.
func (in *Installation) lookOnce(ctx context.Context, p *manifest.Product) error {
	w, err := in.watched()
	if err != nil {
		return err
	}
	t, err := in.teller(p)
	if err != nil {
		return err
	}
	if ago := time.Since(w.Looked); in.told != nil || w.Problem == "" && w.Published.Version != "" && ago >= 0 && ago < t.every {
		return nil
	}
	r, err := t.source.Latest(ctx, in.states)
	if err != nil {
		return err
	}
	in.told = &Seen{Version: r.Version, At: r.At}
	return nil
}
