package vendor_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/durable"
	"upkeep/internal/step"
	"upkeep/internal/vendor"
)

func TestPublish(t *testing.T) {
	k := ceremony(t)
	f := feed(t, durable.OS(), t.TempDir(), k)
	b := release(t, "1.1", "new")
	publish(t, f, k, b, "stable")
	publish(t, f, k, release(t, "1.0", "old"), "stable")
	publish(t, f, k, release(t, "1.10", "newest"), "candidate")

	s := newSite(t, f)
	x, u, err := s.look()
	must(t, err)
	var order []string
	for _, r := range x.Releases {
		order = append(order, r.Version+" "+r.Channel)
	}
	if got := strings.Join(order, ", "); got != "1.0 stable, 1.1 stable, 1.10 candidate" {
		t.Errorf("the releases are %s", got)
	}
	r := x.Find("1.1")
	if r.Digest != b.Digest() || r.Notes != "https://example.org/notes" || r.Upkeep != "0.0.1" || len(r.Routes) != 1 || r.Routes[0].From != ">= 1.0" {
		t.Errorf("the release is described as %+v", r)
	}
	payload, err := s.get(u, r.Payloads["app.tar.zst"].Target)
	must(t, err)
	path, err := b.Path("app.tar.zst")
	must(t, err)
	if want, _ := os.ReadFile(path); !bytes.Equal(payload, want) {
		t.Error("the payload is not the bundle's")
	}
	documents, err := s.get(u, r.Documents)
	must(t, err)
	z, err := zstd.NewReader(bytes.NewReader(documents))
	must(t, err)
	defer z.Close()
	var names []string
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		names = append(names, h.Name)
	}
	if got := strings.Join(names, " "); got != "SHA256SUMS hooks/ hooks/hello.sh sums/ sums/app.sums upkeep.yaml" {
		t.Errorf("the documents are %s", got)
	}
}

func TestPublishTwice(t *testing.T) {
	k := ceremony(t)
	f := feed(t, durable.OS(), t.TempDir(), k)
	b := release(t, "1.0", "old")
	if p := publish(t, f, k, b, "stable"); p.Again {
		t.Error("the first time is said to be the second")
	}
	if p := publish(t, f, k, b, "stable"); !p.Again {
		t.Error("the second time is not said")
	}
	_, err := f.Publish(t.Context(), vendor.Publishing{Bundle: release(t, "1.0", "other"), Channel: "stable"})
	var user *step.UserError
	if !errors.As(err, &user) || !strings.Contains(err.Error(), "another content") {
		t.Errorf("another content under the same version: %v", err)
	}
	_, err = f.Publish(t.Context(), vendor.Publishing{Bundle: release(t, "1.0.0", "other"), Channel: "stable"})
	if !errors.As(err, &user) || !strings.Contains(err.Error(), "the same version") {
		t.Errorf("the same version in other words: %v", err)
	}
	if x := newSite(t, f).index(); len(x.Releases) != 1 {
		t.Errorf("the feed has %d releases", len(x.Releases))
	}
}

func TestPublishNot(t *testing.T) {
	k := ceremony(t)
	f := feed(t, durable.OS(), t.TempDir(), k)
	for name, tt := range map[string]struct {
		f    *vendor.Feed
		in   string
		want string
	}{
		"an unknown channel": {f, "beta", "candidate or stable"},
		"no feed":            {&vendor.Feed{FS: durable.OS(), Dir: t.TempDir(), Now: start}, "stable", "feed create"},
		"an unknown product": {func() *vendor.Feed { g := *f; g.Dir = t.TempDir(); must(t, g.Create(k.roles())); return &g }(), "stable", "add-product"},
	} {
		_, err := tt.f.Publish(t.Context(), vendor.Publishing{Bundle: release(t, "1.0", ""), Channel: tt.in})
		var user *step.UserError
		if !errors.As(err, &user) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

func TestChangeReleases(t *testing.T) {
	k := ceremony(t)
	f := feed(t, durable.OS(), t.TempDir(), k)
	s := newSite(t, f)
	publish(t, f, k, release(t, "1.0", "a"), "stable")
	publish(t, f, k, release(t, "1.1", "b"), "candidate")
	change := func(err error) {
		t.Helper()
		must(t, err)
		if _, err := f.Apply(false, append(k.online(), k["release"])...); err != nil {
			t.Fatal(err)
		}
	}
	if v := s.index().Latest("stable").Version; v != "1.0" {
		t.Errorf("a candidate is stable: %s", v)
	}
	change(f.Promote("notes", "1.1"))
	if v := s.index().Latest("stable").Version; v != "1.1" {
		t.Errorf("after the promotion the latest stable release is %s", v)
	}
	change(f.Withdraw("notes", "1.1", "it loses notes"))
	if v := s.index().Latest("stable").Version; v != "1.0" {
		t.Errorf("after the withdrawal the latest stable release is %s", v)
	}
	change(f.Block("notes", "1.1", "< 1.0", "the schema differs"))
	if b := s.index().Find("1.1").Blocked; len(b) != 1 || b[0].Reason != "the schema differs" {
		t.Errorf("blocked is %+v", b)
	}
	change(f.Block("notes", "1.1", "< 1.0", ""))
	if b := s.index().Find("1.1").Blocked; len(b) != 0 {
		t.Errorf("blocked is still %+v", b)
	}
	if err := f.Block("notes", "1.1", "<< x", "why"); err == nil || !strings.Contains(err.Error(), "no range") {
		t.Errorf("what is no range: %v", err)
	}
	if err := f.Withdraw("notes", "7", "why"); err == nil || !strings.Contains(err.Error(), "it has 1.0, 1.1") {
		t.Errorf("an unknown release: %v", err)
	}
}
