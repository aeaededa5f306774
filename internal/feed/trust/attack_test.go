package trust_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"upkeep/internal/feed/feedtest"
	"upkeep/internal/feed/trust"
	"upkeep/internal/lab"
)

// kept refreshes and wants it refused, and that what the site believed before
// is believed still.
func (s *site) kept(kind trust.Kind, file string) {
	s.t.Helper()
	before := s.index()
	s.refused(kind, file)
	if s.index() != before {
		s.t.Fatal("a feed that was refused is believed")
	}
}

// TestArbitrarySoftware: whoever holds none of the keys cannot have anything
// believed, whatever role it is said to be of.
func TestArbitrarySoftware(t *testing.T) {
	for role, file := range map[string]string{
		feedtest.Root: "2.root.json", feedtest.Timestamp: "timestamp.json", feedtest.Snapshot: "3.snapshot.json",
		feedtest.Targets: "3.targets.json", "app": "2.app.json",
	} {
		t.Run(role, func(t *testing.T) {
			s := newSite(t)
			s.good()
			var own []ed25519.PrivateKey
			for range s.feed.Keys[role] {
				own = append(own, s.feed.Key())
			}
			s.feed.Keys[role] = own
			s.feed.Add("app", "app/index.json", []byte("evil"))
			if role == feedtest.Root {
				s.feed.PublishRoot()
			}
			s.feed.PublishAll()
			s.kept(trust.WrongSignature, file)
		})
	}
}

// TestContent: a target is named with its length and hash, whatever a mirror
// has under its name.
func TestContent(t *testing.T) {
	s := newSite(t)
	c := s.open()
	_, err := c.Refresh(t.Context())
	must(t, err)
	want, err := c.Target(t.Context(), "app/1.0/app.tar.zst")
	must(t, err)
	s.feed.Put("targets/"+want.Path, []byte("evil"))
	_, err = c.Refresh(t.Context())
	must(t, err)
	if got, err := c.Target(t.Context(), "app/1.0/app.tar.zst"); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestRollback: nothing that is older than what was seen is believed, for any role.
func TestRollback(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(s *site, old map[string][]byte)
		kind trust.Kind
		file string
	}{
		"the whole feed": {func(s *site, old map[string][]byte) { s.feed.SetFiles(old) }, trust.RolledBack, "timestamp.json"},
		"the timestamp":  {func(s *site, old map[string][]byte) { s.feed.Timestamp.Signed.Version = 1; s.feed.SignTimestamp() }, trust.RolledBack, "timestamp.json"},
		"the snapshot in a new timestamp": {func(s *site, old map[string][]byte) {
			s.feed.Snapshot.Signed.Version = 1
			s.feed.SignSnapshot()
			s.feed.PublishTimestamp()
		}, trust.RolledBack, "timestamp.json"},
		"targets in a new snapshot": {func(s *site, old map[string][]byte) {
			s.feed.Targets.Signed.Version = 1
			s.feed.SignTargets(feedtest.Targets)
			s.feed.PublishSnapshot()
			s.feed.PublishTimestamp()
		}, trust.RolledBack, ".snapshot.json"},
		"a product in a new snapshot": {func(s *site, old map[string][]byte) {
			s.feed.Products["app"].Signed.Version = 1
			s.feed.SignTargets("app")
			s.feed.PublishSnapshot()
			s.feed.PublishTimestamp()
		}, trust.RolledBack, ".snapshot.json"},
		"a product that is gone from a new snapshot": {func(s *site, old map[string][]byte) {
			delete(s.feed.Snapshot.Signed.Meta, "app.json")
			s.feed.PublishSnapshot()
			s.feed.PublishTimestamp()
		}, trust.RolledBack, ".snapshot.json"},
		"the file of a product": {func(s *site, old map[string][]byte) {
			s.again("index 3")
			s.feed.Put("metadata/3.app.json", old["metadata/1.app.json"])
		}, trust.MixUp, "3.app.json"},
		"the root": {func(s *site, old map[string][]byte) {
			s.feed.Put("metadata/3.root.json", s.feed.Get("metadata/2.root.json"))
		}, trust.RolledBack, "3.root.json"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.feed.PublishRoot()
			s.good()
			old := s.feed.Files()
			s.again("index 2")
			s.good()
			tt.do(s, old)
			s.kept(tt.kind, tt.file)
		})
	}
}

// TestRollbackHalfway: what a refresh has seen counts, even when it could not
// go on to the end.
func TestRollbackHalfway(t *testing.T) {
	s := newSite(t)
	s.good()
	first := s.feed.Files()
	s.again("index 2")
	second := s.feed.Files()
	s.feed.Drop("metadata/3.snapshot.json")
	s.kept(trust.NotThere, "3.snapshot.json")
	s.feed.SetFiles(first)
	s.kept(trust.RolledBack, "timestamp.json")
	s.feed.SetFiles(second)
	s.feed.Drop("metadata/2.app.json")
	s.kept(trust.NotThere, "2.app.json")
	// now the snapshot was seen, which names version 2 of the product
	s.feed.Products["app"].Signed.Version = 1
	s.feed.SignTargets("app")
	s.feed.PublishSnapshot()
	s.feed.PublishTimestamp()
	s.kept(trust.RolledBack, "4.snapshot.json")
	s.feed.SetFiles(second)
	s.refused(trust.RolledBack, "timestamp.json") // version 5 was seen
}

// TestFreeze: a mirror that never has anything new is found out when what it
// has expires; and the same for each role.
func TestFreeze(t *testing.T) {
	for role, file := range map[string]string{
		feedtest.Root: "2.root.json", feedtest.Timestamp: "timestamp.json", feedtest.Snapshot: "3.snapshot.json",
		feedtest.Targets: "3.targets.json", "app": "2.app.json",
	} {
		t.Run(role, func(t *testing.T) {
			s := newSite(t)
			s.good()
			soon := start.Add(time.Hour)
			switch role {
			case feedtest.Root:
				s.feed.Root.Signed.Expires = soon
				s.feed.PublishRoot()
			case feedtest.Timestamp:
				s.feed.Timestamp.Signed.Expires = soon
			case feedtest.Snapshot:
				s.feed.Snapshot.Signed.Expires = soon
			case feedtest.Targets:
				s.feed.Targets.Signed.Expires = soon
			default:
				s.feed.Products[role].Signed.Expires = soon
			}
			s.feed.PublishAll()
			s.good()
			c := s.open()
			r, err := c.Refresh(t.Context(), "app/index.json")
			must(t, err)
			if r.ExpiresFirst != role || !r.Expires.Equal(soon) {
				t.Errorf("said to expire first: %s at %s", r.ExpiresFirst, r.Expires)
			}
			s.now = soon
			s.good() // up to and with the second
			s.now = soon.Add(time.Second)
			s.refused(trust.Expired, file+" has expired at 2027-03-01 13:00:00 UTC")
			_, err = c.Target(t.Context(), "app/index.json")
			wantKind(t, err, trust.Expired, file)
			_, err = trust.Offline(s.fs, dir, s.options())
			if role == "app" && err == nil {
				_, err = s.offline().Target(t.Context(), "app/index.json")
			}
			wantKind(t, err, trust.Expired, "has expired at 2027-03-01 13:00:00 UTC")
			// a run that was begun ends
			o := s.options()
			o.EvenExpired = true
			off, err := trust.Offline(s.fs, dir, o)
			must(t, err)
			_, err = off.Target(t.Context(), "app/index.json")
			must(t, err)
		})
	}
}

// TestClock: a clock that was set back cannot make expired metadata fresh.
func TestClock(t *testing.T) {
	s := newSite(t)
	s.good()
	s.now = start.AddDate(0, 0, 5)
	s.good()
	s.now = start.AddDate(0, 0, 8)
	s.refused(trust.Expired, "timestamp.json")
	s.now = start.AddDate(0, 0, 4)
	s.good() // within a day
	s.now = start.AddDate(0, 0, 3)
	s.refused(trust.ClockBack, "2027-03-06 12:00:00 UTC")
	_, err := trust.Offline(s.fs, dir, s.options())
	wantKind(t, err, trust.ClockBack, "clock")
	if asked := s.feed.Asked(); asked[len(asked)-1] != "timestamp.json" {
		t.Errorf("asked for %s", asked)
	}
	// a clock that is far ahead is not remembered, for nothing is believed then
	s.now = start.AddDate(10, 0, 0)
	s.refused(trust.Expired, "1.root.json")
	s.now = start.AddDate(0, 0, 5)
	s.good()
	must(t, s.fs.WriteFile(dir+"/clock.json", []byte("null{"), 0o644))
	s.good()
}

// TestMixAndMatch: files of different moments of a feed, each well signed, are
// not believed together.
func TestMixAndMatch(t *testing.T) {
	for name, tt := range map[string]struct{ file, with string }{
		"a snapshot of another moment":      {"3.snapshot.json", "2.snapshot.json"},
		"targets of another moment":         {"3.targets.json", "2.targets.json"},
		"a product of another moment":       {"2.app.json", "1.app.json"},
		"targets instead of a product":      {"2.app.json", "3.targets.json"},
		"a product instead of targets":      {"3.targets.json", "2.app.json"},
		"a timestamp instead of a snapshot": {"3.snapshot.json", "timestamp.json"},
		"targets instead of the root":       {"2.root.json", "3.targets.json"},
		"a snapshot instead of a timestamp": {"timestamp.json", "3.snapshot.json"},
	} {
		for _, sums := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, sums %t", name, sums), func(t *testing.T) {
				s := newSite(t)
				s.feed.Sums = sums
				s.good()
				s.feed.PublishAll()
				s.feed.Put("metadata/"+tt.file, s.feed.Get("metadata/"+tt.with))
				before := s.index()
				_, err := s.refresh()
				kinds := []trust.Kind{trust.MixUp, trust.TooLong} // by its hash, or its length
				if !sums || tt.file == "2.root.json" || tt.file == "timestamp.json" {
					kinds = []trust.Kind{trust.MixUp, trust.Damaged, trust.WrongSignature}
				}
				if !trust.Is(err, kinds...) {
					t.Errorf("got %v", err)
				}
				if s.index() != before {
					t.Error("it is believed")
				}
			})
		}
	}
}

// TestEndlessData: more than a file may have is never taken, though the
// getter does not look.
func TestEndlessData(t *testing.T) {
	for file, limit := range map[string]int64{"2.root.json": trust.MaxRoot, "timestamp.json": trust.MaxTimestamp, "3.snapshot.json": trust.MaxSnapshot, "3.targets.json": trust.MaxTargets, "2.app.json": trust.MaxTargets} {
		for _, sums := range []bool{true, false} {
			s := newSite(t)
			s.feed.Sums = sums
			s.good()
			s.feed.PublishAll()
			s.feed.PublishRoot()
			data := s.feed.Get("metadata/" + file)
			want := limit
			if sums && file != "2.root.json" && file != "timestamp.json" {
				want = int64(len(data))
			}
			more := append(data[:len(data):len(data)], strings.Repeat(" ", int(want)-len(data)+1)...)
			s.feed.Put("metadata/"+file, more)
			asked := &limits{Getter: s.feed, max: map[string]int64{}}
			s.get = asked
			s.kept(trust.TooLong, file)
			if got := asked.max["metadata/"+file]; got != want {
				t.Errorf("%s, sums %t: at most %d bytes were asked for, want %d", file, sums, got, want)
			}
		}
	}
}

type limits struct {
	trust.Getter
	max map[string]int64
}

func (l *limits) Small(ctx context.Context, name string, max int64) ([]byte, error) {
	l.max[name] = max
	return l.Getter.Small(ctx, name, max)
}

// TestEndlessRoots: a chain of roots is followed so far at a time.
func TestEndlessRoots(t *testing.T) {
	lab.Slow(t)
	s := newSite(t)
	for range trust.MaxRotations + 10 {
		s.feed.PublishRoot()
	}
	if r := s.good(); r.Root != 1+trust.MaxRotations || r.Requests > trust.MaxRotations+5 {
		t.Errorf("%+v", r)
	}
	if r := s.good(); r.Root != 11+trust.MaxRotations {
		t.Errorf("%+v", r)
	}
}

// TestSlow: a getter that never ends is ended by its context.
func TestSlow(t *testing.T) {
	s := newSite(t)
	s.good()
	s.get = stuck{make(chan bool)}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := s.open().Refresh(ctx)
	wantKind(t, err, trust.Unreachable, "2.root.json")
	s.index()
}

// TestExtraneous: who signs for one product has no say in another, and cannot
// hand on more than it has.
func TestExtraneous(t *testing.T) {
	s := newSite(t)
	s.feed.Product("other")
	s.feed.Add("other", "other/index.json", []byte("index of other"))
	app := s.feed.Products["app"]
	for _, name := range []string{"other/index.json", "other/9.9/other.tar.zst", "app.json", "app/a/b/c", "index.json", "../app/index.json", "/app/index.json", "app//index.json"} {
		app.Signed.Targets[name] = app.Signed.Targets["app/index.json"]
	}
	k := s.feed.Key()
	key, id := s.feed.PublicKey(k)
	app.Signed.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{id: key},
		Roles: []metadata.DelegatedRole{{Name: "evil", KeyIDs: []string{id}, Threshold: 1, Paths: []string{"*/*", "*/*/*"}}}}
	s.feed.Keys["evil"] = []ed25519.PrivateKey{k}
	s.feed.Products["evil"] = metadata.Targets(start.AddDate(1, 0, 0))
	s.feed.Add("evil", "other/9.9/other.tar.zst", []byte("evil"))
	s.feed.PublishAll()
	c := s.open()
	_, err := c.Refresh(t.Context())
	must(t, err)
	got, err := c.Target(t.Context(), "other/index.json")
	must(t, err)
	if got.Role != "other" {
		t.Errorf("%s signs for other", got.Role)
	}
	for _, name := range []string{"other/9.9/other.tar.zst", "app.json", "app/a/b/c", "index.json", "../app/index.json", "/app/index.json", "app//index.json", "", ".", "app/"} {
		_, err := c.Target(t.Context(), name)
		wantKind(t, err, trust.NotThere, name)
	}
}

// TestDelegations: a vendor's roles cannot send a client round in circles.
func TestDelegations(t *testing.T) {
	s := newSite(t)
	app := s.feed.Products["app"]
	k := s.feed.Keys["app"][0]
	key, id := s.feed.PublicKey(k)
	d := &metadata.Delegations{Keys: map[string]*metadata.Key{id: key}}
	for i := range 40 {
		name := fmt.Sprintf("r%d", i)
		d.Roles = append(d.Roles, metadata.DelegatedRole{Name: name, KeyIDs: []string{id}, Threshold: 1, Paths: []string{"app/*"}})
		s.feed.Keys[name] = s.feed.Keys["app"]
		s.feed.Products[name] = metadata.Targets(start.AddDate(1, 0, 0))
		s.feed.Products[name].Signed.Delegations = d
	}
	d.Roles = append(d.Roles, metadata.DelegatedRole{Name: "app", KeyIDs: []string{id}, Threshold: 1, Paths: []string{"app/*"}})
	app.Signed.Delegations = d
	s.feed.PublishAll()
	c := s.open()
	_, err := c.Refresh(t.Context())
	must(t, err)
	_, err = c.Target(t.Context(), "app/nothing")
	wantKind(t, err, trust.Damaged, "more than 32 roles")
	if n := len(s.feed.Asked()); n > 50 {
		t.Errorf("%d requests", n)
	}
	for _, bad := range []string{"root", "timestamp", "snapshot", "targets", "", strings.Repeat("x", 300)} {
		s := newSite(t)
		s.good()
		s.feed.Targets.Signed.Delegations.Roles[0].Name = bad
		s.feed.PublishAll()
		s.kept(trust.Damaged, "3.targets.json")
	}
	s = newSite(t)
	s.feed.Targets.Signed.Delegations.Roles = append(s.feed.Targets.Signed.Delegations.Roles, s.feed.Targets.Signed.Delegations.Roles[0])
	s.feed.PublishAll()
	s.refused(trust.Damaged, "twice")
}

// TestMirrorOfTwoMinds: one that says that a file is not there, or that it
// cannot be reached, is told apart.
func TestMirrorOfTwoMinds(t *testing.T) {
	s := newSite(t)
	s.good()
	s.feed.PublishAll()
	for _, file := range []string{"timestamp.json", "3.snapshot.json", "3.targets.json", "2.app.json"} {
		whole := s.feed.Files()
		s.feed.Drop("metadata/" + file)
		s.kept(trust.NotThere, file)
		s.feed.SetFiles(whole)
	}
	s.get = broken{}
	s.kept(trust.Unreachable, "2.root.json")
	s.get = nil
	s.good()
}

type broken struct{}

func (broken) Small(context.Context, string, int64) ([]byte, error) {
	return nil, fmt.Errorf("connection refused")
}
