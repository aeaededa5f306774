package trust_test

import (
	"testing"

	"upkeep/internal/feed/trust"
)

// TestTargetLater: a role that no refresh has asked for is fetched when it is
// needed, checked each time, and not stored, for nobody holds the lock.
func TestTargetLater(t *testing.T) {
	s := newSite(t)
	s.feed.Product("other")
	s.feed.Add("other", "other/index.json", []byte("index"))
	s.feed.Product("bad")
	s.feed.Add("bad", "bad/index.json", []byte("index"))
	s.feed.Products["bad"].Signed.Targets["bad/index.json"].Length = -1
	s.feed.PublishAll()
	c := s.open()
	_, err := c.Refresh(t.Context())
	must(t, err)
	before := s.fs.(*crashFS).Snapshot("/")
	s.feed.Asked()
	for range 2 {
		_, err = c.Target(t.Context(), "other/index.json")
		must(t, err)
		_, err = c.Target(t.Context(), "bad/index.json")
		wantKind(t, err, trust.Damaged, "1.bad.json")
	}
	if got := len(s.feed.Asked()); got != 3 {
		t.Errorf("%d requests", got)
	}
	if s.fs.(*crashFS).Snapshot("/") != before {
		t.Error("something was stored without the lock")
	}
	_, err = s.offline().Target(t.Context(), "other/index.json")
	wantKind(t, err, trust.Incomplete, "1.other.json")
}

// TestSameVersion: a vendor who signs a version anew, with other content, has
// a new timestamp say so, and that is followed.
func TestSameVersion(t *testing.T) {
	s := newSite(t)
	s.good()
	s.feed.Add("app", "app/index.json", []byte("index 2"))
	s.feed.SignTargets("app")
	s.feed.SignSnapshot()
	s.feed.PublishTimestamp()
	r := s.good()
	if r.Snapshot != 2 || s.index() != s.feed.Index("app") {
		t.Errorf("%+v", r)
	}
}

// TestFirstSight: what only a client notices that has nothing to compare with.
func TestFirstSight(t *testing.T) {
	s := newSite(t)
	delete(s.feed.Snapshot.Signed.Meta, "targets.json")
	s.feed.PublishSnapshot()
	s.feed.PublishTimestamp()
	s.refused(trust.Damaged, "3.snapshot.json")

	s = newSite(t)
	delete(s.feed.Timestamp.Signed.Meta, "snapshot.json")
	s.feed.SignTimestamp()
	s.refused(trust.Damaged, "timestamp.json")

	s = newSite(t)
	s.feed.Root.Signed.ConsistentSnapshot = false
	s.feed.PublishRoot()
	s.refused(trust.Damaged, "2.root.json is damaged: it has no consistent snapshots")

	s = newSite(t)
	s.feed.Timestamp.Signed.SpecVersion = "2.0.0"
	s.feed.PublishTimestamp()
	s.refused(trust.Damaged, `version "2.0.0"`)

	// a product that the vendor has named and not published yet
	s = newSite(t)
	s.feed.Product("later")
	s.feed.PublishTargets()
	delete(s.feed.Snapshot.Signed.Meta, "later.json")
	s.feed.PublishSnapshot()
	s.feed.PublishTimestamp()
	c := s.open()
	_, err := c.Refresh(t.Context(), "later/index.json")
	must(t, err)
	_, err = c.Target(t.Context(), "later/index.json")
	wantKind(t, err, trust.NotThere, "later/index.json")

	// and one whose hash is none that is used
	s = newSite(t)
	f := s.feed.Products["app"].Signed.Targets["app/index.json"]
	f.Hashes["sha512"] = append(f.Hashes["sha256"], f.Hashes["sha256"]...)
	delete(f.Hashes, "sha256")
	s.feed.PublishAll()
	s.refused(trust.Damaged, "its SHA-256 is not there")
}
