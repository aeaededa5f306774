package sitetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"upkeep/internal/bundle"
	"upkeep/internal/durable"
	"upkeep/internal/feed"
	"upkeep/internal/vendor"
)

// Feed is a vendor's feed of the example's product, with its keys in memory.
type Feed struct {
	*vendor.Feed
	Product string
	keys    []*vendor.Key
	ago     time.Duration // how long ago everything is signed
}

// Feed makes a feed of the product in a folder beside the site, and writes it
// into the installation document; extra are further lines of feed:, such as
// "channel: candidate".
func (s *Site) Feed(extra ...string) *Feed {
	s.t.Helper()
	f := &Feed{Product: s.Example}
	f.Feed = &vendor.Feed{FS: durable.OS(), Dir: filepath.Join(s.Dir, "feed"), Patch: feed.Patches{FS: durable.OS()}, Now: func() time.Time { return time.Now().Add(-f.ago) }}
	key := func(name string) *vendor.Key {
		k, err := vendor.NewKey(name)
		s.must(err)
		f.keys = append(f.keys, k)
		return k
	}
	c := vendor.Ceremony{Snapshot: key("snapshot"), Timestamp: key("timestamp")}
	for i := range 5 {
		c.Root = append(c.Root, key(fmt.Sprint("root-", i)))
	}
	for i := range 3 {
		c.Targets = append(c.Targets, key(fmt.Sprint("targets-", i)))
	}
	s.must(f.Create(c))
	s.must(f.AddProduct(f.Product, 0, key("release")))
	s.must(f.sign(false))
	root := filepath.Join(s.Dir, "root.json")
	text, err := os.ReadFile(filepath.Join(f.Dir, "metadata", "1.root.json"))
	s.must(err)
	s.must(os.WriteFile(root, text, 0o644))
	doc, err := os.ReadFile(s.Document)
	s.must(err)
	doc = append(doc, fmt.Sprintf("feed:\n  url: %s\n  root: {file: %s}\n", f.Dir, root)...)
	for _, line := range extra {
		doc = append(doc, "  "+line+"\n"...)
	}
	s.must(os.WriteFile(s.Document, doc, 0o644))
	return f
}

// WriteKeys writes the keys of the feed, without passphrases.
func (f *Feed) WriteKeys(dir string) error {
	for _, k := range f.keys {
		if err := vendor.WriteKey(f.FS, dir, k, "", 0); err != nil {
			return err
		}
	}
	return os.Chmod(dir, 0o755)
}

// sign brings everything live.
func (f *Feed) sign(renew bool) error {
	a, err := f.Apply(renew, f.keys...)
	if err == nil && len(a.Pending) > 0 {
		err = fmt.Errorf("the feed is not live: %+v", a.Pending)
	}
	return err
}

// Release publishes a bundle.
func (f *Feed) Release(channel, file string) error {
	cache, err := os.MkdirTemp("", "publish-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	b, err := bundle.Open(context.Background(), f.FS, file, bundle.Options{Cache: cache})
	if err != nil {
		return err
	}
	if _, err := f.Publish(context.Background(), vendor.Publishing{Bundle: b, Channel: channel}); err != nil {
		return err
	}
	return f.sign(false)
}

// Change makes a change of the feed live.
func (f *Feed) Change(err error) error {
	if err != nil {
		return err
	}
	return f.sign(false)
}

// Resign signs snapshot and timestamp as if it were so long ago.
func (f *Feed) Resign(ago time.Duration) error {
	f.ago = ago
	defer func() { f.ago = 0 }()
	return f.sign(true)
}
