package vendor_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/bundle"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/lab/tap"
	"upkeep/internal/vendor"
)

var errDead = errors.New("the process is dead")

// dying is a file system whose process dies before the operation numbered, or
// in the middle of it.
func dying(disk durable.FS, at int, torn bool) (fsys durable.FS, died *string) {
	n := 0
	died = new(string)
	return tap.FS(disk, func(op tap.Op, do func() error) error {
		if *died != "" {
			return errDead
		}
		if n++; n > at {
			*died = op.String()
			if torn && op.Torn != nil {
				_ = op.Torn()
			}
			return errDead
		}
		return do()
	}), died
}

// whole reads everything that a site may fetch, and gives the releases.
func (s *site) whole() (string, error) {
	x, u, err := s.look()
	if err != nil {
		return "", err
	}
	var list []string
	for _, r := range x.Releases {
		list = append(list, r.Version)
		names := []string{r.Documents}
		for _, p := range r.Payloads {
			names = append(names, p.Target)
		}
		for _, name := range names {
			if _, err := s.get(u, name); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return strings.Join(list, " "), nil
}

// A publisher that dies, or whose power is cut, at any moment: whoever reads the
// feed sees what was or what is new, whole; and doing it again ends it.
func TestPublishCrashes(t *testing.T) {
	lab.Slow(t)
	k := ceremony(t)
	start := crashfs.New()
	must(t, start.MkdirAll("/feed", 0o755))
	f := feed(t, start, "/feed", k)
	publish(t, f, k, release(t, "1.0", "a"), "stable")
	next := release(t, "1.1", "b")
	seen := map[string]int{}
	for n, torn := 0, false; ; {
		disk := start.Crash(crashfs.KeepAll())
		fsys, died := dying(disk, n, torn)
		err := publishOn(t, fsys, k, next)
		if *died == "" {
			must(t, err)
			if n < 10 {
				t.Fatalf("only %d operations", n)
			}
			t.Logf("%d operations; %v", n, seen)
			break
		}
		if err == nil {
			t.Errorf("%d: %s: it failed, and nobody was told", n, *died)
		}
		for i, keep := range []crashfs.Keep{crashfs.KeepNone(), crashfs.KeepAll(), crashfs.KeepSome(uint64(n)), crashfs.KeepSome(uint64(n) + 1000)} {
			left := disk.Crash(keep)
			f := &vendor.Feed{FS: left, Dir: "/feed", Now: f.Now}
			s := newSite(t, f)
			got, err := s.whole()
			if err != nil || got != "1.0" && got != "1.0 1.1" {
				t.Errorf("%d (%d): %s: a site sees %q, %v", n, i, *died, got, err)
				continue
			}
			seen[got]++
			if err := publishOn(t, left, k, next); err != nil {
				t.Errorf("%d (%d): %s: again: %v", n, i, *died, err)
			} else if got, err := s.whole(); err != nil || got != "1.0 1.1" {
				t.Errorf("%d (%d): %s: after it was done again a site sees %q, %v", n, i, *died, got, err)
			}
			if list, _ := left.ReadDir("/feed/pending"); len(list) > 0 {
				t.Errorf("%d (%d): %s: left over: %v", n, i, *died, list)
			}
		}
		if torn = !torn; !torn {
			n++
		}
	}
	if got := slices.Sorted(maps.Keys(seen)); len(got) != 2 {
		t.Errorf("sites have seen only %q", got)
	}
}

func publishOn(t *testing.T, fsys durable.FS, k keys, b *bundle.Bundle) error {
	f := &vendor.Feed{FS: fsys, Dir: "/feed", Now: start}
	_, err := f.Publish(t.Context(), vendor.Publishing{Bundle: b, Channel: "stable"})
	if err == nil {
		_, err = f.Apply(false, append(k.online(), k["release"])...)
	}
	return err
}

// A rotation that is interrupted anywhere is ended by the next Apply.
func TestRotationCrashes(t *testing.T) {
	lab.Slow(t)
	k := ceremony(t)
	begin := crashfs.New()
	must(t, begin.MkdirAll("/feed", 0o755))
	f := feed(t, begin, "/feed", k)
	publish(t, f, k, release(t, "1.0", "a"), "stable")
	k.add(t, "targets-4")
	k.add(t, "timestamp-2")
	must(t, f.Rotate("targets", vendor.Rotation{Remove: []string{"targets-1"}, Add: k.of("targets-4")}))
	must(t, f.Rotate("timestamp", vendor.Rotation{Remove: []string{"timestamp"}, Add: k.of("timestamp-2")}))
	signers := k.of("root-1", "root-2", "root-3", "targets-2", "targets-4", "snapshot", "timestamp-2")
	for n := 0; ; n++ {
		disk := begin.Crash(crashfs.KeepAll())
		fsys, died := dying(disk, n, false)
		_, err := (&vendor.Feed{FS: fsys, Dir: "/feed", Now: start}).Apply(false, signers...)
		if *died == "" {
			must(t, err)
			t.Logf("%d operations", n)
			return
		}
		for i, keep := range []crashfs.Keep{crashfs.KeepNone(), crashfs.KeepAll(), crashfs.KeepSome(uint64(n))} {
			left := disk.Crash(keep)
			f := &vendor.Feed{FS: left, Dir: "/feed", Now: start}
			s := newSite(t, f)
			a, err := f.Apply(false, signers...)
			if err != nil || len(a.Pending) > 0 {
				t.Errorf("%d (%d): %s: again: %+v %v", n, i, *died, a, err)
				continue
			}
			if got, err := s.whole(); err != nil || got != "1.0" {
				t.Errorf("%d (%d): %s: a site sees %q, %v", n, i, *died, got, err)
			}
			st, err := f.Status()
			must(t, err)
			if st.Roles[0].Version != 2 || st.Roles[1].Version != 2 {
				t.Errorf("%d (%d): %s: %+v", n, i, *died, st.Roles)
			}
		}
	}
}
