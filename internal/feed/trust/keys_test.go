package trust_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"pgregory.net/rapid"

	"upkeep/internal/feed/feedtest"
	"upkeep/internal/feed/trust"
	"upkeep/internal/lab"
)

// TestBelowThreshold: some of the keys of a role, but too few, are none.
func TestBelowThreshold(t *testing.T) {
	for role, tt := range map[string]struct {
		stolen int
		file   string
	}{feedtest.Root: {2, "2.root.json"}, feedtest.Targets: {1, "3.targets.json"}} {
		t.Run(role, func(t *testing.T) {
			s := newSite(t)
			s.good()
			keys := s.feed.Keys[role][:tt.stolen]
			if role == feedtest.Root {
				s.feed.Rotate(feedtest.Targets, 1, 1)
			}
			for len(keys) < 5 {
				keys = append(keys, s.feed.Key()) // and some of their own
			}
			s.feed.Keys[role] = keys
			if role == feedtest.Root {
				s.feed.PublishRoot()
			}
			s.feed.PublishAll()
			s.kept(trust.WrongSignature, file(tt.file, fmt.Sprintf("%d of the %d signatures", tt.stolen, tt.stolen+1)))
		})
	}
}

func file(name, why string) string {
	return name + " is not signed by enough of those who may sign it: " + why
}

// TestOnlineKeys: with the keys of snapshot and timestamp, which lie on a
// server, nothing can be installed that the vendor has not signed; and what
// was spoilt with them ends with a new root.
func TestOnlineKeys(t *testing.T) {
	s := newSite(t)
	s.good()
	// below: they sign other targets
	s.feed.Add(feedtest.Targets, "app/index.json", []byte("evil"))
	targets := s.feed.Keys[feedtest.Targets]
	s.feed.Keys[feedtest.Targets] = s.feed.Keys[feedtest.Snapshot]
	s.feed.PublishAll()
	s.kept(trust.WrongSignature, "3.targets.json")
	delete(s.feed.Targets.Signed.Targets, "app/index.json")
	s.feed.Keys[feedtest.Targets] = targets
	// what they can do is to run versions up, so that the vendor's own are believed to be old
	s.feed.Targets.Signed.Version = 3
	s.feed.Products["app"].Signed.Version = 1
	s.feed.SignTargets(feedtest.Targets)
	s.feed.SignTargets("app")
	honest := s.feed.Files()
	s.feed.Snapshot.Signed.Meta["app.json"].Version = 1 << 50
	s.feed.Snapshot.Signed.Version, s.feed.Timestamp.Signed.Version = 1<<50, 1<<50
	s.feed.SignSnapshot()
	s.feed.SignTimestamp()
	s.refused(trust.NotThere, "1125899906842624.app.json")
	// the vendor publishes on, in vain
	s.feed.SetFiles(honest)
	s.feed.Snapshot.Signed.Version, s.feed.Timestamp.Signed.Version = 10, 10
	s.feed.Add("app", "app/index.json", []byte("index 2"))
	s.feed.PublishProduct("app")
	s.feed.SignSnapshot()
	s.feed.SignTimestamp()
	s.refused(trust.RolledBack, "timestamp.json")
	// until new keys are in a new root
	s.feed.Rotate(feedtest.Snapshot, 1, 1)
	s.feed.Rotate(feedtest.Timestamp, 1, 1)
	s.feed.PublishRoot()
	s.feed.SignSnapshot()
	s.feed.SignTimestamp()
	r := s.good()
	if r.Timestamp != 10 || r.Snapshot != 10 || r.Root != 2 {
		t.Errorf("%+v", r)
	}
	if s.index() != s.feed.Index("app") {
		t.Error("another index is believed")
	}
	s.again("index 3")
	s.good()
}

// TestRootRecovery: the keys of every role are replaced, those of the root
// too, and the old ones count no more.
func TestRootRecovery(t *testing.T) {
	s := newSite(t)
	s.good()
	old := maps.Clone(s.feed.Keys)
	for _, role := range []string{feedtest.Root, feedtest.Targets, feedtest.Snapshot, feedtest.Timestamp} {
		s.feed.Rotate(role, 1, 1)
	}
	s.feed.PublishRoot()
	s.feed.PublishAll()
	s.good()
	for _, role := range []string{feedtest.Timestamp, feedtest.Snapshot, feedtest.Targets, feedtest.Root} {
		now := s.feed.Keys[role]
		s.feed.Keys[role] = old[role]
		if role == feedtest.Root {
			s.feed.PublishRoot()
		}
		s.feed.PublishAll()
		s.kept(trust.WrongSignature, map[string]string{feedtest.Root: "3.root.json"}[role])
		s.feed.Keys[role] = now
		s.feed.PublishAll()
		if role != feedtest.Root {
			s.good()
		}
	}
	// a product's key that was lost: the vendor's targets name another one
	s.feed.Drop("metadata/3.root.json")
	s.good()
	k := s.feed.Key()
	key, id := s.feed.PublicKey(k)
	s.feed.Targets.Signed.Delegations.Keys[id] = key
	s.feed.Targets.Signed.Delegations.Roles[0].KeyIDs = []string{id}
	s.feed.PublishAll()
	s.kept(trust.WrongSignature, "app.json")
	s.feed.Keys["app"] = []ed25519.PrivateKey{k}
	s.feed.PublishAll()
	s.good()
}

// TestOneKeyTwice: however often one key signs, it is one.
func TestOneKeyTwice(t *testing.T) {
	s := newSite(t)
	s.good()
	one := s.feed.Keys[feedtest.Targets][0]
	s.feed.Keys[feedtest.Targets] = []ed25519.PrivateKey{one, one}
	s.feed.PublishAll()
	s.kept(trust.Damaged, "3.targets.json")

	// or under two names
	s = newSite(t)
	k := s.feed.Keys[feedtest.Targets][0]
	twin, _ := s.feed.PublicKey(k)
	twin.UnrecognizedFields = map[string]any{"other": true}
	s.feed.Root.Signed.Keys["twin"] = twin
	s.feed.Root.Signed.Roles[feedtest.Targets].KeyIDs = append(s.feed.Root.Signed.Roles[feedtest.Targets].KeyIDs, "twin")
	s.feed.PublishRoot()
	s.feed.Keys[feedtest.Targets] = []ed25519.PrivateKey{k}
	s.feed.PublishAll()
	var m map[string]any
	at := fmt.Sprintf("metadata/%d.targets.json", s.feed.Targets.Signed.Version)
	must(t, json.Unmarshal(s.feed.Get(at), &m))
	sigs := m["signatures"].([]any)
	again := maps.Clone(sigs[0].(map[string]any))
	again["keyid"] = "twin"
	m["signatures"] = append(sigs, again)
	text, err := json.Marshal(m)
	must(t, err)
	s.feed.Put(at, text)
	s.feed.Snapshot.Signed.Meta["targets.json"] = &metadata.MetaFiles{Version: s.feed.Targets.Signed.Version}
	s.feed.PublishSnapshot()
	s.feed.PublishTimestamp()
	s.refused(trust.WrongSignature, file("targets.json", "1 of the 2 signatures"))
}

// TestUnknownFields: what a later version of the specification may add is
// passed over, and signed for.
func TestUnknownFields(t *testing.T) {
	s := newSite(t)
	more := map[string]any{"later": map[string]any{"a": []any{"b", nil}}}
	s.feed.Root.Signed.UnrecognizedFields = more
	s.feed.Root.Signed.Roles[feedtest.Root].UnrecognizedFields = more
	for _, k := range s.feed.Root.Signed.Keys {
		k.UnrecognizedFields = more
	}
	s.feed.Timestamp.Signed.UnrecognizedFields = more
	s.feed.Snapshot.Signed.UnrecognizedFields = more
	s.feed.Snapshot.Signed.Meta["app.json"].UnrecognizedFields = more
	s.feed.Targets.Signed.UnrecognizedFields = more
	s.feed.Targets.Signed.Delegations.Roles[0].UnrecognizedFields = more
	s.feed.Products["app"].Signed.UnrecognizedFields = more
	s.feed.Products["app"].Signed.Targets["app/index.json"].UnrecognizedFields = more
	s.feed.PublishRoot()
	s.feed.PublishAll()
	s.good()
	s.feed.PublishTimestamp()
	s.feed.Put("metadata/timestamp.json", []byte(strings.Replace(string(s.feed.Get("metadata/timestamp.json")), "later", "never", 1)))
	s.kept(trust.WrongSignature, "timestamp.json")
}

// nodes gives a copy of value for each value in it, with that one replaced.
func nodes(value, by any) []any {
	out := []any{by}
	switch v := value.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			for _, n := range nodes(v[k], by) {
				c := maps.Clone(v)
				c[k] = n
				out = append(out, c)
			}
		}
	case []any:
		for i := range v {
			for _, n := range nodes(v[i], by) {
				c := slices.Clone(v)
				c[i] = n
				out = append(out, c)
			}
		}
	}
	return out
}

// TestNulls puts null, and other things, in the place of every value of every
// file, signed by those who may sign it. Nothing panics, and every refusal is
// an Error.
func TestNulls(t *testing.T) { odd(t, nil) }

func TestOddJSON(t *testing.T) {
	lab.Slow(t)
	odd(t, []any{}, map[string]any{}, "x", -1, map[string]any{"x": nil})
}

func odd(t *testing.T, others ...any) {
	for role, name := range map[string]string{feedtest.Root: "3.root.json", feedtest.Timestamp: "timestamp.json", feedtest.Snapshot: "4.snapshot.json", feedtest.Targets: "4.targets.json", "app": "3.app.json"} {
		t.Run(role, func(t *testing.T) {
			s := newSite(t)
			s.feed.Sums = false
			s.feed.Rotate(feedtest.Targets, 1, 1) // fewer keys to try
			s.feed.Rotate(feedtest.Root, 1, 1)
			s.feed.PublishRoot()
			s.feed.PublishAll()
			s.good()
			s.feed.PublishRoot()
			s.feed.PublishAll()
			var whole struct{ Signed any }
			must(t, json.Unmarshal(s.feed.Get("metadata/"+name), &whole))
			fs, refused := s.fs, 0
			for _, by := range others {
				for _, signed := range nodes(whole.Signed, by) {
					text, err := json.Marshal(signed)
					must(t, err)
					s.feed.Put("metadata/"+name, feedtest.SignRaw(t, text, s.feed.Keys[role]...))
					s.fs = fs.(interface{ Clone() *crashFS }).Clone()
					c := s.open()
					_, err = c.Refresh(t.Context(), "app/index.json")
					if err == nil {
						_, err = c.Target(t.Context(), "app/1.0/app.tar.zst")
					}
					if err != nil {
						refused++
						if !trust.Is(err, trust.Damaged, trust.WrongSignature, trust.MixUp, trust.RolledBack, trust.Expired, trust.NotThere) {
							t.Errorf("%.2000s: %v", text, err)
						}
					}
					if _, err := trust.Offline(s.fs, dir, s.options()); err != nil && !trust.Is(err, trust.WrongSignature, trust.Expired) && role != feedtest.Root {
						t.Errorf("%.2000s: what is stored then: %v", text, err)
					}
				}
			}
			if refused < 3 {
				t.Errorf("only %d were refused", refused)
			}
			for _, whole := range []string{"", "null", "[]", "{}", `{"signed":null,"signatures":null}`, `{"signed":[]}`, `{"signed":{"_type":null},"signatures":[null]}`, strings.Repeat("[", 15000)} {
				s.fs = fs
				s.feed.Put("metadata/"+name, []byte(whole))
				s.kept(trust.Damaged, name)
			}
		})
	}
}

// TestLyingMirror: a mirror that changes files at random, or gives one instead
// of another or old ones, has nothing believed but what the vendor has signed.
func TestLyingMirror(t *testing.T) {
	lab.Slow(t)
	rapid.Check(t, func(r *rapid.T) {
		s := newSite(t)
		old := s.feed.Files()
		s.good()
		sums := []string{s.index()}
		s.again("index 2")
		sums = append(sums, s.feed.Index("app"))
		files := s.feed.Files()
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(n string) bool { return !strings.HasPrefix(n, "metadata/") })
		for range rapid.IntRange(1, 3).Draw(r, "lies") {
			name := rapid.SampledFrom(names).Draw(r, "file")
			data := slices.Clone(files[name])
			switch rapid.IntRange(0, 4).Draw(r, "lie") {
			case 0:
				if other, ok := old[name]; ok {
					data = other
				}
			case 1:
				data = files[rapid.SampledFrom(names).Draw(r, "other")]
			case 2:
				data = data[:rapid.IntRange(0, len(data)).Draw(r, "cut")]
			case 3:
				data[rapid.IntRange(0, len(data)-1).Draw(r, "at")] ^= byte(rapid.IntRange(1, 255).Draw(r, "bits"))
			case 4:
				at := rapid.IntRange(0, len(data)).Draw(r, "at")
				data = slices.Insert(data, at, []byte(rapid.SampledFrom([]string{" ", "0", "null", `"x":1,`, "{", "]"}).Draw(r, "more"))...)
			}
			if len(data) == 0 {
				continue
			}
			s.feed.Put(name, data)
		}
		_, err := s.refresh()
		if err != nil && !trust.Is(err, trust.Damaged, trust.WrongSignature, trust.MixUp, trust.RolledBack, trust.TooLong) {
			r.Fatalf("%v", err)
		}
		// an old timestamp is a feed in which nothing has happened since
		if got := s.index(); !slices.Contains(sums, got) || err == nil && got != sums[1] && !same(s.feed, old, "metadata/timestamp.json") {
			r.Fatalf("believes %s after %v", got, err)
		}
		s.feed.SetFiles(files)
		s.good()
		if s.index() != sums[1] {
			r.Fatal("does not recover")
		}
	})
}

func same(f *feedtest.Feed, old map[string][]byte, name string) bool {
	return string(f.Get(name)) == string(old[name])
}
