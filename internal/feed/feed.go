// Package feed is what a site knows of the releases of a product, and has of
// them. It looks at a vendor's feed, believes what package trust believes, and
// keeps the index of releases; it brings the documents of a release first, which
// are kilobytes and enough for a plan, and its payloads when they are wanted, by
// a patch of what is here where one fits. What came can be carried on in one
// file, and believed elsewhere without a network.
//
// What lies in its folder:
//
//	metadata/            what is believed, see package trust
//	index.json           the index of releases that the metadata names
//	index.next.json      one that is being brought
//	state.json           when it was looked at and what came of that; nothing is believed for it
//	releases/VERSION/    bundles, payloads may be missing
//	documents/VERSION    the archive of its documents, as it is signed
//	coming/              what is being fetched
//
// It may import the model, internal/durable, internal/bundle, internal/files,
// internal/step for the errors of people, and its own packages.
package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/channel"
	"upkeep/internal/durable"
	"upkeep/internal/feed/fetch"
	"upkeep/internal/feed/trust"
	"upkeep/internal/step"
)

// Options say which feed, and where what is known of it is kept.
type Options struct {
	FS      durable.FS
	Dir     string // absolute; made when it is needed
	Product string
	Channel string // channel.Stable or channel.Candidate
	Name    string // what people call the feed: its address
	// Root gives the root to pin, when none is pinned yet.
	Root func() ([]byte, error)
	// Source is where the feed lies; nil: nothing can be fetched.
	Source fetch.Source
	Rate   int64            // bytes a second; 0: no limit
	Now    func() time.Time // nil: the computer's clock
	// Lock keeps other processes from the folder until release is called.
	Lock func(ctx context.Context) (release func(), err error)
	// Bundles are folders of bundles in which payloads of earlier releases may lie, for patches.
	Bundles []string
	Patch   Patcher // nil: payloads are fetched whole
	// Progress is told how much of a file has come; may be nil.
	Progress func(file string, done, total int64)
}

// Patcher makes a payload out of an earlier one.
type Patcher interface {
	// Recipe names how a result is compressed again.
	Recipe() string
	// Apply makes dest from the payload old and a patch; it appears whole and
	// durable, with that length and SHA-256, or not at all.
	Apply(ctx context.Context, old, patch, dest string, bytes int64, sha256 string) error
}

// Feed is a feed as a site sees it.
type Feed struct{ o Options }

// New touches nothing.
func New(o Options) *Feed {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Channel == "" {
		o.Channel = channel.Stable
	}
	return &Feed{o}
}

// Channel is the one that the site follows.
func (f *Feed) Channel() string { return f.o.Channel }

// Name is what people call the feed.
func (f *Feed) Name() string { return f.o.Name }

// Remote says that there is somewhere to fetch from.
func (f *Feed) Remote() bool { return f.o.Source != nil }

func (f *Feed) at(parts ...string) string {
	return filepath.Join(append([]string{f.o.Dir}, parts...)...)
}

func (f *Feed) metadata() string { return f.at("metadata") }
func (f *Feed) index() string    { return f.at("index.json") }

// nextIndex is where a look at the feed brings an index, before the metadata that
// names it counts.
func (f *Feed) nextIndex() string { return f.at("index.next.json") }

// Dir is the folder of a release that has come, if it has.
func (f *Feed) Dir(version string) string { return f.at("releases", version) }

func (f *Feed) lock(ctx context.Context) (func(), error) {
	if err := f.o.FS.MkdirAll(f.o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder of the feed: %w", err)
	}
	if f.o.Lock == nil {
		return func() {}, nil
	}
	return f.o.Lock(ctx)
}

// fetcher fetches from a source; file is what progress calls it.
func (f *Feed) fetcher(from fetch.Source, file string) *fetch.Fetcher {
	out := &fetch.Fetcher{FS: f.o.FS, Source: from, Rate: f.o.Rate}
	if f.o.Progress != nil && file != "" {
		out.Progress = func(done, total int64) { f.o.Progress(file, done, total) }
	}
	return out
}

// getter tells trust what is too long.
type getter struct{ *fetch.Fetcher }

func (g getter) Small(ctx context.Context, name string, most int64) ([]byte, error) {
	data, err := g.Fetcher.Small(ctx, name, most)
	if errors.Is(err, fetch.ErrTooLong) {
		err = tooLong{err}
	}
	return data, err
}

type tooLong struct{ error }

func (e tooLong) TooLong() bool { return true }
func (e tooLong) Unwrap() error { return e.error }

func (f *Feed) options() trust.Options {
	return trust.Options{Feed: f.o.Name, Now: f.o.Now, Lock: func(context.Context) (func(), error) { return func() {}, nil }}
}

// client believes what is stored, and pins the root where none is.
func (f *Feed) client(from fetch.Source) (*trust.Client, error) {
	open := func() (*trust.Client, error) {
		return trust.Open(f.o.FS, f.metadata(), getter{f.fetcher(from, "")}, f.options())
	}
	c, err := open()
	if !trust.Is(err, trust.NotPinned) {
		return c, err
	}
	if f.o.Root == nil {
		return nil, err
	}
	root, rerr := f.o.Root()
	if rerr != nil {
		return nil, &step.UserError{Msg: "nothing of the feed " + f.o.Name + " can be believed without its root", Err: rerr,
			Now: "get the root file from the vendor, and name it in feed: {root: {file: PATH}}"}
	}
	if err := trust.Pin(f.o.FS, f.metadata(), root); err != nil {
		return nil, err
	}
	return open()
}

// offline believes what is stored, and nothing else.
func (f *Feed) offline() (*trust.Client, error) {
	return trust.Offline(f.o.FS, f.metadata(), f.options())
}

// Vouch is whose word stands for the index.
type Vouch struct {
	Feed  string    `json:"feed"`
	Root  string    `json:"root"` // SHA-256 of the pinned root
	Seen  time.Time `json:"seen"` // when the feed was looked at last, with success
	Until time.Time `json:"until"`
}

// RootID is the pinned root in short.
func (v Vouch) RootID() string { return v.Root[:min(12, len(v.Root))] }

// Vouched gives the index of releases as the feed vouches for it now: from what is
// stored, all signatures checked again. It is a *trust.Error when nothing was
// ever seen, or the feed's word does not hold any more.
func (f *Feed) Vouched(ctx context.Context) (*channel.Index, Vouch, error) {
	x, err := f.vouched(ctx)
	if trust.Is(err, trust.Incomplete) { // a look may have gone on from one to the next in between
		x, err = f.vouched(ctx)
	}
	if err != nil {
		return nil, Vouch{}, err
	}
	s, err := f.state()
	if err != nil {
		return nil, Vouch{}, err
	}
	root, err := f.Pinned()
	return x, Vouch{Feed: f.o.Name, Root: root, Seen: s.Refreshed, Until: s.Until}, err
}

func (f *Feed) vouched(ctx context.Context) (*channel.Index, error) {
	c, err := f.offline()
	if err != nil {
		return nil, err
	}
	x, _, err := f.believed(ctx, c)
	return x, err
}

// believed gives the stored index, if it is the one that the metadata names.
func (f *Feed) believed(ctx context.Context, c *trust.Client) (*channel.Index, []byte, error) {
	t, err := c.Target(ctx, channel.IndexTarget(f.o.Product))
	if err != nil {
		return nil, nil, f.noProduct(err)
	}
	raw, _, err := f.kept(t)
	if err != nil {
		return nil, nil, err
	}
	if raw == nil {
		return nil, nil, &trust.Error{Kind: trust.Incomplete, Feed: f.o.Name, File: f.index()}
	}
	x, err := f.decode(raw)
	return x, raw, err
}

func (f *Feed) decode(raw []byte) (*channel.Index, error) {
	x, err := channel.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("the feed %s: %w; tell its vendor", f.o.Name, err)
	}
	if x.Product != f.o.Product {
		return nil, fmt.Errorf("the feed %s gives an index of %s where that of %s belongs; tell its vendor", f.o.Name, x.Product, f.o.Product)
	}
	return x, nil
}

func (f *Feed) noProduct(err error) error {
	if trust.Is(err, trust.NotThere) {
		return &step.UserError{Msg: fmt.Sprintf("the feed %s says nothing of a product %s", f.o.Name, f.o.Product), Now: "see whether its address is the right one", Err: err}
	}
	return err
}

// Pinned is the SHA-256 of the root that everything began with.
func (f *Feed) Pinned() (string, error) {
	list, err := f.o.FS.ReadDir(f.metadata())
	if err != nil {
		return "", fmt.Errorf("cannot look for the pinned root: %w", err)
	}
	var versions []int
	for _, e := range list {
		if n, ok := strings.CutSuffix(e.Name, ".root.json"); ok {
			if v, err := strconv.Atoi(n); err == nil {
				versions = append(versions, v)
			}
		}
	}
	if len(versions) == 0 {
		return "", &trust.Error{Kind: trust.NotPinned, Feed: f.o.Name, File: f.metadata()}
	}
	raw, err := f.o.FS.ReadFile(filepath.Join(f.metadata(), strconv.Itoa(slices.Min(versions))+".root.json"))
	if err != nil {
		return "", fmt.Errorf("cannot read the pinned root: %w", err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}
