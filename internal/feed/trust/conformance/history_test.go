package main

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/feed/feedtest"
)

func TestRollback(t *testing.T) {
	for _, sums := range []bool{false, true} {
		for name, tt := range map[string]struct {
			do   func(s *suite)
			want string
			last string
			code int
		}{
			"the timestamp": {func(s *suite) { s.Timestamp.Signed.Version = 1; s.SignTimestamp() },
				"root 1 snapshot 3 targets 3 timestamp 3", "timestamp.json", 1},
			"the snapshot": {func(s *suite) { s.Snapshot.Signed.Version = 1; s.SignSnapshot(); s.PublishTimestamp() },
				"root 1 snapshot 3 targets 3 timestamp 3", "timestamp.json", 1},
			"the snapshot's file": {func(s *suite) { s.Put("metadata/3.snapshot.json", s.Get("metadata/1.snapshot.json")) },
				"root 1 snapshot 3 targets 3 timestamp 3", "timestamp.json", 0},
			"targets": {func(s *suite) {
				s.Targets.Signed.Version = 1
				s.SignTargets("targets")
				s.PublishSnapshot()
				s.PublishTimestamp()
			},
				"root 1 snapshot 3 targets 3 timestamp 4", "4.snapshot.json", 1},
		} {
			t.Run(fmt.Sprintf("%s, sums %t", name, sums), func(t *testing.T) {
				s := newSuite(t)
				s.Sums = sums
				s.PublishAll()
				s.PublishAll()
				s.init()
				s.refresh(0)
				tt.do(s)
				s.refresh(tt.code)
				s.trusted(tt.want)
				if got := s.Asked(); got[len(got)-1] != tt.last {
					t.Errorf("asked for %q at last", got)
				}
			})
		}
	}
}

// TestSnapshotMismatch: a snapshot that is not the version that it is named as.
func TestSnapshotMismatch(t *testing.T) {
	s := newSuite(t)
	s.init()
	s.Snapshot.Signed.Version = 2
	s.Put("metadata/1.snapshot.json", feedtest.Sign(t, s.Snapshot, s.Keys["snapshot"]...))
	s.refresh(1)
	s.trusted("root 1 timestamp 1")
	s.asked(first[:3])
}

// TestFastForward: versions that were run up come down again, once the keys
// that did it are replaced.
func TestFastForward(t *testing.T) {
	for _, tt := range []struct {
		role   string
		rotate []string
		up     func(s *suite, v int64)
		want   string
	}{
		{"timestamp", []string{"timestamp"}, func(s *suite, v int64) { s.Timestamp.Signed.Version = v }, "root 2 snapshot 2 targets 2 timestamp 1"},
		{"snapshot", []string{"snapshot", "timestamp"}, func(s *suite, v int64) { s.Snapshot.Signed.Version = v }, "root 2 snapshot 1 targets 2 timestamp 2"},
		{"targets", []string{"snapshot"}, func(s *suite, v int64) { s.Targets.Signed.Version = v }, "root 2 snapshot 2 targets 1 timestamp 2"},
	} {
		for _, rotated := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, rotated %t", tt.role, rotated), func(t *testing.T) {
				s := newSuite(t)
				s.init()
				publish := func() {
					s.SignTargets("targets")
					s.SignSnapshot()
					s.SignTimestamp()
				}
				tt.up(s, 99999)
				publish()
				s.refresh(0)
				s.trusted(strings.ReplaceAll("root 1 snapshot 1 targets 1 timestamp 1", tt.role+" 1", tt.role+" 99999"))
				for _, v := range []*int64{&s.Timestamp.Signed.Version, &s.Snapshot.Signed.Version, &s.Targets.Signed.Version} {
					*v = 2
				}
				tt.up(s, 1)
				if rotated {
					for _, role := range tt.rotate {
						s.Rotate(role, 1, 1)
					}
					s.PublishRoot()
				}
				publish()
				if !rotated {
					s.refresh(1)
					return
				}
				s.refresh(0)
				s.trusted(tt.want)
			})
		}
	}
}

// signed is metadata of a role with those of ten keys, signed by some.
type signed struct {
	keys, sigs []int
	threshold  int
}

func (s *suite) set(role string, keys []ed25519.PrivateKey, v signed) {
	r := s.Root.Signed.Roles[role]
	r.KeyIDs, r.Threshold = nil, v.threshold
	for _, i := range v.keys {
		key, _ := s.PublicKey(keys[i])
		must(s.t, s.Root.Signed.AddKey(key, role))
	}
	s.Keys[role] = nil
	for _, i := range v.sigs {
		s.Keys[role] = append(s.Keys[role], keys[i])
	}
}

func (s *suite) ten() []ed25519.PrivateKey {
	var keys []ed25519.PrivateKey
	for range 10 {
		keys = append(keys, s.Key())
	}
	return keys
}

func TestRootRotation(t *testing.T) {
	five, next := []int{0, 1, 2, 3, 4}, []int{0, 1, 3, 4, 5}
	for name, tt := range map[string]struct {
		roots []signed
		ok    bool
	}{
		"1 of 1":                                    {[]signed{{[]int{1}, []int{1}, 1}, {[]int{2}, []int{2, 1}, 1}, {[]int{2}, []int{2}, 1}}, true},
		"1 of 1, others sign too":                   {[]signed{{[]int{1}, []int{3, 1, 4}, 1}, {[]int{2}, []int{3, 2, 1, 4}, 1}, {[]int{2}, []int{3, 2, 4}, 1}}, true},
		"3 of 5, other ones each time":              {[]signed{{five, []int{0, 2, 4}, 3}, {five, []int{0, 4, 1}, 3}, {five, []int{0, 1, 3}, 3}, {five, []int{0, 1, 3}, 3}}, true},
		"3 of 5, one rotated":                       {[]signed{{five, []int{0, 2, 4}, 3}, {next, []int{0, 4, 1}, 3}}, true},
		"3 of 5, one rotated with a step":           {[]signed{{five, []int{0, 2, 4}, 3}, {next, []int{0, 2, 4, 5}, 3}, {next, []int{0, 4, 5}, 3}}, true},
		"3 of 5, all rotated with a step":           {[]signed{{five, []int{0, 2, 4}, 3}, {[]int{5, 6, 7, 8, 9}, []int{0, 2, 4, 5, 6, 7}, 3}, {[]int{5, 6, 7, 8, 9}, []int{5, 6, 7}, 3}}, true},
		"1 of 3 to 2 of 3":                          {[]signed{{[]int{1, 2, 3}, []int{1}, 1}, {[]int{1, 2, 3}, []int{1, 2}, 2}}, true},
		"2 of 3 to 1 of 3":                          {[]signed{{[]int{1, 2, 3}, []int{1, 2}, 2}, {[]int{1, 2, 3}, []int{1, 2}, 1}, {[]int{1, 2, 3}, []int{1}, 1}}, true},
		"1 of 1 to 2 of 2":                          {[]signed{{[]int{1}, []int{1}, 1}, {[]int{1, 2}, []int{1, 2}, 2}}, true},
		"1 of 1, not by the old key":                {[]signed{{[]int{1}, []int{1}, 1}, {[]int{2}, []int{2, 3, 4}, 1}}, false},
		"1 of 1, not by the new key":                {[]signed{{[]int{1}, []int{1}, 1}, {[]int{2}, []int{1, 3, 4}, 1}}, false},
		"3 of 5, too few new ones":                  {[]signed{{five, []int{0, 2, 4}, 3}, {next, []int{0, 2, 4}, 3}}, false},
		"3 of 5, too few old ones":                  {[]signed{{five, []int{0, 2, 4}, 3}, {next, []int{0, 4, 5}, 3}}, false},
		"1 of 3 to 2 of 3, the new one not reached": {[]signed{{[]int{1, 2, 3}, []int{1}, 1}, {[]int{1, 2, 3}, []int{2}, 2}}, false},
		"2 of 3 to 1 of 3, the old one not reached": {[]signed{{[]int{1, 2, 3}, []int{1, 2}, 2}, {[]int{1, 2, 3}, []int{1}, 1}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSuite(t)
			keys := s.ten()
			for i, v := range tt.roots {
				s.set("root", keys, v)
				s.Root.Signed.Version = int64(i + 1)
				s.Put(fmt.Sprintf("metadata/%d.root.json", i+1), feedtest.Sign(t, s.Root, s.Keys["root"]...))
			}
			s.init()
			code, last := 0, len(tt.roots)
			if !tt.ok {
				code, last = 1, last-1
			}
			s.refresh(code)
			got, err := os.ReadFile(filepath.Join(s.metadata, "root.json"))
			if must(t, err); string(got) != string(s.Get(fmt.Sprintf("metadata/%d.root.json", last))) {
				t.Errorf("another root than the %d. is believed", last)
			}
		})
	}
}

func TestOtherRotation(t *testing.T) {
	five, next := []int{0, 1, 2, 3, 4}, []int{0, 1, 3, 4, 5}
	for name, tt := range map[string]struct {
		v  signed
		ok bool
	}{
		"1 of 1":                     {signed{[]int{2}, []int{2}, 1}, true},
		"1 of 1, others sign too":    {signed{[]int{1}, []int{3, 1, 4}, 1}, true},
		"1 of 1, not by the new key": {signed{[]int{2}, []int{1, 3, 4}, 1}, false},
		"3 of 5, one is another":     {signed{next, []int{0, 2, 4}, 3}, false},
		"3 of 5, too few":            {signed{next, []int{0, 4}, 3}, false},
		"3 of 5, these":              {signed{five, []int{0, 2, 4}, 3}, true},
		"3 of 5, those":              {signed{five, []int{2, 3, 4}, 3}, true},
		"6 of 5":                     {signed{five, five, 6}, false},
	} {
		for _, role := range []string{"timestamp", "snapshot", "targets"} {
			t.Run(role+", "+name, func(t *testing.T) {
				s := newSuite(t)
				s.init()
				s.set(role, s.ten(), tt.v)
				s.PublishRoot()
				s.PublishAll()
				code := 0
				if !tt.ok {
					code = 1
				}
				s.refresh(code)
				if tt.ok {
					s.trusted("root 2 snapshot 2 targets 2 timestamp 2")
				}
			})
		}
	}
}
