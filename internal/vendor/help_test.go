package vendor_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"upkeep/internal/bundle"
	"upkeep/internal/channel"
	"upkeep/internal/durable"
	"upkeep/internal/feed/trust"
	"upkeep/internal/vendor"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keys are those of one vendor, by name.
type keys map[string]*vendor.Key

func ceremony(t testing.TB) keys {
	t.Helper()
	all := keys{}
	for _, name := range []string{"root-1", "root-2", "root-3", "root-4", "root-5", "targets-1", "targets-2", "targets-3", "snapshot", "timestamp", "release"} {
		all.add(t, name)
	}
	return all
}

func (k keys) add(t testing.TB, name string) *vendor.Key {
	t.Helper()
	key, err := vendor.NewKey(name)
	must(t, err)
	k[name] = key
	return key
}

func (k keys) of(names ...string) []*vendor.Key {
	var out []*vendor.Key
	for _, n := range names {
		out = append(out, k[n])
	}
	return out
}

func (k keys) roles() vendor.Ceremony {
	return vendor.Ceremony{Root: k.of("root-1", "root-2", "root-3", "root-4", "root-5"), Targets: k.of("targets-1", "targets-2", "targets-3"), Snapshot: k["snapshot"], Timestamp: k["timestamp"]}
}

func (k keys) online() []*vendor.Key { return k.of("snapshot", "timestamp") }

// start is when the tests' feeds are made.
func start() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }

// feed makes a feed with the product notes.
func feed(t testing.TB, fsys durable.FS, dir string, k keys) *vendor.Feed {
	t.Helper()
	f := &vendor.Feed{FS: fsys, Dir: dir, Now: start}
	must(t, f.Create(k.roles()))
	must(t, f.AddProduct("notes", 0, k["release"]))
	a, err := f.Apply(false, k.of("root-1", "root-3", "root-5", "targets-1", "targets-2", "snapshot", "timestamp")...)
	must(t, err)
	if len(a.Pending) != 0 || len(a.Live) != 4 {
		t.Fatalf("the feed is not live: %+v", a)
	}
	return f
}

// release builds a bundle of the product notes.
func release(t testing.TB, version, content string) *bundle.Bundle {
	t.Helper()
	src := filepath.Join(t.TempDir(), "source")
	write := func(name, text string) {
		path := filepath.Join(src, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	write("upkeep.yaml", fmt.Sprintf(`product: {id: notes, versions: dotted}
components:
  app: {kind: tree, at: /srv/notes, version: {file: /srv/notes/version.txt}}
---
release: {product: notes, version: %q, notes: "https://example.org/notes"}
requires: {upkeep: "0.0.1"}
routes: [{from: ">= 1.0"}]
payloads: {app: app.tar.zst}
versions: {app: %q}
`, version, version))
	write("hooks/hello.sh", "#!/bin/sh\n")
	write("components/app/version.txt", version+"\n")
	write("components/app/content.txt", content)
	dest := filepath.Join(t.TempDir(), "bundle")
	_, err := bundle.Build(t.Context(), durable.OS(), src, dest, bundle.BuildOptions{MTime: start()})
	must(t, err)
	b, err := bundle.Open(t.Context(), durable.OS(), dest, bundle.Options{})
	must(t, err)
	return b
}

func publish(t testing.TB, f *vendor.Feed, k keys, b *bundle.Bundle, in string) vendor.Published {
	t.Helper()
	p, err := f.Publish(t.Context(), vendor.Publishing{Bundle: b, Channel: in})
	must(t, err)
	a, err := f.Apply(false, append(k.online(), k["release"])...)
	must(t, err)
	if len(a.Pending) != 0 {
		t.Fatalf("the release is not live: %+v", a)
	}
	return p
}

// folder serves a feed's folder to a client.
type folder struct {
	fsys durable.FS
	dir  string
}

func (d folder) Small(_ context.Context, name string, most int64) ([]byte, error) {
	text, err := d.fsys.ReadFile(filepath.Join(d.dir, filepath.FromSlash(name)))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is too long", name)
	}
	return text, err
}

func (d folder) DownloadFile(address string, most int64, _ time.Duration) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	text, err := d.fsys.ReadFile(u.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &metadata.ErrDownloadHTTP{StatusCode: 404, URL: address}
	}
	if err == nil && int64(len(text)) > most {
		return nil, &metadata.ErrDownloadLengthMismatch{Msg: "too long"}
	}
	return text, err
}

// site is a client of a feed that keeps its metadata from one look to the next.
type site struct {
	t    testing.TB
	fsys durable.FS
	dir  string // of the feed
	own  string
	root []byte
	now  time.Time
	real *trust.Client // Upkeep's own client
}

func newSite(t testing.TB, f *vendor.Feed) *site {
	t.Helper()
	root, err := f.FS.ReadFile(filepath.Join(f.Dir, "metadata/1.root.json"))
	must(t, err)
	s := &site{t: t, fsys: f.FS, dir: f.Dir, own: t.TempDir(), root: root, now: start().Add(time.Hour)}
	store := t.TempDir()
	must(t, trust.Pin(durable.OS(), store, root))
	s.real, err = trust.Open(durable.OS(), store, folder{f.FS, f.Dir}, trust.Options{Feed: f.Dir, Now: func() time.Time { return s.now }})
	must(t, err)
	return s
}

// look refreshes with Upkeep's own client and with that of go-tuf, which must
// agree, and gives the index of notes.
func (s *site) look() (*channel.Index, *updater.Updater, error) {
	_, own := s.real.Refresh(s.t.Context())
	var at trust.Target
	if own == nil {
		at, own = s.real.Target(s.t.Context(), "notes/index.json")
	}
	x, u, err := s.other()
	if (own == nil) != (err == nil) {
		s.t.Errorf("Upkeep's client says %v, that of go-tuf %v", own, err)
	}
	if own == nil && err == nil {
		if info, err := u.GetTargetInfo("notes/index.json"); err != nil || info.Hashes["sha256"].String() != at.SHA256 {
			s.t.Errorf("the two clients have found two indexes: %v, %s; %v", info, at.SHA256, err)
		}
	}
	return x, u, err
}

func (s *site) other() (*channel.Index, *updater.Updater, error) {
	c, err := config.New("http://feed"+s.dir+"/metadata", s.root)
	must(s.t, err)
	c.LocalMetadataDir, c.LocalTargetsDir = s.own, s.t.TempDir()
	c.RemoteTargetsURL = "http://feed" + s.dir + "/targets"
	c.PrefixTargetsWithHash = true
	c.Fetcher = folder{s.fsys, s.dir}
	u, err := updater.New(c)
	must(s.t, err)
	u.UnsafeSetRefTime(s.now)
	if err := u.Refresh(); err != nil {
		return nil, nil, err
	}
	text, err := s.get(u, "notes/index.json")
	if err != nil {
		return nil, u, err
	}
	x, err := channel.Decode(text)
	return x, u, err
}

func (s *site) get(u *updater.Updater, name string) ([]byte, error) {
	info, err := u.GetTargetInfo(name)
	if err != nil {
		return nil, err
	}
	_, text, err := u.DownloadTarget(info, "", "")
	return text, err
}

func (s *site) index() *channel.Index {
	s.t.Helper()
	x, _, err := s.look()
	must(s.t, err)
	return x
}
