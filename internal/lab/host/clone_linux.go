package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Clone makes another host that begins as this one is now, under a name and
// an address of its own. This one must be down, and stays down from then on.
// Disks that FullDisk made are not part of it.
func (h *Host) Clone(t testing.TB, name string) *Host {
	t.Helper()
	return h.CloneOnDisk(t, name, 0)
}

// CloneOnDisk is Clone where the whole machine has so many bytes for all that
// it writes: one disk, which Fill(t, "/", …) fills. 0 is no limit.
func (h *Host) CloneOnDisk(t testing.TB, name string, size int64) *Host {
	t.Helper()
	if h.nspawn != nil {
		t.Fatalf("cannot clone %s: it is up", h.Name)
	}
	h.cloned = true
	c, err := h.lab.over(append([]string{filepath.Join(h.dir, "upper")}, h.lower...), name, size)
	if err != nil {
		t.Fatal(err)
	}
	c.with(t)
	return c
}

// Changes lists what is not in the host as it was when it was made: every file
// of the whole machine that is new, gone, or has another type, mode, owner or
// content. skip says which paths (absolute, inside) are not looked at. What
// the host itself mounts is not seen, and neither are disks of FullDisk.
func (h *Host) Changes(t testing.TB, skip func(path string) bool) []string {
	t.Helper()
	list, err := h.changes(skip)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (h *Host) changes(skip func(path string) bool) ([]string, error) {
	c := comparison{upper: filepath.Join(h.dir, "upper"), now: filepath.Join(h.dir, "root"), was: filepath.Join(h.dir, "was"), skip: skip}
	if len(h.lower) == 1 {
		c.was = h.lower[0]
	} else if err := os.Mkdir(c.was, 0o755); err == nil {
		opts := "redirect_dir=follow,lowerdir=" + strings.Join(h.lower, ":")
		if err := unix.Mount("overlay", c.was, "overlay", unix.MS_RDONLY, opts); err != nil {
			return nil, fmt.Errorf("cannot see %s as it was: %w", h.Name, err)
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cannot see %s as it was: %w", h.Name, err)
	}
	if err := c.dir("/", false); err != nil {
		return nil, fmt.Errorf("cannot compare %s with what it was: %w", h.Name, err)
	}
	slices.Sort(c.found)
	return c.found, nil
}

// Noise says which paths change in a host by themselves: logs, what systemd
// keeps, and what gives a host its name and address.
func Noise(path string) bool {
	return slices.ContainsFunc([]string{"/var/log", "/var/lib/systemd", "/var/lib/dbus", "/etc/machine-id", "/etc/hostname", "/etc/hosts", "/etc/systemd/network/10-lab.network"},
		func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") }) || strings.HasPrefix(path, "/var/tmp/systemd-private-")
}

// comparison compares two views of a machine where the upper folder of its
// overlay says that something was written.
type comparison struct {
	upper, now, was string
	skip            func(string) bool
	found           []string
}

// dir compares a folder. whole is set below one that was moved or made anew,
// where the upper folder does not tell what is different.
func (c *comparison) dir(path string, whole bool) error {
	names := map[string]bool{}
	for _, view := range []string{c.now, c.was} {
		list, err := os.ReadDir(filepath.Join(view, path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
		for _, e := range list {
			names[e.Name()] = true
		}
	}
	for name := range names {
		if err := c.entry(filepath.Join(path, name), whole); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) entry(path string, whole bool) error {
	if c.skip(path) {
		return nil
	}
	up := filepath.Join(c.upper, path)
	info, err := os.Lstat(up)
	if err != nil && !whole {
		return nil // nothing was written here
	}
	before, err := describe(filepath.Join(c.was, path))
	if err != nil {
		return err
	}
	after, err := describe(filepath.Join(c.now, path))
	if err != nil {
		return err
	}
	switch {
	case before == after:
	case before == "":
		c.found = append(c.found, "new: "+path+" "+after)
	case after == "":
		c.found = append(c.found, "gone: "+path+" "+before)
	default:
		c.found = append(c.found, "changed: "+path+" "+before+" -> "+after)
	}
	if before != "" && after != "" && (strings.HasPrefix(after, "d") || strings.HasPrefix(before, "d")) {
		return c.dir(path, whole || info != nil && moved(up))
	}
	return nil
}

// moved says that a folder of the upper layer hides or renames what is below.
func moved(path string) bool {
	for _, name := range []string{"trusted.overlay.redirect", "trusted.overlay.opaque"} {
		if n, err := unix.Lgetxattr(path, name, nil); err == nil && n > 0 {
			return true
		}
	}
	return false
}

// describe gives type, mode, owner and content of a file, or nothing where
// there is none.
func describe(path string) (string, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	out := fmt.Sprintf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		return out + " -> " + to, err
	case info.Mode().IsRegular():
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		h := sha256.Sum256(text)
		return out + " " + hex.EncodeToString(h[:8]), nil
	}
	return out, nil
}
