package trust_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/feed/feedtest"
	"upkeep/internal/feed/trust"
	"upkeep/internal/lab"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/lab/tap"
	"upkeep/internal/lab/tap/watch"
)

var errKilled = errors.New("killed")

// killedAt ends everything at the n-th operation, before it is made or after.
func killedAt(fs durable.FS, n int, after bool) (durable.FS, *int) {
	done := new(int)
	return tap.FS(fs, func(_ tap.Op, do func() error) error {
		*done++
		switch {
		case *done < n:
			return do()
		case *done == n && after:
			_ = do()
		}
		return errKilled
	}), done
}

// TestKilled ends a refresh at each of its operations, as a kill and as a
// power cut that keeps nothing, all, or some of what was not synced. Offline
// then believes the old feed or the new one as a whole, and the next refresh
// goes on.
func TestKilled(t *testing.T) {
	lab.Slow(t)
	for name, news := range map[string]func(s *site){
		"a release": func(s *site) { s.again("index 2") },
		"everything": func(s *site) {
			s.feed.PublishRoot()
			s.feed.PublishRoot()
			s.feed.Product("other")
			s.feed.Add("app", "app/index.json", []byte("index 2"))
			s.feed.PublishAll()
		},
		"new keys": func(s *site) {
			s.feed.Rotate(feedtest.Timestamp, 1, 1)
			s.feed.Rotate(feedtest.Snapshot, 1, 1)
			s.feed.PublishRoot()
			s.again("index 2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.good()
			old := s.index()
			news(s)
			s.now = start.AddDate(0, 0, 1) // clock.json is written, too
			before := s.fs.(*crashFS)
			s.fs = before.Clone()
			s.good()
			fresh, want := s.index(), s.fs.(*crashFS).Snapshot("/")
			points := 0
			for n := 1; ; n++ {
				ended := false
				for _, after := range []bool{false, true} {
					for k, keep := range []func(*crashFS) durable.FS{
						func(f *crashFS) durable.FS { return f }, // killed, and the machine goes on
						func(f *crashFS) durable.FS { return f.Crash(crashfs.KeepNone()) },
						func(f *crashFS) durable.FS { return f.Crash(crashfs.KeepAll()) },
						func(f *crashFS) durable.FS { return f.Crash(crashfs.KeepSome(uint64(n))) },
					} {
						disk := before.Clone()
						fs, done := killedAt(disk, n, after)
						s.fs = fs
						_, err := s.refresh()
						if ended = err == nil && *done < n; ended {
							break
						}
						points++
						at := fmt.Sprintf("operation %d, after %t, kept %d", n, after, k)
						s.fs = keep(disk)
						c, err := trust.Offline(s.fs, dir, s.options())
						if err == nil {
							var target trust.Target
							target, err = c.Target(t.Context(), "app/index.json")
							if err == nil && target.SHA256 != old && target.SHA256 != fresh {
								t.Fatalf("%s: neither the old nor the new feed", at)
							}
						}
						if err != nil && !(name == "new keys" && trust.Is(err, trust.WrongSignature)) {
							t.Fatalf("%s: %v", at, err)
						}
						if _, err := s.refresh(); err != nil {
							t.Fatalf("%s: %v", at, err)
						}
						if got := s.fs.(*crashFS).Snapshot("/"); s.index() != fresh || got != want {
							t.Fatalf("%s: after the next refresh\n%s\nwant\n%s", at, got, want)
						}
					}
				}
				if ended {
					break
				}
			}
			if points < 40 {
				t.Errorf("only %d points", points)
			}
			t.Logf("%d points", points)
		})
	}
}

// TestStoredDurably: when Pin and Refresh return, what they have stored lasts,
// in the order that a crash test cannot see, and what nothing leads to is gone.
func TestStoredDurably(t *testing.T) {
	s := newSite(t)
	disk := watch.New()
	s.fs = disk.Over(crashfs.New())
	must(t, s.fs.MkdirAll("/state/feed", 0o755))
	must(t, trust.Pin(s.fs, dir, s.feed.RootFile()))
	s.good()
	s.feed.PublishRoot()
	s.feed.PublishAll()
	s.good()
	if dirty := disk.Dirty(); len(dirty) > 0 {
		t.Errorf("not durable: %q", dirty)
	}
	list, err := s.fs.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
	}
	if want := []string{"1.root.json", "2.app.json", "2.root.json", "3.snapshot.json", "3.targets.json", "clock.json", "complete.json", "timestamp.json"}; !slices.Equal(names, want) {
		t.Errorf("stored are %q, want %q", names, want)
	}
}

// TestStoredDamage: whatever happens to a stored file, it is not believed, and
// the next refresh mends it; but for the first root, which is pinned.
func TestStoredDamage(t *testing.T) {
	s := newSite(t)
	s.feed.PublishRoot()
	s.good()
	want := s.fs.(*crashFS).Snapshot("/")
	list, err := s.fs.ReadDir(dir)
	must(t, err)
	for _, e := range list {
		for _, damage := range []string{"", "null", "{", `{"signed":null}`, string(make([]byte, trust.MaxTimestamp+1))} {
			before := s.fs.(*crashFS).Clone()
			must(t, s.fs.WriteFile(dir+"/"+e.Name, []byte(damage), 0o644))
			c, err := trust.Offline(s.fs, dir, s.options())
			if err == nil {
				_, err = c.Target(t.Context(), "app/index.json")
			}
			if used := e.Name != "timestamp.json" && e.Name != "clock.json" && e.Name != "2.root.json"; (err != nil) != used {
				t.Errorf("%s is %.20q: offline says %v", e.Name, damage, err)
			}
			if e.Name == "1.root.json" {
				_, err := trust.Open(s.fs, dir, s.feed, s.options())
				wantKind(t, err, trust.NotPinned, "1.root.json")
			} else {
				s.good()
				if got := s.fs.(*crashFS).Snapshot("/"); got != want {
					t.Errorf("%s was %.20q: after the next refresh\n%s\nwant\n%s", e.Name, damage, got, want)
				}
			}
			s.fs = before
		}
	}
}
