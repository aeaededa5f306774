package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// small mounts a volume of so many MiB for restore points.
func (s *miniSite) small(mib int) (dir string) {
	s.t.Helper()
	dir = s.t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700", mib)); err != nil {
		s.t.Fatalf("cannot mount a small volume: %v", err)
	}
	s.t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			s.t.Errorf("cannot unmount the small volume: %v", err)
		}
	})
	s.edit("params:", "backup: {dir: "+dir+"}\nparams:")
	return dir
}

// TestMinifluxNoRoom: a place for restore points that is too small is refused
// before anything happens, with the volume and what it needs.
func TestMinifluxNoRoom(t *testing.T) {
	s := miniflux(t).site(t)
	dir := s.small(2)
	before := folder(t, s.Root)
	r := s.must(3, s.upgrade()...)
	has(t, r.err, dir, "MiB", "free")
	if diff := cmp.Diff(before, folder(t, s.Root)); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
	s.is(s.m.from.Version, s.m.oldSchema)
}

// TestMinifluxDiskFills: somebody else fills the place for restore points
// while the run is under way. The product is exactly as it was, and the reason
// names the volume and what it needed.
func TestMinifluxDiskFills(t *testing.T) {
	for _, at := range []string{"precopy", "backup"} {
		t.Run(at, func(t *testing.T) {
			s := miniflux(t).site(t)
			dir := s.small(96)
			before := s.fingerprint()
			old := s.runs()
			cmd, out := s.start(s.upgrade()...)
			begun := func(step string) {
				t.Helper()
				if err := s.follow(old, miniLimit, func(e event) bool { return e.Kind == manage.EventBegan && e.Step == step }); err != nil {
					t.Fatal(err)
				}
			}
			// from a step before it on there is no room
			begun("h1.stage.app")
			release := func() {}
			if at == "backup" {
				// a step that reads the version waits meanwhile
				release = s.lockVersion()
				begun("prove")
			}
			fillVolume(t, dir)
			release()
			r := s.wait(cmd, out, out)
			if r.code != 6 {
				t.Fatalf("want the old version (exit 6), got %v\n%s", r, s.runLog())
			}
			has(t, r.out, "failed at step "+at, dir, "MiB")
			same(t, before, s.fingerprint())
			s.journalIsSound(run.ResultOld)
			if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
				t.Fatal(err)
			}
			s.nothingLeft()
			s.must(0, s.upgrade()...)
			s.isNew()
		})
	}
}

// fillVolume leaves no room at all.
func fillVolume(t testing.TB, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		block := make([]byte, size)
		for {
			if _, err := f.Write(block); err != nil {
				break
			}
		}
	}
}
