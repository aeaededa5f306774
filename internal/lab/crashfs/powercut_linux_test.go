package crashfs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/lab/crashfs"
)

// disk is a small ext4 volume in a file. What the file holds at a moment is what a power cut at that moment would leave.
type disk struct{ image, at string }

func newDisk(t *testing.T) disk {
	t.Helper()
	lab.Root(t)
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skip("no mkfs.ext4 on this machine")
	}
	dir := t.TempDir()
	d := disk{filepath.Join(dir, "image"), filepath.Join(dir, "mnt")}
	must(t, os.WriteFile(d.image, nil, 0o600))
	must(t, os.Truncate(d.image, 8<<20))
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs: %v %s", err, out)
	}
	d.mount(t)
	return d
}

// mount mounts the image; the kernel is told to write nothing back by itself while the test runs.
func (d disk) mount(t *testing.T) {
	t.Helper()
	must(t, os.MkdirAll(d.at, 0o755))
	if out, err := exec.Command("mount", "-o", "loop,commit=300", d.image, d.at).CombinedOutput(); err != nil {
		t.Skipf("cannot mount here: %v %s", err, out)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.at, syscall.MNT_DETACH); err != nil {
			t.Errorf("cannot unmount %s: %v", d.at, err)
		}
	})
}

// cut lists the volume as a power cut would leave it now: a copy is mounted, which replays the journal.
func (d disk) cut(t *testing.T, n int) string {
	t.Helper()
	b, err := os.ReadFile(d.image)
	must(t, err)
	c := disk{fmt.Sprint(d.image, "-", n), fmt.Sprint(d.at, "-", n)}
	must(t, os.WriteFile(c.image, b, 0o600))
	c.mount(t)
	s, err := crashfs.Snapshot(durable.OS(), false, c.at)
	must(t, err)
	return strings.ReplaceAll(s, c.at, d.at)
}

// What a real disk has after a power cut is one of the things that crashfs says it can have.
func TestRealPowerCuts(t *testing.T) {
	lab.Slow(t)
	d := newDisk(t)
	p := func(name string) string { return filepath.Join(d.at, name) }
	o := durable.OS().Unsynced()
	for _, name := range []string{"a", "b"} {
		must(t, o.Mkdir(p(name), 0o755))
	}
	for _, name := range []string{"a/x", "a/y", "b/z", "gone"} {
		must(t, o.WriteFile(p(name), []byte("old "+name), 0o644))
	}
	must(t, o.SyncTree(d.at))
	start := crashfs.New()
	must(t, start.LoadOS(d.at))

	create := func(f durable.FS, name string, sync bool) error {
		w, err := f.Create(p(name), 0o640)
		if err != nil {
			return err
		}
		defer w.Close()
		if _, err = w.Write([]byte("new")); err == nil && sync {
			err = w.Sync()
		}
		return err
	}
	steps := []struct {
		name string
		do   func(f, lazy durable.FS) error
	}{
		{"write", func(f, _ durable.FS) error { return f.WriteFile(p("a/x"), []byte("new"), 0o600) }},
		{"unsynced write", func(_, l durable.FS) error { return l.WriteFile(p("a/y"), []byte("new"), 0o600) }},
		{"unsynced move", func(_, l durable.FS) error { return l.Rename(p("a/x"), p("b/x")) }},
		{"sync of the source", func(f, _ durable.FS) error { return f.SyncDir(p("a")) }},
		{"sync of all", func(f, _ durable.FS) error { return f.SyncTree(d.at) }},
		{"unsynced exchange", func(_, l durable.FS) error { return l.Exchange(p("a"), p("b")) }},
		{"exchange back", func(f, _ durable.FS) error { return f.Exchange(p("a"), p("b")) }},
		{"create without its name", func(f, _ durable.FS) error { return create(f, "a/new", true) }},
		{"name of another directory", func(f, _ durable.FS) error { return f.Mkdir(p("b/d"), 0o711) }},
		{"sync of its directory", func(f, _ durable.FS) error { return f.SyncDir(p("a")) }},
		{"create without content", func(f, _ durable.FS) error { return create(f, "b/d/new", false) }},
		{"sync of its directory", func(f, _ durable.FS) error { return f.SyncDir(p("b/d")) }},
		{"sync of all", func(f, _ durable.FS) error { return f.SyncTree(d.at) }},
		{"unsynced remove", func(_, l durable.FS) error { return l.Remove(p("gone")) }},
		{"unsynced mode", func(_, l durable.FS) error { return l.Chmod(p("b/z"), 0o751) }},
		{"mode", func(f, _ durable.FS) error { return f.Chmod(p("b/z"), 0o750) }},
		{"unsynced remove of a tree", func(_, l durable.FS) error { return l.RemoveAll(p("b/d")) }},
		{"remove of a tree", func(f, _ durable.FS) error { return f.RemoveAll(p("b")) }},
	}
	lost := 0
	for i, s := range steps {
		must(t, s.do(durable.OS(), o))
		must(t, s.do(start, start.Unsynced()))
		real := d.cut(t, i)
		how, ok := explain(start, real, d.at)
		if !ok {
			t.Fatalf("after %s the disk has\n%swhich crashfs cannot give; only what is synced is\n%sand all\n%s", s.name, real,
				start.Crash(crashfs.KeepNone()).Snapshot(d.at), start.Snapshot(d.at))
		}
		t.Logf("%s: %s", s.name, how)
		if real != start.Snapshot(d.at) {
			lost++
		}
	}
	if lost == 0 {
		t.Error("the disk never lost anything, so this test proves nothing")
	}
}

// explain finds out what a disk must have kept to look like this.
func explain(f *crashfs.FS, real, root string) (string, bool) {
	if f.Crash(crashfs.KeepNone()).Snapshot(root) == real {
		if f.Snapshot(root) == real {
			return "all is durable", true
		}
		return "only what was synced", true
	}
	if f.Crash(crashfs.KeepAll()).Snapshot(root) == real {
		return "all that was written", true
	}
	for seed := range uint64(5000) {
		if f.Crash(crashfs.KeepSome(seed)).Snapshot(root) == real {
			return fmt.Sprintf("a part, as of seed %d", seed), true
		}
	}
	return "", false
}
