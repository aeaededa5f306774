package feed_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/channel"
	"upkeep/internal/durable"
	"upkeep/internal/feed"
	"upkeep/internal/feed/fetch"
	"upkeep/internal/feed/trust"
	"upkeep/internal/lab"
)

func carry(t *testing.T, s *site, versions ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "notes.feed")
	_, err := s.Export(t.Context(), versions, file)
	must(t, err)
	return file
}

func bring(t *testing.T, s *feed.Feed, file string) (feed.Imported, error) {
	t.Helper()
	c, err := feed.OpenCarried(durable.OS(), file)
	if err != nil {
		return feed.Imported{}, err
	}
	defer c.Close()
	return s.Import(t.Context(), c)
}

// offlineSite has no network at all.
func (p *publisher) offlineSite(t *testing.T) *site {
	s := p.site(t)
	s.o.Source = nil
	s.Feed = feed.New(s.o)
	return s
}

func TestCarriedByHand(t *testing.T) {
	p := publishing(t)
	p.Patch = swapping{}
	p.release("1.0", channel.Stable, noise(300<<10)+"one")
	two := p.release("2.0", channel.Stable, noise(300<<10)+"two")
	s := p.site(t)
	_, err := s.Refresh(t.Context())
	must(t, err)
	file := carry(t, s, "1.0", "2.0")
	if _, err := s.Export(t.Context(), nil, file); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("over another one: %v", err)
	}

	far := p.offlineSite(t)
	far.now = start().Add(12 * 24 * time.Hour)
	got, err := bring(t, far.Feed, file)
	must(t, err)
	if len(got.Versions) != 2 || !got.Note.Made.Equal(start().Add(time.Hour)) || !got.Expires.Equal(start().Add(14*24*time.Hour)) || len(got.Fetched.Patched) != 1 {
		t.Errorf("imported %+v", got)
	}
	if _, _, err := far.Vouched(t.Context()); err != nil {
		t.Error(err)
	}
	b, _, err := far.Fetch(t.Context(), "2.0")
	if err != nil || b.Digest() != two.Digest() || !b.Complete() {
		t.Errorf("without a network: %v", err)
	}
	if _, err := bring(t, far.Feed, file); err != nil {
		t.Errorf("again: %v", err)
	}

	// what is here already goes along from here
	s.source.reset()
	if _, _, err := s.Fetch(t.Context(), "2.0"); err != nil {
		t.Fatal(err)
	}
	s.source.reset()
	if file := carry(t, s, "2.0"); s.source.bytes > 100_000 {
		t.Errorf("%s: %d bytes were fetched", file, s.source.bytes)
	}

	// the feed goes on, and an older file comes
	p.release("3.0", channel.Stable, "three")
	_, err = s.Refresh(t.Context())
	must(t, err)
	newer := carry(t, s, "3.0")
	if got, err := bring(t, far.Feed, newer); err != nil || len(got.Versions) != 1 {
		t.Errorf("a newer one: %v, %v", got.Versions, err)
	}
	if _, err := bring(t, far.Feed, file); !trust.Is(err, trust.RolledBack) || !strings.Contains(err.Error(), "nothing of "+file+" was taken over") {
		t.Errorf("an older one: %v", err)
	}
	x, _, err := far.Vouched(t.Context())
	if err != nil || x.Find("3.0") == nil {
		t.Errorf("after an older one: %v", err)
	}

	// the feed's word has ended
	late := p.offlineSite(t)
	late.now = start().Add(30 * 24 * time.Hour)
	if _, err := bring(t, late.Feed, newer); !trust.Is(err, trust.Expired) {
		t.Errorf("too late: %v", err)
	}
	other := p.offlineSite(t)
	other.o.Product = "other"
	if _, err := bring(t, feed.New(other.o), newer); err == nil || !strings.Contains(err.Error(), "carries releases of notes") {
		t.Errorf("of another product: %v", err)
	}

	// from a site without network, what has come there is carried on
	farther := p.offlineSite(t)
	got, err = bring(t, farther.Feed, carry(t, far, "2.0", "3.0"))
	if err != nil || len(got.Versions) != 2 {
		t.Errorf("at second hand: %+v, %v", got, err)
	}
	if b, _, err := farther.Fetch(t.Context(), "2.0"); err != nil || b.Digest() != two.Digest() || !b.Complete() {
		t.Errorf("at second hand: %v", err)
	}
	x3 := filepath.Join(t.TempDir(), "x")
	if _, err := farther.Export(t.Context(), []string{"1.0"}, x3); err == nil || !strings.Contains(err.Error(), "has not come") {
		t.Errorf("what has not come: %v", err)
	}
	if _, err := os.Lstat(x3); err == nil {
		t.Error("there is a file of what has not come")
	}
	must(t, os.WriteFile(filepath.Join(farther.o.Dir, "documents", "3.0"), []byte("other"), 0o600))
	if _, err := farther.Export(t.Context(), []string{"3.0"}, x3); err == nil || !strings.Contains(err.Error(), "has not come") {
		t.Errorf("what was changed: %v", err)
	}
}

// A file that was cut, changed, or is something else.
func TestCarriedDamaged(t *testing.T) {
	lab.Slow(t)
	p := publishing(t)
	one := p.release("1.0", channel.Stable, "one")
	s := p.site(t)
	_, err := s.Refresh(t.Context())
	must(t, err)
	file := carry(t, s, "1.0")
	whole, err := os.ReadFile(file)
	must(t, err)
	bad := filepath.Join(t.TempDir(), "bad.feed")
	for at := 0; at < len(whole)-1024; at += 4300 {
		must(t, os.WriteFile(bad, whole[:at], 0o644))
		far := p.offlineSite(t)
		if got, err := bring(t, far.Feed, bad); err == nil && len(got.Versions) > 0 && at < len(whole)-2048 {
			t.Errorf("cut at %d of %d: %+v", at, len(whole), got)
		}
		changed := bytes.Clone(whole)
		changed[at] ^= 0x10
		must(t, os.WriteFile(bad, changed, 0o644))
		if _, err := bring(t, far.Feed, bad); err == nil {
			if b, _, err := far.Fetch(t.Context(), "1.0"); err == nil && b.Digest() != one.Digest() {
				t.Errorf("changed at %d: another release is believed", at)
			}
		}
		if _, err := bring(t, far.Feed, file); err != nil {
			t.Errorf("the good one after the bad one at %d: %v", at, err)
		}
	}
	if _, err := bring(t, s.Feed, t.TempDir()); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a folder: %v", err)
	}
}

func tarOf(entries ...tar.Header) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		h.Size = 0
		text := ""
		if h.Name == "feed.json" && h.Typeflag == tar.TypeReg {
			text = `{"format":1,"product":"notes"}`
			h.Size = int64(len(text))
		}
		_ = w.WriteHeader(&h)
		_, _ = io.WriteString(w, text)
	}
	_ = w.Close()
	return b.Bytes()
}

func TestCarriedNames(t *testing.T) {
	note := tar.Header{Name: "feed.json"}
	file := filepath.Join(t.TempDir(), "f")
	for what, text := range map[string][]byte{
		"nothing":         nil,
		"no note":         tarOf(tar.Header{Name: "metadata/1.root.json"}),
		"twice":           tarOf(note, tar.Header{Name: "targets/a"}, tar.Header{Name: "targets/a"}),
		"a name outside":  tarOf(note, tar.Header{Name: "metadata/../../etc/passwd"}),
		"an absolute one": tarOf(note, tar.Header{Name: "/etc/passwd"}),
		"a link":          tarOf(note, tar.Header{Name: "targets/a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}),
		"something else":  tarOf(note, tar.Header{Name: "other"}),
	} {
		must(t, os.WriteFile(file, text, 0o644))
		if c, err := feed.OpenCarried(durable.OS(), file); err == nil {
			c.Close()
			t.Errorf("%s: it is read", what)
		}
	}
	must(t, os.WriteFile(file, tarOf(note, tar.Header{Name: "targets/a"}), 0o644))
	c, err := feed.OpenCarried(durable.OS(), file)
	must(t, err)
	defer c.Close()
	if _, _, err := c.Open(context.Background(), "targets/b", 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what it has not: %v", err)
	}
	if _, total, err := c.Open(context.Background(), "targets/a", 0); err != nil || total != 0 {
		t.Errorf("what it has: %d, %v", total, err)
	}
	var _ fetch.Source = c
}

func FuzzOpenCarried(f *testing.F) {
	f.Add(tarOf(tar.Header{Name: "feed.json"}, tar.Header{Name: "targets/a"}))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(dir, "f")
		must(t, os.WriteFile(file, text, 0o644))
		c, err := feed.OpenCarried(durable.OS(), file)
		if err != nil {
			return
		}
		defer c.Close()
		r, total, err := c.Open(t.Context(), "feed.json", 0)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := io.ReadAll(r); err != nil || int64(len(raw)) != total {
			t.Errorf("%d bytes of %d, %v", len(raw), total, err)
		}
	})
}
