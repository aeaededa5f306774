package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// placed is the sample product whose restore points belong somewhere.
func placed(t *testing.T, backup string) *sitetest.Site {
	t.Helper()
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
	s.Bundle("2.0")
	s.Replace(s.Document, "backup: {keep: 3}", "backup: {"+backup+"}")
	return s
}

// TestBackupElsewhere: a place on this computer is refused, by whatever name; a
// share is accepted, and the upgrade and its way back go by it.
func TestBackupElsewhere(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	t.Run("a bind mount", func(t *testing.T) {
		s := placed(t, "elsewhere: true, dir: "+mounted(t, "--bind", lab.Dir(t)))
		wants(t, flat(s.Must(3, "plan", "--from", s.Releases).Err), `must be kept on another computer.* lies on /`)
	})
	t.Run("a loop device", func(t *testing.T) {
		image := filepath.Join(lab.Dir(t), "image")
		for _, args := range [][]string{{"truncate", "-s", "8M", image}, {"mkfs.ext4", "-q", image}} {
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", args, err, out)
			}
		}
		s := placed(t, "elsewhere: true, dir: "+mounted(t, "-oloop", image))
		wants(t, flat(s.Must(3, "upgrade", "--yes", "--from", s.Releases).Err), `must be kept on another computer.*ext4 of /dev/loop`)
	})
	t.Run("a share", func(t *testing.T) {
		s := placed(t, "elsewhere: true, dir: storage/points")
		if err := os.Mkdir(filepath.Join(s.Root, "storage"), 0o755); err != nil {
			t.Fatal(err)
		}
		elsewhere(t, s)
		s.Must(0, "upgrade", "--yes", "--from", s.Releases)
		wants(t, s.Must(0, "backup", "list").Out, `-origin`)
		s.Must(0, "backup", "verify")
		s.Must(0, "back", "--yes")
	})
}

// TestBackupPlaceFails: a place that is read-only, full, or not mounted any more
// gives no restore point, and an error that says which it is; nothing of the
// product is touched.
func TestBackupPlaceFails(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	disk := lab.Dir(t)
	s := placed(t, "dir: "+disk+"/points/notes")
	mount := func(options string) {
		t.Helper()
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk).CombinedOutput(); err != nil {
			t.Fatalf("mount: %v\n%s", err, out)
		}
	}
	unmount := func() {
		t.Helper()
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	}
	mount("size=20m")
	if err := os.Mkdir(filepath.Join(disk, "points"), 0o700); err != nil {
		t.Fatal(err)
	}
	create := func(code int) string {
		t.Helper()
		r := s.Must(code, "backup", "create", "--from", s.Releases)
		return flat(r.Out + r.Err)
	}
	create(0)
	points := s.Must(0, "backup", "list").Out
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	wants(t, create(1), `read-only file system`)
	s.Must(0, "backup", "verify") // what is there can still be read
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=20m"); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sh", "-c", "head -c 30000000 /dev/zero >"+disk+"/filler || true").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wants(t, create(1), `(too little room|no space left).*under backup: in the installation document`)
	if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
		t.Fatal(err)
	}
	if now := s.Must(0, "backup", "list").Out; strings.Count(now, "\n") != strings.Count(points, "\n") {
		t.Errorf("restore points after the failures:\n%s\nbefore:\n%s", now, points)
	}
	unmount()
	wants(t, create(3), `is not there.*is something not mounted\?`)
	wants(t, flat(s.Must(1, "backup", "list").Err), `is something not mounted\?`)
}
