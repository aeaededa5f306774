package manage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"upkeep/internal/bundle"
	"upkeep/internal/feed"
	"upkeep/internal/plan"
)

// FeedView is what is known of the releases of an installation: what is
// installed, what its files say now, and what the feed has published, each with
// its time.
type FeedView struct {
	Feed      string        `json:"feed"`
	Product   string        `json:"product"`
	Channel   string        `json:"channel"`
	Root      string        `json:"root,omitempty"`    // SHA-256 of the pinned root; empty: none is pinned yet
	Looked    time.Time     `json:"looked,omitzero"`   // with success
	Tried     time.Time     `json:"tried,omitzero"`    // at all
	Problem   string        `json:"problem,omitempty"` // of the last try
	Until     time.Time     `json:"until,omitzero"`    // until when the feed's word holds
	Expired   bool          `json:"expired,omitempty"`
	Installed []FeedUnit    `json:"installed"`
	Releases  []FeedRelease `json:"releases"`          // oldest first
	Told      bool          `json:"told,omitempty"`    // by a page or a command: nobody has signed it, and there is nothing to fetch
	Detected  Seen          `json:"detected,omitzero"` // by the product's own service
	Doubt     bool          `json:"doubt,omitempty"`   // something keeps releases from being seen or offered: the doctor says what helps
}

// FeedUnit is what a unit is on.
type FeedUnit struct {
	Unit     string    `json:"unit"`
	Version  string    `json:"version"`            // that a run, or adopt, has left
	Since    time.Time `json:"since,omitzero"`     // when
	Detected string    `json:"detected,omitempty"` // that its file reads now; empty: no file tells it
}

// FeedRelease is a published release.
type FeedRelease struct {
	Version   string    `json:"version"`
	Channel   string    `json:"channel"`
	Published time.Time `json:"published,omitzero"`
	Seen      time.Time `json:"seen,omitzero"` // here, first
	Withdrawn string    `json:"withdrawn,omitempty"`
	Upkeep    string    `json:"upkeep,omitempty"`
	Notes     string    `json:"notes,omitempty"`
	Installed bool      `json:"installed,omitempty"`
	Here      string    `json:"here"`  // nothing, documents, whole
	Fetch     int64     `json:"fetch"` // bytes that it still costs, by patches where they fit
	Whole     int64     `json:"whole"` // without patches
}

// FeedList gives what is known. It fetches nothing.
func (in *Installation) FeedList(ctx context.Context) (*FeedView, error) {
	if in.Doc.Feed == nil {
		return in.toldList(ctx)
	}
	f, err := in.Feed(nil)
	if err != nil {
		return nil, err
	}
	x, state, err := f.Known()
	if err != nil {
		return nil, err
	}
	out := &FeedView{Feed: f.Name(), Product: in.Doc.Product, Channel: f.Channel(), Looked: state.Refreshed, Tried: state.Tried, Problem: state.Problem, Until: state.Until,
		Expired: !state.Until.IsZero() && time.Now().After(state.Until), Installed: []FeedUnit{}, Releases: []FeedRelease{}}
	out.Root, _ = f.Pinned() // none before the first look
	if err := in.listInstalled(ctx, out); err != nil {
		return nil, err
	}
	if x == nil {
		return out, nil
	}
	for i := range x.Releases {
		r := &x.Releases[i]
		line := FeedRelease{Version: r.Version, Channel: r.Channel, Published: r.Published, Seen: state.Seen[r.Version], Withdrawn: r.Withdrawn, Upkeep: r.Upkeep, Notes: r.Notes, Here: "nothing",
			Installed: slices.ContainsFunc(out.Installed, func(u FeedUnit) bool { return u.Version == r.Version })}
		c, err := f.Cost(ctx, r)
		if err != nil {
			return nil, distrust(err)
		}
		line.Fetch, line.Whole = c.Documents+c.Payloads, c.Documents+c.Whole
		switch {
		case c.Here():
			line.Here = "whole"
		case c.Documents == 0:
			line.Here = "documents"
		}
		out.Releases = append(out.Releases, line)
	}
	return out, nil
}

// FeedRefresh looks at the feed, and gives what is known then and the versions
// that are new.
func (in *Installation) FeedRefresh(ctx context.Context) (*FeedView, []string, error) {
	fresh, err := in.Look(ctx)
	if err != nil {
		return nil, nil, err
	}
	v, err := in.FeedList(ctx)
	return v, fresh, err
}

// FeedFetched is what a fetch has brought.
type FeedFetched struct {
	Releases []string `json:"releases"` // whole, in the order of the way
	feed.Fetched
}

// FeedFetch brings the releases of the way to a version, required stops too; to
// the latest of the channel when none is named. It changes nothing of the product.
func (in *Installation) FeedFetch(ctx context.Context, to string, progress func(file string, done, total int64)) (FeedFetched, error) {
	out := FeedFetched{Releases: []string{}}
	if in.Doc.Feed == nil {
		return out, &NoFeedError{Document: in.Path}
	}
	p, err := in.survey(ctx, Request{To: to, Trigger: plan.TriggerCommand})
	defer p.Close()
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	var versions []string
	for _, r := range p.Releases { // what refuses a plan does not refuse to fetch
		versions = append(versions, r.Release.Version)
	}
	var looks *NeedsPayloadError
	if errors.As(err, &looks) { // the installed one's, too
		versions = looks.Versions
	}
	switch {
	case len(versions) > 0 || p.UpToDate && to == "":
	case to == "":
		return out, err
	default:
		versions = []string{to}
	}
	return out, in.fetchAll(ctx, versions, &out, progress)
}

func (in *Installation) fetchAll(ctx context.Context, versions []string, out *FeedFetched, progress func(file string, done, total int64)) error {
	for _, v := range versions {
		_, got, err := in.FetchRelease(ctx, v, progress)
		out.Files, out.Bytes = out.Files+got.Files, out.Bytes+got.Bytes
		out.Patched, out.Notes = append(out.Patched, got.Patched...), append(out.Notes, got.Notes...)
		if err != nil {
			return err
		}
		out.Releases = append(out.Releases, v)
	}
	return nil
}

// NeedsPayloadError says that a plan cannot be made before payloads are here: it
// has to look into them.
type NeedsPayloadError struct {
	Versions []string
	Err      error
}

func (e *NeedsPayloadError) Error() string {
	return fmt.Sprintf("the plan has to look into payloads that are not fetched yet (edited files are merged, or packages are installed): upkeep feed fetch %s, then try again", e.Versions[len(e.Versions)-1])
}

func (e *NeedsPayloadError) Unwrap() error { return e.Err }

// needsPayload tells of whose releases payloads are wanted.
func (p *Prepared) needsPayload(err error) error {
	var e *bundle.NotFetchedError
	if !errors.As(err, &e) {
		return err
	}
	out := &NeedsPayloadError{Err: err}
	if p.was != nil && !p.was.Bundle.Complete() {
		out.Versions = append(out.Versions, p.was.Release.Version)
	}
	for _, r := range p.Releases {
		if !r.Bundle.Complete() {
			out.Versions = append(out.Versions, r.Release.Version)
		}
	}
	return out
}

// FetchNeeded brings what a plan has to look into.
func (in *Installation) FetchNeeded(ctx context.Context, e *NeedsPayloadError, progress func(file string, done, total int64)) (FeedFetched, error) {
	out := FeedFetched{Releases: []string{}}
	return out, in.fetchAll(ctx, e.Versions, &out, progress)
}

// FeedExport writes releases into one file, to be carried by hand.
func (in *Installation) FeedExport(ctx context.Context, versions []string, to string, progress func(file string, done, total int64)) (feed.Exported, error) {
	f, err := in.Feed(progress)
	if err != nil {
		return feed.Exported{}, err
	}
	if to, err = filepath.Abs(to); err != nil {
		return feed.Exported{}, err
	}
	if _, _, _, err := in.vouched(ctx); err != nil {
		return feed.Exported{}, distrust(err)
	}
	out, err := f.Export(ctx, versions, to)
	return out, distrust(err)
}

// FeedImport takes over what was carried here.
func (in *Installation) FeedImport(ctx context.Context, file string, progress func(file string, done, total int64)) (feed.Imported, error) {
	f, err := in.Feed(progress)
	if err != nil {
		return feed.Imported{}, err
	}
	if file, err = filepath.Abs(file); err != nil {
		return feed.Imported{}, err
	}
	c, err := feed.OpenCarried(in.FS, file)
	if err != nil {
		return feed.Imported{}, err
	}
	defer c.Close()
	out, err := f.Import(ctx, c)
	return out, distrust(err)
}
