package feed_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"upkeep/internal/bundle"
	"upkeep/internal/channel"
	"upkeep/internal/durable"
	"upkeep/internal/feed"
	"upkeep/internal/feed/fetch"
	"upkeep/internal/vendor"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start is when the tests' feeds are made.
func start() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }

// publisher is a vendor with its keys in memory.
type publisher struct {
	*vendor.Feed
	t    testing.TB
	now  time.Time
	keys []*vendor.Key
}

// publishing makes a feed of the product notes.
func publishing(t testing.TB) *publisher {
	t.Helper()
	p := &publisher{t: t, now: start()}
	p.Feed = &vendor.Feed{FS: durable.OS(), Dir: filepath.Join(t.TempDir(), "feed"), Now: func() time.Time { return p.now }}
	key := func(name string) *vendor.Key {
		k, err := vendor.NewKey(name)
		must(t, err)
		p.keys = append(p.keys, k)
		return k
	}
	c := vendor.Ceremony{Snapshot: key("snapshot"), Timestamp: key("timestamp")}
	for i := range 5 {
		c.Root = append(c.Root, key(fmt.Sprint("root-", i)))
	}
	for i := range 3 {
		c.Targets = append(c.Targets, key(fmt.Sprint("targets-", i)))
	}
	must(t, p.Create(c))
	must(t, p.AddProduct("notes", 0, key("release")))
	p.apply(false)
	return p
}

func (p *publisher) apply(renew bool) {
	p.t.Helper()
	a, err := p.Apply(renew, p.keys...)
	must(p.t, err)
	if len(a.Pending) > 0 {
		p.t.Fatalf("the feed is not live: %+v", a)
	}
}

// release publishes a version whose payload holds the content.
func (p *publisher) release(version, in, content string) *bundle.Bundle {
	p.t.Helper()
	src := filepath.Join(p.t.TempDir(), "source")
	write := func(name, text string) {
		path := filepath.Join(src, name)
		must(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(p.t, os.WriteFile(path, []byte(text), 0o644))
	}
	write("upkeep.yaml", fmt.Sprintf(`product: {id: notes, versions: dotted}
components:
  app: {kind: tree, at: /srv/notes, version: {file: /srv/notes/version.txt}}
---
release: {product: notes, version: %q}
routes: [{from: ">= 1.0"}]
payloads: {app: app.tar.zst}
versions: {app: %q}
`, version, version))
	write("components/app/version.txt", version+"\n")
	write("components/app/content.txt", content)
	dest := filepath.Join(p.t.TempDir(), "bundle")
	_, err := bundle.Build(p.t.Context(), durable.OS(), src, dest, bundle.BuildOptions{MTime: start()})
	must(p.t, err)
	b, err := bundle.Open(p.t.Context(), durable.OS(), dest, bundle.Options{})
	must(p.t, err)
	_, err = p.Publish(p.t.Context(), vendor.Publishing{Bundle: b, Channel: in})
	must(p.t, err)
	p.apply(false)
	return b
}

func (p *publisher) root() ([]byte, error) {
	return os.ReadFile(filepath.Join(p.Dir, "metadata", "1.root.json"))
}

// counting counts what is asked of a source, and can be out of reach.
type counting struct {
	fetch.Source
	asked []string
	bytes int64
	gone  bool
}

func (c *counting) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, int64, error) {
	c.asked = append(c.asked, name)
	if c.gone {
		return nil, 0, fetch.ErrUnreachable
	}
	r, total, err := c.Source.Open(ctx, name, offset)
	if err != nil {
		return nil, 0, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(r, counter{&c.bytes}), r}, total, nil
}

func (c *counting) reset() { c.asked, c.bytes = nil, 0 }

type counter struct{ n *int64 }

func (c counter) Write(p []byte) (int, error) { *c.n += int64(len(p)); return len(p), nil }

// site is an installation's feed.
type site struct {
	*feed.Feed
	o      feed.Options
	source *counting
	now    time.Time
}

func (p *publisher) site(t testing.TB) *site {
	t.Helper()
	s := &site{source: &counting{Source: fetch.Dir(durable.OS(), p.Dir)}, now: start().Add(time.Hour)}
	s.o = feed.Options{FS: durable.OS(), Dir: filepath.Join(t.TempDir(), "state", "feed"), Product: "notes", Channel: channel.Candidate, Name: "example",
		Root: p.root, Source: s.source, Now: func() time.Time { return s.now }, Patch: swapping{}}
	s.Feed = feed.New(s.o)
	return s
}

// noise is a text that cannot be pressed.
func noise(n int) string {
	text := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(text) // it never fails
	return hex.EncodeToString(text)
}

// swapping is a patcher whose patches leave out what both payloads begin with.
type swapping struct{}

func (swapping) Recipe() string { return "swap" }

func (swapping) Make(_ context.Context, old, fresh string, w io.Writer) (bool, error) {
	was, err := os.ReadFile(old)
	if err != nil {
		return false, err
	}
	is, err := os.ReadFile(fresh)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(was)
	// what both begin with is left out
	n := 0
	for n < min(len(was), len(is)) && was[n] == is[n] {
		n++
	}
	_, err = fmt.Fprintf(w, "%x %d %s", sum[:8], n, is[n:])
	return true, err
}

func (swapping) Apply(_ context.Context, old, patch, dest string, size int64, want string) error {
	was, err := os.ReadFile(old)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(patch)
	if err != nil {
		return err
	}
	parts := bytes.SplitN(text, []byte(" "), 3)
	sum := sha256.Sum256(was)
	var n int
	if _, err := fmt.Sscan(string(parts[1]), &n); err != nil || string(parts[0]) != hex.EncodeToString(sum[:8]) {
		return errors.New("it begins with another payload")
	}
	fresh := append(was[:n:n], parts[2]...)
	if sum := sha256.Sum256(fresh); hex.EncodeToString(sum[:]) != want || int64(len(fresh)) != size {
		return errors.New("it makes something else")
	}
	return durable.OS().WriteFile(dest, fresh, 0o644)
}
