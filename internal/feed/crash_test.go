package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"upkeep/internal/bundle"
	"upkeep/internal/channel"
	"upkeep/internal/durable"
	"upkeep/internal/feed"
	"upkeep/internal/feed/fetch"
	"upkeep/internal/feed/trust"
	"upkeep/internal/lab"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/lab/tap"
)

var errDead = errors.New("the process is dead")

// journey is all that a site does with a feed: it takes over a file that was
// carried, looks at the feed, fetches, carries on, and keeps what vouches for a run.
type journey struct {
	p       *publisher
	carried string
	digest  string // of 2.0
}

func newJourney(t *testing.T) journey {
	p := publishing(t)
	p.Patch = feed.Patches{FS: durable.OS()}
	same := noise(20 << 10)
	p.release("1.0", channel.Stable, same+"one")
	s := p.site(t)
	_, err := s.Refresh(t.Context())
	must(t, err)
	j := journey{p: p, carried: carry(t, s, "1.0")}
	j.digest = p.release("2.0", channel.Stable, same+"two").Digest()
	return j
}

const (
	feedDir = "/state/feed"
	carryTo = "/state/out.feed"
	kept    = "/state/run/vouched"
)

func (j journey) feed(fsys durable.FS) *feed.Feed {
	return feed.New(feed.Options{FS: fsys, Dir: feedDir, Product: "notes", Name: "example", Root: j.p.root, Source: fetch.Dir(durable.OS(), j.p.Dir), Now: start,
		Patch: feed.Patches{FS: fsys}})
}

func (j journey) travel(ctx context.Context, fsys durable.FS) error {
	f := j.feed(fsys)
	c, err := feed.OpenCarried(durable.OS(), j.carried)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := f.Import(ctx, c); err != nil && !trust.Is(err, trust.RolledBack) { // it was got past that before
		return err
	}
	if _, err := f.Refresh(ctx); err != nil {
		return err
	}
	for _, v := range []string{"1.0", "2.0"} {
		if _, _, err := f.Fetch(ctx, v); err != nil {
			return err
		}
	}
	if _, err := fsys.Lstat(carryTo); errors.Is(err, fs.ErrNotExist) {
		if _, err := f.Export(ctx, []string{"2.0"}, carryTo); err != nil {
			return err
		}
	}
	return f.Keep(ctx, kept)
}

// sound says what is there though it must not be, after a crash at any time.
func (j journey) sound(ctx context.Context, disk durable.FS) error {
	f := j.feed(disk)
	x, _, err := f.Known()
	if err != nil {
		return err
	}
	list, err := disk.ReadDir(feedDir + "/releases")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range list {
		if x == nil || x.Find(e.Name) == nil {
			continue // being unpacked
		}
		if b, err := bundle.Open(ctx, disk, f.Dir(e.Name), bundle.Options{Lacking: feed.Lacking(x.Find(e.Name))}); err != nil || b.Digest() != x.Find(e.Name).Digest {
			return fmt.Errorf("release %s: %w", e.Name, err)
		}
	}
	return j.whole(disk, carryTo)
}

// whole: a carried feed is there with all of it, or not at all.
func (j journey) whole(disk durable.FS, path string) error {
	if _, err := disk.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	c, err := feed.OpenCarried(disk, path)
	if err != nil {
		return err
	}
	return c.Close()
}

// arrived: all of it is there, without another try.
func (j journey) arrived(ctx context.Context, disk durable.FS) error {
	f := j.feed(disk)
	x, v, err := f.Vouched(ctx)
	if err != nil {
		return err
	}
	if _, s, err := f.Known(); err != nil || s.Refreshed.IsZero() || len(s.Seen) != 2 {
		return fmt.Errorf("known is %+v, %w", s, err)
	}
	for _, dir := range []string{"coming", "releases"} {
		list, err := disk.ReadDir(filepath.Join(feedDir, dir))
		if err != nil || dir == "coming" && len(list) > 0 || dir == "releases" && len(list) != 2 {
			return fmt.Errorf("%s has %v, %w", dir, list, err)
		}
	}
	b, err := bundle.Open(ctx, disk, f.Dir("2.0"), bundle.Options{})
	if err != nil || b.Digest() != j.digest || x.Find("2.0").Digest != j.digest {
		return fmt.Errorf("release 2.0: %w", err)
	}
	if _, err := disk.Lstat(carryTo); err != nil {
		return err
	}
	if _, err := disk.Lstat(carryTo + fetch.Part); err == nil {
		return errors.New("half a carried feed is left")
	}
	said, err := feed.Kept(ctx, disk, kept, "notes", v.Root)
	if err != nil || said.Find("2.0").Digest != j.digest {
		return fmt.Errorf("what vouches for the run: %w", err)
	}
	return nil
}

// killed travels, ends the process before or after the operations that are
// wanted, cuts the power, and travels again. A mutant does something else at some sites.
func (j journey) killed(ctx context.Context, wanted func(n int) bool, mutant func(tap.Op, func() error) error) error {
	for n := 1; ; n++ {
		last := false
		for _, after := range []bool{false, true} {
			if !wanted(n) || after && n%4 > 0 { // after one is mostly before the next
				continue
			}
			fsys := crashfs.New()
			if err := fsys.MkdirAll("/state", 0o700); err != nil {
				return err
			}
			dead, seen := false, 0
			err := j.travel(ctx, tap.FS(tap.FS(fsys, func(op tap.Op, do func() error) error {
				if dead {
					return errDead
				}
				if seen++; seen != n {
					return do()
				}
				if dead = true; after {
					_ = do() // it is dead anyway
				}
				return errDead
			}), mutant))
			if !dead && err != nil {
				return fmt.Errorf("undisturbed: %w", err)
			}
			last = !dead
			disks := []crashfs.Keep{crashfs.KeepNone(), crashfs.KeepSome(uint64(n))}
			if n%2 == 0 {
				disks[1] = crashfs.KeepAll()
			}
			for i, keep := range disks {
				disk := fsys.Crash(keep)
				err := j.sound(ctx, disk)
				if err == nil && !dead {
					err = j.arrived(ctx, disk)
				}
				if err != nil {
					return fmt.Errorf("operation %d, disk %d: %w", n, i, err)
				}
				if err = j.travel(ctx, disk); err == nil {
					err = j.arrived(ctx, disk)
				}
				if err != nil {
					return fmt.Errorf("operation %d, disk %d: the next try: %w", n, i, err)
				}
			}
		}
		if last || n > 10_000 {
			return nil
		}
	}
}

// Killed at any operation, with the power cut: what is there is whole, and the
// next try gets there.
func TestKilled(t *testing.T) {
	lab.Slow(t)
	err := newJourney(t).killed(t.Context(), func(int) bool { return true }, func(_ tap.Op, do func() error) error { return do() })
	if err != nil {
		t.Error(err)
	}
}

// Each call of durable that is left out, or made without its syncs, is noticed.
func TestMutants(t *testing.T) {
	lab.Slow(t)
	j, sites, count := newJourney(t), map[string]string{}, 0
	fsys := crashfs.New()
	must(t, fsys.MkdirAll("/state", 0o700))
	must(t, j.travel(t.Context(), tap.FS(fsys, func(op tap.Op, do func() error) error {
		sites[op.Site], count = op.Name, count+1
		return do()
	})))
	for site, name := range sites {
		for _, how := range []string{"omit", "lazy"} {
			made := false
			err := j.killed(t.Context(), func(n int) bool { return n%23 == 0 || n > count }, func(op tap.Op, do func() error) error {
				switch {
				case op.Site != site:
				case how == "omit":
					made = true
					return nil
				case op.Lazy != nil && op.Name != "Create": // which never waits for the name
					made = true
					return op.Lazy()
				}
				return do()
			})
			if made && err == nil {
				t.Errorf("survives: %s %s %s", how, site, name)
			}
		}
	}
	t.Logf("%d sites, %d operations", len(sites), count)
}
