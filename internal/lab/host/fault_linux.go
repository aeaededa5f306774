package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// veth is the name of the host's network link, seen from the bridge.
func (h *Host) veth() string { return "vb-" + h.machine }

// Partition cuts the host off the bridge, or lets it back on.
func (h *Host) Partition(t testing.TB, down bool) {
	t.Helper()
	state := "up"
	if down {
		state = "down"
	}
	if out, err := h.outside("ip", "link", "set", h.veth(), state).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("cannot set the link of %s %s: %w\n%s", h.Name, state, err, out))
	}
}

// outside prepares a command that sees the machine's files and the lab's
// network: the other end of the hosts' bridge.
func (h *Host) outside(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=" + h.lab.netns(), "--"}, args...)...)
}

// FullDisk puts a file system of that size, in bytes, at a folder of a host
// that is not booted; what is in the folder goes with it. It stays over kills
// and boots. Fill and Space say the rest.
func (h *Host) FullDisk(t testing.TB, inside string, size int64) {
	t.Helper()
	if err := h.fullDisk(inside, size); err != nil {
		t.Fatal(err)
	}
}

func (h *Host) fullDisk(inside string, size int64) error {
	if h.leader != 0 {
		return fmt.Errorf("cannot put a small disk at %s: %s is up", inside, h.Name)
	}
	target, err := h.target(inside)
	if err != nil {
		return err
	}
	image := filepath.Join(h.dir, "disk"+strings.ReplaceAll(inside, "/", "-"))
	if err := makeImage(image, size); err != nil {
		return err
	}
	const script = `set -e
mkdir -p "$2" "$2.disk"
mount -o loop "$1" "$2.disk"
rmdir "$2.disk/lost+found"
cp -a "$2/." "$2.disk/"
umount "$2.disk"
rmdir "$2.disk"
mount -o loop "$1" "$2"`
	if out, err := exec.Command("sh", "-c", script, "sh", image, target).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot put a small disk at %s of %s: %w\n%s", inside, h.Name, err, out)
	}
	return nil
}

// makeImage makes a file system in a file.
func makeImage(image string, size int64) error {
	f, err := os.Create(image)
	if err != nil {
		return fmt.Errorf("cannot make a small disk: %w", err)
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return fmt.Errorf("cannot make a small disk: %w", err)
	}
	// No lazy initialisation and no reserve: what it says is free is free.
	if out, err := exec.Command("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make a small disk: %w\n%s", err, out)
	}
	return nil
}

// smallDisk makes a host's upper layer lie on a disk of its own.
func smallDisk(dir string, size int64) error {
	image, at := filepath.Join(dir, "disk"), filepath.Join(dir, "small")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return fmt.Errorf("cannot make a small disk: %w", err)
	}
	if err := makeImage(image, size); err != nil {
		return err
	}
	if err := mountDisk(dir); err != nil {
		return err
	}
	for _, sub := range []string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(at, sub), 0o755); err != nil {
			return fmt.Errorf("cannot make a small disk: %w", err)
		}
		if err := os.Symlink(filepath.Join(at, sub), filepath.Join(dir, sub)); err != nil {
			return fmt.Errorf("cannot make a small disk: %w", err)
		}
	}
	return nil
}

// mountDisk mounts it. The kernel writes back little by itself: what Cut leaves
// is what was synced.
func mountDisk(dir string) error {
	if out, err := exec.Command("mount", "-o", "loop,commit=300", filepath.Join(dir, "disk"), filepath.Join(dir, "small")).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot mount a small disk: %w\n%s", err, out)
	}
	return nil
}

// Space gives how many bytes are free at a path of the host.
func (h *Host) Space(t testing.TB, inside string) int64 {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(h.Path(inside), &s); err != nil {
		t.Fatal(fmt.Errorf("cannot tell the free space at %s of %s: %w", inside, h.Name, err))
	}
	return int64(s.Bavail) * s.Bsize
}

// Fill writes a file into a folder of the host until only that many bytes are
// free, and gives its path inside; removing it makes room again.
func (h *Host) Fill(t testing.TB, inside string, leave int64) string {
	t.Helper()
	name := filepath.Join(inside, "lab-ballast")
	f, err := os.OpenFile(h.Path(name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := int64(0)
	for range 64 { // what a file system says is free shrinks as it is used
		more := h.Space(t, inside) - leave
		if more < 4096 {
			break
		}
		if err := unix.Fallocate(int(f.Fd()), 0, at, more); err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(fmt.Errorf("cannot fill %s of %s: %w", inside, h.Name, err))
		} else if err != nil {
			break
		}
		at += more
	}
	return name
}
