package durable_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"upkeep/internal/durable"
)

// On a full disk the old content stays, nothing half-written is left, and giving up the reserve makes room again.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small volume needs root")
	}
	dir, fsys := t.TempDir(), durable.OS()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	p, big := filepath.Join(dir, "f"), bytes.Repeat([]byte("x"), 2<<20)
	must(t, fsys.WriteFile(p, []byte("old"), 0o600))
	wants(t, fsys.WriteFile(p, big, 0o600), syscall.ENOSPC)
	wants(t, fsys.Preallocate(filepath.Join(dir, "too-much"), 2<<20), syscall.ENOSPC)
	only(t, dir, "f")
	if content(t, p) != "old" {
		t.Error("the old content is lost")
	}
	reserve := filepath.Join(dir, "reserve")
	must(t, fsys.Preallocate(reserve, 900<<10))
	wants(t, fsys.WriteFile(p, big[:200<<10], 0o600), syscall.ENOSPC)
	must(t, fsys.Remove(reserve))
	must(t, fsys.WriteFile(p, big[:200<<10], 0o600))
}
