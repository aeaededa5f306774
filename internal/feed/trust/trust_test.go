package trust_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/feed/feedtest"
	"upkeep/internal/feed/trust"
	"upkeep/internal/lab/crashfs"
)

var start = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

const dir = "/state/feed/trust"

// site is a site with a client of a feed, on a file system in memory.
type site struct {
	t    testing.TB
	feed *feedtest.Feed
	fs   durable.FS
	now  time.Time
	get  trust.Getter // nil: the feed
}

func newSite(t testing.TB) *site {
	t.Helper()
	f := feedtest.New(t, start)
	f.Product("app")
	f.Add("app", "app/index.json", []byte("index 1"))
	f.Add("app", "app/1.0/app.tar.zst", []byte("payload of 1.0"))
	f.PublishAll()
	return siteOf(t, f)
}

// siteOf is another site of a feed, which has seen nothing but its first root.
func siteOf(t testing.TB, f *feedtest.Feed) *site {
	t.Helper()
	fs := crashfs.New()
	must(t, fs.MkdirAll("/state/feed", 0o755))
	s := &site{t: t, feed: f, fs: fs, now: start}
	must(t, trust.Pin(s.fs, dir, f.RootFile()))
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func unlocked(context.Context) (func(), error) { return func() {}, nil }

func (s *site) options() trust.Options {
	return trust.Options{Feed: "https://releases.example.org/feed", Now: func() time.Time { return s.now }, Lock: unlocked}
}

func (s *site) open() *trust.Client {
	s.t.Helper()
	var get trust.Getter = s.feed
	if s.get != nil {
		get = s.get
	}
	c, err := trust.Open(s.fs, dir, get, s.options())
	must(s.t, err)
	return c
}

// refresh refreshes with a client of its own, as another process would.
func (s *site) refresh() (trust.Report, error) {
	s.t.Helper()
	return s.open().Refresh(s.t.Context(), "app/index.json")
}

func (s *site) good() trust.Report {
	s.t.Helper()
	r, err := s.refresh()
	must(s.t, err)
	return r
}

// refused refreshes and wants an error of a kind, in words about a file.
func (s *site) refused(kind trust.Kind, file string) {
	s.t.Helper()
	_, err := s.refresh()
	wantKind(s.t, err, kind, file)
}

func wantKind(t testing.TB, err error, kind trust.Kind, file string) {
	t.Helper()
	if !trust.Is(err, kind) || !strings.Contains(err.Error(), file) {
		t.Fatalf("got %v, want %q about %q", err, kind, file)
	}
}

// index is the hash of the index that the site believes offline.
func (s *site) index() string {
	s.t.Helper()
	c, err := trust.Offline(s.fs, dir, s.options())
	must(s.t, err)
	target, err := c.Target(s.t.Context(), "app/index.json")
	must(s.t, err)
	return target.SHA256
}

// again publishes another index.
func (s *site) again(content string) {
	s.t.Helper()
	s.feed.Add("app", "app/index.json", []byte(content))
	s.feed.PublishProduct("app")
	s.feed.PublishSnapshot()
	s.feed.PublishTimestamp()
}

func TestRefresh(t *testing.T) {
	s := newSite(t)
	c := s.open()
	if _, err := c.Target(t.Context(), "app/index.json"); !trust.Is(err, trust.Incomplete) {
		t.Errorf("a target before the first refresh: %v", err)
	}
	r, err := c.Refresh(t.Context(), "app/index.json")
	must(t, err)
	want := []string{"2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "1.app.json"}
	if got := s.feed.Asked(); !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
	if r.Requests != 5 || !r.Changed || r.Root != 1 || r.Timestamp != 2 || r.Snapshot != 2 || !r.Expires.Equal(start.AddDate(0, 0, 7)) {
		t.Errorf("report %+v", r)
	}
	for _, c := range []*trust.Client{c, s.offline()} {
		got, err := c.Target(t.Context(), "app/1.0/app.tar.zst")
		must(t, err)
		if got.Name != "app/1.0/app.tar.zst" || got.Length != 14 || got.Role != "app" || got.Path != "app/1.0/"+got.SHA256+".app.tar.zst" || len(got.SHA256) != 64 {
			t.Errorf("target %+v", got)
		}
		if s.feed.Get("targets/"+got.Path) == nil {
			t.Errorf("the feed has no %s", got.Path)
		}
		_, err = c.Target(t.Context(), "app/2.0/app.tar.zst")
		wantKind(t, err, trust.NotThere, "app/2.0/app.tar.zst")
	}
}

func (s *site) offline() *trust.Client {
	s.t.Helper()
	c, err := trust.Offline(s.fs, dir, s.options())
	must(s.t, err)
	return c
}

// TestUnchanged: a feed that has not changed costs little, and nothing is written.
func TestUnchanged(t *testing.T) {
	s := newSite(t)
	s.good()
	before := s.fs.(*crashfs.FS).SnapshotTimes("/")
	s.feed.Asked()
	r := s.good()
	if r.Requests > 3 || r.Bytes > 10_000 || r.Changed || len(s.feed.Asked()) != r.Requests {
		t.Errorf("an unchanged feed: %+v", r)
	}
	if after := s.fs.(*crashfs.FS).SnapshotTimes("/"); after != before {
		t.Errorf("an unchanged feed is written:\n%s\nbefore\n%s", after, before)
	}
	t.Logf("%d requests, %d bytes", r.Requests, r.Bytes)
}

func TestPin(t *testing.T) {
	s := newSite(t)
	must(t, trust.Pin(s.fs, dir, s.feed.RootFile()))
	other := feedtest.New(t, start.AddDate(0, 1, 0))
	wantKind(t, trust.Pin(s.fs, dir, other.RootFile()), trust.OtherRoot, "1.root.json")
	// a later root of the same vendor, in the installation document: the state's own count
	s.feed.Rotate(feedtest.Root, 3, 5)
	s.feed.PublishRoot()
	must(t, trust.Pin(s.fs, dir, s.feed.Get("metadata/2.root.json")))
	for _, bad := range []string{"", "{}", "null", `{"signed":null}`, strings.Replace(string(s.feed.RootFile()), `"version":1`, `"version":7`, 1)} {
		if err := trust.Pin(s.fs, "/state/other", []byte(bad)); err == nil {
			t.Errorf("pinned %q", bad)
		}
	}
	_, err := trust.Open(s.fs, "/state/other", s.feed, s.options())
	wantKind(t, err, trust.NotPinned, "/state/other")
	// an executor with a root of its own
	s.good()
	for root, ok := range map[string]bool{string(s.feed.RootFile()): true, string(s.feed.Get("metadata/2.root.json")): true, string(other.RootFile()): false} {
		o := s.options()
		o.Root = []byte(root)
		if _, err := trust.Offline(s.fs, dir, o); (err == nil) != ok {
			t.Errorf("offline with a root of its own: %v", err)
		}
	}
}

// TestExport: what one site has verified, another one can import, and it is no
// way around the checks.
func TestExport(t *testing.T) {
	s := newSite(t)
	s.feed.Rotate(feedtest.Timestamp, 1, 1)
	s.feed.PublishRoot()
	s.again("index 2")
	s.good()
	files, err := trust.Export(s.fs, dir, s.options())
	must(t, err)
	there := siteOf(t, s.feed)
	there.get = files
	there.good()
	if s.index() != there.index() {
		t.Error("another index was imported")
	}
	// older than what is known there
	s.again("index 3")
	s.good()
	newer, err := trust.Export(s.fs, dir, s.options())
	must(t, err)
	there.get = newer
	there.good()
	there.get = files
	there.refused(trust.RolledBack, "timestamp.json")
	// stale, but true
	s.now = s.now.AddDate(0, 0, 30)
	stale, err := trust.Export(s.fs, dir, s.options())
	must(t, err)
	there.get, there.now = stale, s.now
	there.refused(trust.Expired, "timestamp.json")
}

type crashFS = crashfs.FS

func jsonText(text []byte) bool {
	var v map[string]any
	return json.Unmarshal(text, &v) == nil && v != nil
}
