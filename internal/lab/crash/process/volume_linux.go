package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"upkeep/internal/lab"
)

// Volume is a small file system in a file. What the file holds at a moment is
// what a power cut at that moment leaves: the kernel is told to write nothing
// back by itself.
type Volume struct {
	Kind  string // ext4, xfs
	Image string
	At    string // where it is mounted
	t     testing.TB
}

// sizes: XFS makes none that is smaller.
var sizes = map[string]int64{"ext4": 160 << 20, "xfs": 320 << 20}

// NewVolume makes one and mounts it.
func NewVolume(t testing.TB, kind string) *Volume {
	t.Helper()
	lab.Root(t)
	if _, err := exec.LookPath("mkfs." + kind); err != nil {
		t.Skipf("no mkfs.%s on this machine", kind)
	}
	dir := lab.Dir(t)
	v := &Volume{kind, filepath.Join(dir, "image"), filepath.Join(dir, "mnt"), t}
	f, err := os.Create(v.Image)
	if err == nil {
		err = f.Truncate(sizes[kind])
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Mkdir(v.At, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	args := map[string][]string{"ext4": {"-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1"}, "xfs": {"-q", "-f"}}[kind]
	if out, err := exec.Command("mkfs."+kind, append(args, v.Image)...).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.%s: %v %s", kind, err, out)
	}
	t.Cleanup(func() { _ = unix.Unmount(v.At, unix.MNT_DETACH) })
	if err := v.Mount(v.Image); err != nil {
		t.Skipf("cannot mount a volume here: %v", err)
	}
	return v
}

// Mount mounts an image at the volume's place, as after a power cut.
func (v *Volume) Mount(image string) error {
	o := map[string]string{"ext4": "loop,commit=300", "xfs": "loop,nouuid"}[v.Kind]
	if out, err := exec.Command("mount", "-t", v.Kind, "-o", o, image, v.At).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot mount: %w: %s", err, out)
	}
	return nil
}

// Renumber has the images that are mounted after it lie on a device of another
// number than before: after a reboot nothing promises that it is the same.
func (v *Volume) Renumber() {
	v.t.Helper()
	other := v.Image + "-other"
	err := os.WriteFile(other, make([]byte, 1<<20), 0o600)
	if err != nil {
		v.t.Fatal(err)
	}
	out, err := exec.Command("losetup", "-f", "--show", other).CombinedOutput()
	if err != nil {
		v.t.Fatalf("losetup: %v: %s", err, out)
	}
	v.t.Cleanup(func() { _ = exec.Command("losetup", "-d", strings.TrimSpace(string(out))).Run() })
}

// Unmount takes it away, whoever still holds it.
func (v *Volume) Unmount() {
	v.t.Helper()
	for range 200 {
		err := unix.Unmount(v.At, 0)
		if err == nil {
			return
		}
		if err != unix.EBUSY {
			v.t.Fatalf("cannot unmount %s: %v", v.At, err)
		}
		unix.Nanosleep(&unix.Timespec{Nsec: 10_000_000}, nil)
	}
	out, _ := exec.Command("sh", "-c", "ls -l /proc/[0-9]*/cwd /proc/[0-9]*/fd 2>/dev/null | grep "+v.At).CombinedOutput()
	v.t.Fatalf("cannot unmount %s: it is in use\n%s", v.At, out)
}

// Sync writes everything to the image.
func (v *Volume) Sync() {
	v.t.Helper()
	f, err := os.Open(v.At)
	if err == nil {
		err = unix.Syncfs(int(f.Fd()))
		f.Close()
	}
	if err != nil {
		v.t.Fatal(err)
	}
}
