package durable_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"upkeep/internal/durable"
)

// disk is a small ext4 volume in a file. What the file holds at a moment is what a power cut at that moment would leave.
type disk struct {
	image, at string
}

func newDisk(t *testing.T) disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a volume needs root")
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on this machine", tool)
		}
	}
	dir := t.TempDir()
	d := disk{filepath.Join(dir, "image"), filepath.Join(dir, "mnt")}
	f, err := os.Create(d.image)
	must(t, err)
	must(t, f.Truncate(16<<20))
	must(t, f.Close())
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs: %v %s", err, out)
	}
	mount(t, d.image, d.at)
	return d
}

// mount mounts an image; the kernel is told to write nothing back by itself while the test runs.
func mount(t *testing.T, image, at string) {
	t.Helper()
	must(t, os.MkdirAll(at, 0o755))
	if out, err := exec.Command("mount", "-o", "loop,commit=300", image, at).CombinedOutput(); err != nil {
		t.Skipf("cannot mount here: %v %s", err, out)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(at, syscall.MNT_DETACH); err != nil {
			t.Errorf("cannot unmount %s: %v", at, err)
		}
	})
}

// cut copies the volume as it is on the disk now, and mounts the copy: the journal is replayed as after a power cut.
func (d disk) cut(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(d.image)
	must(t, err)
	image, at := d.image+"-"+name, d.at+"-"+name
	must(t, os.WriteFile(image, data, 0o600))
	mount(t, image, at)
	return at
}

// After each call has returned, a power cut does not take its effect away; and the same calls unsynced are lost, which shows that the test can tell.
func TestPowerCut(t *testing.T) {
	d := newDisk(t)
	p := func(name string) string { return filepath.Join(d.at, name) }
	fsys, lazy := durable.OS(), durable.OS().Unsynced()
	for _, name := range []string{"overwritten", "x/moved", "x/replacing", "x/replaced", "swap-a", "swap-b", "removed", "metadata", "lazily-overwritten"} {
		put(t, p(name), "old "+name)
	}
	put(t, p("removed-tree/a/b"), "x")
	put(t, p("gone/a"), "x")
	must(t, os.Mkdir(p("y"), 0o755))
	must(t, os.Symlink("one", p("link")))
	must(t, fsys.SyncTree(d.at))

	steps := []struct {
		name  string
		do    func() error
		check func(root string) string // what is wrong
	}{
		{"overwrite", func() error { return fsys.WriteFile(p("overwritten"), []byte("new"), 0o600) }, holds("overwritten", "new")},
		{"write", func() error { return fsys.WriteFile(p("y/written"), []byte("new"), 0o600) }, holds("y/written", "new")},
		{"directories", func() error { return fsys.MkdirAll(p("a/b/c"), 0o755) }, exists("a/b/c", true)},
		{"rename", func() error { return fsys.Rename(p("x/moved"), p("y/moved")) }, both(holds("y/moved", "old x/moved"), exists("x/moved", false))},
		{"replace", func() error { return fsys.Replace(p("x/replacing"), p("x/replaced")) }, both(holds("x/replaced", "old x/replacing"), exists("x/replacing", false))},
		{"exchange", func() error { return fsys.Exchange(p("swap-a"), p("swap-b")) }, both(holds("swap-a", "old swap-b"), holds("swap-b", "old swap-a"))},
		{"swap link", func() error { return fsys.SwapLink(p("link"), "two") }, linksTo("link", "two")},
		{"symlink", func() error { return fsys.Symlink("x", p("sym")) }, linksTo("sym", "x")},
		{"hard link", func() error { return fsys.Link(p("metadata"), p("y/hard")) }, holds("y/hard", "old metadata")},
		{"fifo", func() error { return fsys.Mknod(p("y/fifo"), fs.ModeNamedPipe|0o600, 0) }, exists("y/fifo", true)},
		{"remove", func() error { return fsys.Remove(p("removed")) }, exists("removed", false)},
		{"remove tree", func() error { return fsys.RemoveAll(p("removed-tree")) }, exists("removed-tree", false)},
		{"remove tree that an earlier run removed", func() error {
			if err := lazy.RemoveAll(p("gone")); err != nil {
				return err
			}
			return fsys.RemoveAll(p("gone"))
		}, exists("gone", false)},
		{"mode", func() error { return fsys.Chmod(p("metadata"), 0o751) }, func(root string) string {
			i, err := os.Stat(filepath.Join(root, "metadata"))
			if err != nil || i.Mode() != 0o751 {
				return fmt.Sprint(i, err)
			}
			return ""
		}},
		{"owner", func() error { return fsys.Chown(p("metadata"), 12, 34) }, func(root string) string {
			if i, err := durable.OS().Lstat(filepath.Join(root, "metadata")); err != nil || i.UID != 12 {
				return fmt.Sprint(i, err)
			}
			return ""
		}},
		{"owner of a link", func() error { return fsys.Chown(p("sym"), 12, 34) }, func(root string) string {
			if i, err := durable.OS().Lstat(filepath.Join(root, "sym")); err != nil || i.UID != 12 {
				return fmt.Sprint(i, err)
			}
			return ""
		}},
		{"attribute", func() error { return fsys.SetXattr(p("metadata"), "user.x", []byte("y")) }, func(root string) string {
			if m, err := durable.OS().Xattrs(filepath.Join(root, "metadata")); err != nil || string(m["user.x"]) != "y" {
				return fmt.Sprint(m, err)
			}
			return ""
		}},
		{"reserve", func() error { return fsys.Preallocate(p("reserve"), 1<<20) }, exists("reserve", true)},
		{"created", func() error {
			f, err := fsys.Create(p("y/created"), 0o600)
			if err != nil {
				return err
			}
			if _, err := f.Write([]byte("new")); err != nil {
				return err
			}
			if err := f.Sync(); err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
			return fsys.SyncDir(p("y"))
		}, holds("y/created", "new")},
		{"tree built without syncs", func() error {
			if err := lazy.MkdirAll(p("tree/deep"), 0o755); err != nil {
				return err
			}
			if err := lazy.WriteFile(p("tree/deep/f"), []byte("new"), 0o600); err != nil {
				return err
			}
			return lazy.SyncTree(p("tree"))
		}, holds("tree/deep/f", "new")},
	}
	for i, s := range steps {
		must(t, s.do())
		root := d.cut(t, fmt.Sprint(i))
		if wrong := s.check(root); wrong != "" {
			t.Errorf("%s did not survive a power cut: %s", s.name, wrong)
		}
	}
	must(t, lazy.WriteFile(p("lazily-overwritten"), []byte("new"), 0o600))
	must(t, lazy.Mkdir(p("lazy-dir"), 0o755))
	must(t, lazy.Exchange(p("swap-a"), p("swap-b")))
	root := d.cut(t, "control")
	if wrong := both(exists("lazy-dir", false), holds("swap-a", "old swap-b"))(root); wrong != "" {
		t.Errorf("unsynced calls survived, so this test proves nothing: %s", wrong)
	}
}

func holds(name, want string) func(string) string {
	return func(root string) string {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || string(b) != want {
			return fmt.Sprintf("%s holds %q, %v", name, b, err)
		}
		return ""
	}
}

func exists(name string, want bool) func(string) string {
	return func(root string) string {
		if _, err := os.Lstat(filepath.Join(root, name)); (err == nil) != want {
			return fmt.Sprintf("%s: %v", name, err)
		}
		return ""
	}
}

func linksTo(name, want string) func(string) string {
	return func(root string) string {
		if s, err := os.Readlink(filepath.Join(root, name)); err != nil || s != want {
			return fmt.Sprint(s, err)
		}
		return ""
	}
}

func both(a, b func(string) string) func(string) string {
	return func(root string) string { return a(root) + b(root) }
}
