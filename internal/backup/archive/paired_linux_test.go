package archive

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// TestPaired makes a restore point of 1 GB and the same with tar and zstd -1, by
// turns: at most 1.4 times as long. Both are on the disk at the end, and read
// back; ours with sums of everything, which the other has not.
func TestPaired(t *testing.T) {
	lab.Bench(t)
	dir := t.TempDir()
	app := filepath.Join(dir, "app")
	mixed(t, app, 1<<30)
	unix.Sync() // so that nobody's time holds the writing of the tree
	var ratios, work []float64
	for _, lock := range []bool{false, false, false, true} {
		c := Config{Dir: filepath.Join(dir, "points"), FS: durable.OS()}
		if lock {
			c.Encrypt = encryption(t)
		}
		e := New(c)
		ours, oursCPU := timed(t, unix.RUSAGE_SELF, func() error {
			_, err := e.Finish(t.Context(), backup.Request{ID: "p", Files: []backup.FilePart{{Name: "app", Path: app}}})
			return err
		})
		if err := e.Remove(t.Context(), "p"); err != nil {
			t.Fatal(err)
		}
		plain := exec.Command("bash", "-euo", "pipefail", "-c", "tar -c app | zstd -1 -f -q -T2 -o plain.tar.zst && sync plain.tar.zst && zstd -dc plain.tar.zst | tar -t >/dev/null")
		plain.Dir = dir
		theirs, theirsCPU := timed(t, unix.RUSAGE_CHILDREN, plain.Run)
		t.Logf("encrypted %v: %v (%v of the processor), tar and zstd %v (%v)", lock, ours, oursCPU, theirs, theirsCPU)
		if !lock {
			ratios = append(ratios, float64(ours)/float64(theirs))
			work = append(work, float64(oursCPU)/float64(theirsCPU))
		}
	}
	slices.Sort(ratios)
	slices.Sort(work)
	t.Logf("in the median %.2f times as long, with %.2f times the processor's time", ratios[1], work[1])
	if ratios[1] > 1.4 {
		t.Errorf("%.2f times as long as tar and zstd -1, and 1.4 are allowed", ratios[1])
	}
}

// timed gives how long something takes, and the time of the processor.
func timed(t *testing.T, who int, do func() error) (wall, cpu time.Duration) {
	t.Helper()
	used := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	begin, before := time.Now(), used()
	if err := do(); err != nil {
		t.Fatal(err)
	}
	return time.Since(begin).Round(time.Millisecond), (used() - before).Round(time.Millisecond)
}
