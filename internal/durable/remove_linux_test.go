package durable_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"upkeep/internal/durable"
)

func TestRemoveAll(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	outside := put(t, filepath.Join(dir, "outside", "data"), "data")
	tree := filepath.Join(dir, "tree")
	put(t, filepath.Join(tree, "sub", "f"), "f")
	must(t, os.Symlink(filepath.Dir(outside), filepath.Join(tree, "link")))
	must(t, os.Symlink(filepath.Dir(outside), filepath.Join(dir, "itself")))
	must(t, fsys.RemoveAll(tree))
	must(t, fsys.RemoveAll(tree)) // nothing there: content
	must(t, fsys.RemoveAll(filepath.Join(dir, "itself")))
	only(t, dir, "outside")
	if content(t, outside) != "data" {
		t.Error("a link was followed")
	}
}

func TestRemoveAllNamesTheFileThatStays(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making a file immutable needs root")
	}
	dir := t.TempDir()
	f := put(t, filepath.Join(dir, "tree", "sub", "stays"), "x")
	if out, err := exec.Command("chattr", "+i", f).CombinedOutput(); err != nil {
		t.Skipf("cannot make a file immutable here: %v %s", err, out)
	}
	defer exec.Command("chattr", "-i", f).Run()
	err := durable.OS().RemoveAll(filepath.Join(dir, "tree"))
	wants(t, err, fs.ErrPermission)
	if !strings.Contains(err.Error(), "stays") {
		t.Error(err)
	}
}

func TestRemoveAllRefusesMounts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	fsys, dir := durable.OS(), t.TempDir()
	put(t, filepath.Join(dir, "uploads", "picture"), "data")
	inside := filepath.Join(dir, "tree", "up loads")
	put(t, filepath.Join(dir, "tree", "a"), "a")
	must(t, os.Mkdir(inside, 0o755))
	// A bind mount of the same volume: device numbers would not show it.
	if err := syscall.Mount(filepath.Join(dir, "uploads"), inside, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	defer syscall.Unmount(inside, 0)
	must(t, os.Symlink(dir, filepath.Join(dir, "other name")))
	for _, p := range []string{filepath.Join(dir, "tree"), filepath.Join(dir, "other name", "tree"), inside} {
		wants(t, fsys.RemoveAll(p), durable.ErrRefused)
		m, err := fsys.Mounts(p)
		if err != nil || len(m) != 1 || filepath.Base(m[0]) != "up loads" {
			t.Errorf("mounts %q, %v", m, err)
		}
	}
	if content(t, filepath.Join(inside, "picture")) != "data" || content(t, filepath.Join(dir, "tree", "a")) != "a" {
		t.Error("something was removed")
	}
}
