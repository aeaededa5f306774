package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// stages are its parts, one command each: each is there to stay when it has ended.
const stages = 5

func (j journey) travel(ctx context.Context, fsys durable.FS, to int) error {
	f := j.feed(fsys)
	c, err := feed.OpenCarried(durable.OS(), j.carried)
	if err != nil {
		return err
	}
	defer c.Close()
	for stage := 1; stage <= to; stage++ {
		var err error
		switch stage {
		case 1:
			if _, err = f.Import(ctx, c); trust.Is(err, trust.RolledBack) { // it was got past that before
				err = nil
			}
		case 2:
			_, err = f.Refresh(ctx)
		case 3:
			for _, v := range []string{"1.0", "2.0"} {
				if _, _, ferr := f.Fetch(ctx, v); err == nil {
					err = ferr
				}
			}
		case 4:
			if _, lerr := fsys.Lstat(carryTo); errors.Is(lerr, fs.ErrNotExist) {
				_, err = f.Export(ctx, []string{"2.0"}, carryTo)
			}
		case 5:
			err = f.Keep(ctx, kept)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sound says what is there though it must not be, after a crash at any time.
func (j journey) sound(ctx context.Context, disk durable.FS) error {
	f := j.feed(disk)
	x, s, err := f.Known()
	if err != nil {
		return err
	}
	if _, _, err := f.Vouched(ctx); err != nil && (x != nil || !trust.Is(err, trust.NotPinned, trust.Incomplete)) {
		return fmt.Errorf("known since %s, but nobody vouches for it: %w", s.Refreshed, err)
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
func (j journey) arrived(ctx context.Context, disk durable.FS, stage int) error {
	f := j.feed(disk)
	x, v, err := f.Vouched(ctx)
	if err != nil {
		return err
	}
	if known, s, err := f.Known(); err != nil || s.Refreshed.IsZero() || len(s.Seen) != min(2, stage) || known == nil || len(known.Releases) != len(x.Releases) {
		return fmt.Errorf("known is %+v, %w", s, err)
	}
	if b, err := bundle.Open(ctx, disk, f.Dir("1.0"), bundle.Options{}); err != nil || !b.Complete() {
		return fmt.Errorf("release 1.0: %w", err)
	}
	if _, err := disk.Lstat(feedDir + "/index.next.json"); err == nil {
		return errors.New("an index is left that was brought")
	}
	if stage < 3 {
		return nil
	}
	for _, dir := range []string{"coming", "releases", "documents"} {
		list, err := disk.ReadDir(filepath.Join(feedDir, dir))
		if err != nil || dir == "coming" && len(list) > 0 || dir != "coming" && len(list) != 2 {
			return fmt.Errorf("%s has %v, %w", dir, list, err)
		}
	}
	b, err := bundle.Open(ctx, disk, f.Dir("2.0"), bundle.Options{})
	if err != nil || b.Digest() != j.digest || x.Find("2.0").Digest != j.digest {
		return fmt.Errorf("release 2.0: %w", err)
	}
	if stage < 4 {
		return nil
	}
	if _, err := disk.Lstat(carryTo); err != nil {
		return err
	}
	if _, err := disk.Lstat(carryTo + fetch.Part); err == nil {
		return errors.New("half a carried feed is left")
	}
	if stage < 5 {
		return nil
	}
	said, err := feed.Kept(ctx, disk, kept, "notes", v.Root)
	if err != nil || said.Find("2.0").Digest != j.digest {
		return fmt.Errorf("what vouches for the run: %w", err)
	}
	return nil
}

// killed travels, ends the process before (or after) some operations, cuts the power,
// and travels again; 0 and below disturb nothing, and cut the power after a stage. A mutant does something else at some sites.
func (j journey) killed(ctx context.Context, moments []int, mutant func(tap.Op, func() error) error) error {
	for _, n := range moments {
		fsys := crashfs.New()
		if err := fsys.MkdirAll("/state", 0o700); err != nil {
			return err
		}
		dead, seen, to := false, 0, stages
		if n < 0 {
			to = -n
		}
		err := j.travel(ctx, tap.FS(tap.FS(fsys, func(op tap.Op, do func() error) error {
			if dead {
				return errDead
			}
			if seen++; seen != n {
				return do()
			}
			if dead = true; n%4 == 0 { // after one is mostly before the next
				_ = do() // it is dead anyway
			}
			return errDead
		}), mutant), to)
		if !dead && err != nil {
			return fmt.Errorf("undisturbed: %w", err)
		}
		disks := []crashfs.Keep{crashfs.KeepNone(), crashfs.KeepSome(uint64(n))}
		if n%2 == 0 {
			disks[1] = crashfs.KeepAll()
		}
		for i, keep := range disks {
			disk := fsys.Crash(keep)
			err := j.sound(ctx, disk)
			if err == nil && !dead {
				err = j.arrived(ctx, disk, to)
			}
			if err != nil {
				return fmt.Errorf("operation %d, disk %d: %w", n, i, err)
			}
			if err = j.travel(ctx, disk, stages); err == nil {
				err = j.arrived(ctx, disk, stages)
			}
			if err != nil {
				return fmt.Errorf("operation %d, disk %d: the next try: %w", n, i, err)
			}
		}
	}
	return nil
}

// sites are the calls of durable on the way, at their operations, and count all operations.
func (j journey) sites(t *testing.T) (sites map[string]string, at map[string][]int, count int) {
	sites, at = map[string]string{}, map[string][]int{}
	fsys := crashfs.New()
	must(t, fsys.MkdirAll("/state", 0o700))
	must(t, j.travel(t.Context(), tap.FS(fsys, func(op tap.Op, do func() error) error {
		sites[op.Site], count = op.Name, count+1
		at[op.Site] = append(at[op.Site], count)
		return do()
	}), stages))
	return sites, at, count
}

// every gives the moments: undisturbed first, then one in so many.
func every(one, count int) []int {
	out := []int{0}
	for stage := 1; stage < stages; stage++ {
		out = append(out, -stage)
	}
	for n := 1; n <= count; n++ {
		if (n+count)%one == 0 {
			out = append(out, n)
		}
	}
	return out
}

// Killed at operations all along, with the power cut: what is there is whole, and the
// next try gets there. UPKEEP_CRASH=all takes every operation.
func TestKilled(t *testing.T) {
	lab.Slow(t)
	j, one := newJourney(t), 5
	if os.Getenv("UPKEEP_CRASH") == "all" {
		one = 1
	}
	_, _, count := j.sites(t)
	if err := j.killed(t.Context(), every(one, count), func(_ tap.Op, do func() error) error { return do() }); err != nil {
		t.Error(err)
	}
	t.Logf("%d operations", count)
}

// harmless are calls, by file and method, that may be left out or made without
// their syncs, and why. What else is wrong with them shows elsewhere.
var harmless = map[string]string{
	"feed.go MkdirAll":        "what comes next makes the folder above its own, too",
	"release.go MkdirAll":     "the folder's name is synced with what is made in it",
	"release.go RemoveAll":    "only where a copy is damaged: TestDamagedCopyIsFetchedAgain",
	"release.go Rename":       "without its syncs: the folder that it leaves is synced when the patch or the documents are removed from it",
	"lazy refresh.go Replace": "the folder is synced when the state is noted next",
	"export.go Remove":        "makes room while others are fetched; what is left goes at the end",
	"export.go RemoveAll":     "of a call that was interrupted",
	"export.go fill":          "the two empty blocks that end a tar: whoever reads it comes to the end of the file all the same",
}

// Each call of durable that is left out, or made without its syncs, is noticed.
func TestMutants(t *testing.T) {
	lab.Slow(t)
	j := newJourney(t)
	sites, at, count := j.sites(t)
	for site, name := range sites {
		if filepath.Dir(site) != "internal/feed" && !strings.HasPrefix(site, "internal/bundle/") {
			continue // tried on the tests of their own packages
		}
		for _, how := range []string{"omit", "lazy"} {
			made := false
			mutant := func(op tap.Op, do func() error) error {
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
			}
			err := j.killed(t.Context(), every(61, count), mutant)
			file, _, _ := strings.Cut(filepath.Base(site), ":")
			if !made || err != nil || harmless[file+" "+name] != "" || harmless[how+" "+file+" "+name] != "" {
				continue
			}
			for _, n := range at[site][:min(2, len(at[site]))] { // it may be missed only right after it
				if err == nil {
					err = j.killed(t.Context(), []int{n + 1, n + 2, n + 3, n + 4}, mutant)
				}
			}
			if err == nil {
				t.Errorf("survives: %s %s %s", how, site, name)
			}
		}
	}
	t.Logf("%d sites, %d operations", len(sites), count)
}
