package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What Linux takes for "nothing reaches the disk any more, and what is in the
// journal's buffers is lost": EXT4_IOC_SHUTDOWN with
// EXT4_GOING_FLAGS_NOLOGFLUSH, uapi/linux/ext4.h.
const (
	shutdownExt4 = 0x8004587d
	noLogFlush   = 2
)

// Cut cuts the power of a host that CloneOnDisk made: what it had not written
// to its disk is lost, and its file system is as its journal leaves it at the
// next mount. The host is down afterwards, and can be booted.
func (h *Host) Cut(t testing.TB) {
	t.Helper()
	if err := h.cut(); err != nil {
		t.Fatalf("cannot cut the power of %s: %v", h.Name, err)
	}
}

func (h *Host) cut() error {
	small := filepath.Join(h.dir, "small")
	disk, err := os.Open(small)
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("it has no disk of its own")
	}
	if err != nil {
		return err
	}
	flags := uint32(noLogFlush)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, disk.Fd(), shutdownExt4, uintptr(unsafe.Pointer(&flags)))
	if err := disk.Close(); err != nil || errno != 0 {
		return errors.Join(err, errno)
	}
	if err := h.kill(); err != nil {
		return err
	}
	for _, at := range []string{filepath.Join(h.dir, "root"), small} {
		if err := unmount(at); err != nil {
			return err
		}
	}
	if err := anew(filepath.Join(h.dir, "disk")); err != nil {
		return err
	}
	if err := mountDisk(h.dir); err != nil {
		return err
	}
	return mountOverlay(h.dir, h.lower...)
}

// unmount waits until nobody is left who uses it: mounted anew while the old
// one lingers, a disk would be seen with what was lost.
func unmount(at string) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := unix.Unmount(at, 0)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return fmt.Errorf("cannot unmount %s: %w", at, err)
		}
	}
}

// anew puts a copy in the place of a disk whose file system was shut down.
// Another mount name space, such as that of a machine that is just booting, may
// hold the old one for a while: mounted again, it would show what was lost.
func anew(disk string) error {
	image, err := filepath.EvalSymlinks(disk)
	if err != nil {
		return err
	}
	out, err := exec.Command("cp", "--sparse=always", image, image+".anew").CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot copy the disk %s: %w\n%s", image, err, out)
	}
	return os.Rename(image+".anew", image)
}
