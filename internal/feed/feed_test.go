package feed_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/channel"
	"upkeep/internal/durable"
	"upkeep/internal/feed"
	"upkeep/internal/feed/trust"
)

func TestRefreshAndFetch(t *testing.T) {
	p := publishing(t)
	p.release("1.0", channel.Stable, "one")
	two := p.release("2.0", channel.Candidate, "two")
	s := p.site(t)
	if _, _, err := s.Vouched(t.Context()); !trust.Is(err, trust.NotPinned, trust.Incomplete) {
		t.Errorf("before the first look: %v", err)
	}
	got, err := s.Refresh(t.Context())
	must(t, err)
	if len(got.New) != 2 || len(got.Index.Releases) != 2 {
		t.Errorf("found %v", got.New)
	}

	s.source.reset()
	s.now = s.now.Add(time.Minute)
	again, err := s.Refresh(t.Context())
	must(t, err)
	if again.Requests > 3 || again.Bytes > 10_000 || len(s.source.asked) > 3 || s.source.bytes > 10_000 || again.Changed || len(again.New) > 0 {
		t.Errorf("an unchanged feed costs %d requests and %d bytes: %v", again.Requests, again.Bytes, s.source.asked)
	}

	x, v, err := s.Vouched(t.Context())
	must(t, err)
	if !v.Seen.Equal(s.now) || len(v.RootID()) != 12 || !v.Until.Equal(start().Add(14*24*time.Hour)) || x.Latest(s.Channel()).Version != "2.0" {
		t.Errorf("vouched for by %+v", v)
	}
	cost, err := s.Cost(t.Context(), x.Find("2.0"))
	must(t, err)
	if cost.Documents == 0 || cost.Payloads == 0 || cost.Here() {
		t.Errorf("it costs %+v", cost)
	}
	s.source.reset()
	b, err := s.Documents(t.Context(), "2.0")
	must(t, err)
	if b.Digest() != two.Digest() || len(b.Missing()) != 1 || s.source.bytes != cost.Documents {
		t.Errorf("documents %s lack %v, and cost %d bytes instead of %d", b.Digest(), b.Missing(), s.source.bytes, cost.Documents)
	}
	if _, err := fs.ReadFile(b.FS(), "upkeep.yaml"); err != nil {
		t.Error(err)
	}
	s.source.reset()
	whole, fetched, err := s.Fetch(t.Context(), "2.0")
	must(t, err)
	if !whole.Complete() || fetched.Bytes != cost.Payloads || s.source.bytes != cost.Payloads {
		t.Errorf("fetched %+v", fetched)
	}
	cost, err = s.Cost(t.Context(), x.Find("2.0"))
	if err != nil || !cost.Here() {
		t.Errorf("what is here costs %+v, %v", cost, err)
	}
	s.source.reset()
	if _, _, err := s.Fetch(t.Context(), "2.0"); err != nil || len(s.source.asked) > 0 {
		t.Errorf("again: %v, asked %v", err, s.source.asked)
	}
	if list, err := os.ReadDir(filepath.Join(s.o.Dir, "coming")); err != nil || len(list) > 0 {
		t.Errorf("left over: %v, %v", list, err)
	}
	var none *feed.NoReleaseError
	if _, err := s.Documents(t.Context(), "3.0"); !errors.As(err, &none) || !strings.Contains(err.Error(), "it has 1.0, 2.0") {
		t.Errorf("no such release: %v", err)
	}
}

func TestDamagedCopyIsFetchedAgain(t *testing.T) {
	p := publishing(t)
	p.release("1.0", channel.Stable, "one")
	s := p.site(t)
	_, err := s.Refresh(t.Context())
	must(t, err)
	for _, name := range []string{"app.tar.zst", "upkeep.yaml", "SHA256SUMS"} {
		if _, _, err := s.Fetch(t.Context(), "1.0"); err != nil {
			t.Fatal(err)
		}
		must(t, os.WriteFile(filepath.Join(s.Dir("1.0"), name), []byte("other"), 0o644))
	}
	b, _, err := s.Fetch(t.Context(), "1.0")
	if err != nil || !b.Complete() {
		t.Error(err)
	}
}

func TestPatches(t *testing.T) {
	p := publishing(t)
	p.Patch = swapping{}
	same := noise(300 << 10)
	p.release("1.0", channel.Stable, same+"one")
	two := p.release("2.0", channel.Stable, same+"two")
	s := p.site(t)
	_, err := s.Refresh(t.Context())
	must(t, err)
	if _, _, err := s.Fetch(t.Context(), "1.0"); err != nil {
		t.Fatal(err)
	}
	b, got, err := s.Fetch(t.Context(), "2.0")
	must(t, err)
	if len(got.Patched) != 1 || len(got.Notes) > 0 || b.Digest() != two.Digest() {
		t.Errorf("fetched %+v", got)
	}

	// what the patch begins with is not what its sum says any more
	must(t, os.RemoveAll(s.Dir("2.0")))
	must(t, os.WriteFile(filepath.Join(s.Dir("1.0"), "app.tar.zst"), []byte("other"), 0o644))
	b, got, err = s.Fetch(t.Context(), "2.0")
	must(t, err)
	if len(got.Patched) != 0 || len(got.Notes) != 1 || !b.Complete() {
		t.Errorf("with a base that is damaged: %+v", got)
	}
}

// The real patches: of a payload that a run has kept elsewhere.
func TestRealPatch(t *testing.T) {
	p := publishing(t)
	p.Patch = feed.Patches{FS: durable.OS()}
	same := noise(300 << 10)
	one := p.release("1.0", channel.Stable, same+"one")
	two := p.release("2.0", channel.Stable, same+"two")
	s := p.site(t)
	s.o.Patch, s.o.Bundles = feed.Patches{FS: durable.OS()}, []string{filepath.Dir(one.Dir())}
	f := feed.New(s.o)
	_, err := f.Refresh(t.Context())
	must(t, err)
	x, _, err := f.Known()
	must(t, err)
	cost, err := f.Cost(t.Context(), x.Find("2.0"))
	must(t, err)
	b, got, err := f.Fetch(t.Context(), "2.0")
	must(t, err)
	if len(got.Patched) != 1 || b.Digest() != two.Digest() || cost.Payloads*10 > cost.Whole || got.Bytes != cost.Documents+cost.Payloads {
		t.Errorf("fetched %+v, at a cost of %+v", got, cost)
	}
}

// Metadata that does not hold blocks what needs the feed's word, and says so;
// what is known stays known.
func TestNotBelieved(t *testing.T) {
	p := publishing(t)
	p.release("1.0", channel.Stable, "one")
	s := p.site(t)
	_, err := s.Refresh(t.Context())
	must(t, err)
	s.now = start().Add(30 * 24 * time.Hour)
	if _, _, err := s.Vouched(t.Context()); !trust.Is(err, trust.Expired) {
		t.Errorf("a frozen feed: %v", err)
	}
	if _, err := s.Refresh(t.Context()); !trust.Is(err, trust.Expired) {
		t.Errorf("looking at a frozen feed: %v", err)
	}
	if _, err := s.Documents(t.Context(), "1.0"); !trust.Is(err, trust.Expired) {
		t.Errorf("fetching from a frozen feed: %v", err)
	}
	x, state, err := s.Known()
	if err != nil || x == nil || state.Kind != trust.Expired || state.Problem == "" || !state.Refreshed.Equal(start().Add(time.Hour)) {
		t.Errorf("what is known: %+v, %v", state, err)
	}
	if _, err := s.Cost(t.Context(), x.Find("1.0")); err != nil {
		t.Errorf("its cost: %v", err)
	}
	p.now = s.now
	p.apply(true)
	if _, err := s.Refresh(t.Context()); err != nil {
		t.Errorf("renewed: %v", err)
	}
	if _, state, _ := s.Known(); state.Problem != "" {
		t.Errorf("the problem stays: %+v", state)
	}
	s.source.gone = true
	if _, err := s.Refresh(t.Context()); !trust.Is(err, trust.Unreachable) {
		t.Errorf("out of reach: %v", err)
	}
	if _, _, err := s.Vouched(t.Context()); err != nil {
		t.Errorf("the feed's word holds without a network: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(s.o.Dir, "index.json"), []byte(`{"format":1,"product":"notes","releases":[]}`), 0o600))
	if _, _, err := s.Vouched(t.Context()); !trust.Is(err, trust.Incomplete) {
		t.Errorf("an index that nobody has signed: %v", err)
	}
}

func TestOtherProductAndRoot(t *testing.T) {
	p := publishing(t)
	p.release("1.0", channel.Stable, "one")
	s := p.site(t)
	s.o.Product = "other"
	if _, err := feed.New(s.o).Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "says nothing of a product other") {
		t.Errorf("another product: %v", err)
	}
	q := publishing(t).site(t)
	q.o.Root = p.root
	if _, err := feed.New(q.o).Refresh(t.Context()); !trust.Is(err, trust.WrongSignature, trust.RolledBack, trust.MixUp) {
		t.Errorf("another vendor's feed: %v", err)
	}
	q = p.site(t)
	q.o.Root = func() ([]byte, error) { return nil, os.ErrNotExist }
	if _, err := feed.New(q.o).Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "without its root") {
		t.Errorf("without a root: %v", err)
	}
}

// A release that is taken out of the feed goes here, too.
func TestWithdrawn(t *testing.T) {
	p := publishing(t)
	p.release("1.0", channel.Stable, "one")
	s := p.site(t)
	_, err := s.Refresh(t.Context())
	must(t, err)
	must(t, p.Withdraw("notes", "1.0", "it loses notes"))
	p.apply(false)
	got, err := s.Refresh(t.Context())
	must(t, err)
	if !got.Changed || got.Index.Find("1.0").Withdrawn != "it loses notes" || got.Index.Latest(channel.Stable) != nil {
		t.Errorf("found %+v", got.Index.Releases)
	}
}

// New metadata counts once the index that it names is here: an index that cannot
// be fetched, or is none, leaves what was believed before.
func TestIndexDoesNotCome(t *testing.T) {
	p := publishing(t)
	p.release("1.0", channel.Stable, "one")
	s := p.site(t)
	_, err := s.Refresh(t.Context())
	must(t, err)
	old := func() {
		t.Helper()
		x, _, err := s.Vouched(t.Context())
		if err != nil || len(x.Releases) != 1 {
			t.Fatalf("vouched for: %+v, %v", x, err)
		}
		if _, err := s.Documents(t.Context(), "1.0"); err != nil {
			t.Error(err)
		}
	}
	p.release("2.0", channel.Stable, "two")
	indexes, err := filepath.Glob(filepath.Join(p.Dir, "targets", "notes", "*.index.json"))
	must(t, err)
	texts := map[string][]byte{}
	for _, path := range indexes {
		texts[path], err = os.ReadFile(path)
		must(t, err)
		must(t, os.Remove(path))
	}
	for range 2 {
		if _, err := s.Refresh(t.Context()); !trust.Is(err, trust.NotThere) {
			t.Fatalf("without the index: %v", err)
		}
		old()
	}
	for path := range texts {
		must(t, os.WriteFile(path, []byte("{}"), 0o644))
	}
	if _, err := s.Refresh(t.Context()); !trust.Is(err, trust.MixUp, trust.Unreachable) {
		t.Fatalf("with another index: %v", err)
	}
	old()
	for path, text := range texts {
		must(t, os.WriteFile(path, text, 0o644))
	}
	got, err := s.Refresh(t.Context())
	if err != nil || len(got.New) != 1 || !got.Changed {
		t.Fatalf("at last: %+v, %v", got, err)
	}
	if x, _, err := s.Vouched(t.Context()); err != nil || len(x.Releases) != 2 {
		t.Errorf("vouched for: %+v, %v", x, err)
	}
}
