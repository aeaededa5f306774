package host

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"upkeep/internal/lab"
)

// Options describe a host.
type Options struct {
	// Name is its host name; "host" and its number when empty.
	Name string
	// Packages are Debian packages that are put in beforehand, with what they
	// depend on: fetched with the machine's apt, kept in the cache, installed
	// without a network and without starting anything.
	Packages []string
}

// Host is one machine. It is not safe for concurrent use, but for Run and
// Start.
type Host struct {
	Name string // host name
	Addr string // its address on the lab's bridge

	lab     *labs
	machine string   // systemd-nspawn's name for it
	dir     string   // its folder: upper, work, root
	lower   []string // what it lies over, topmost first
	groups  []string // its cgroups
	boots   int
	cloned  bool          // others lie over it: it must not change any more
	nspawn  *exec.Cmd     // nil while it is down
	gone    chan struct{} // closed when nspawn has ended
	leader  int           // the host's pid 1, as seen from outside
}

// Need skips the test where no host can be made, with the reason, and makes
// the base when it is not there yet.
func Need(t testing.TB) {
	t.Helper()
	lab.Slow(t)
	lab.Root(t)
	if why := Missing(); why != "" {
		t.Skip(why)
	}
	if _, err := Base(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Missing says what the machine lacks for hosts, or nothing.
func Missing() string {
	for program, pkg := range map[string]string{"systemd-nspawn": "systemd-container", "debootstrap": "debootstrap", "nsenter": "util-linux", "unshare": "util-linux",
		"ip": "iproute2", "mkfs.ext4": "e2fsprogs", "dpkg-deb": "dpkg", "apt-get": "apt"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Sprintf("needs %s for hosts of the lab: install the package %s (scripts/setup-debian.sh does)", program, pkg)
		}
	}
	if _, err := os.Stat(lab.DebianKeyring); err != nil {
		return "needs the package debian-archive-keyring for hosts of the lab (scripts/setup-debian.sh installs it)"
	}
	return ""
}

// New makes a host, not booted yet. It is removed at the end of the test.
func New(t testing.TB, o Options) *Host {
	t.Helper()
	Need(t)
	h, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	h.with(t)
	return h
}

// with removes the host at the end of the test.
func (h *Host) with(t testing.TB) {
	t.Cleanup(func() {
		if t.Failed() && h.boots > 0 {
			t.Logf("console of %s:\n%s", h.Name, tail(h.Console(), 40))
		}
		if err := h.Close(); err != nil {
			t.Errorf("cannot remove host %s: %v", h.Name, err)
		}
	})
}

// Open makes a host, not booted yet. Close removes it.
func Open(ctx context.Context, o Options) (*Host, error) {
	l, err := shared()
	if err != nil {
		return nil, err
	}
	base, err := Base(ctx)
	if err != nil {
		return nil, err
	}
	lower := []string{base}
	if len(o.Packages) > 0 {
		layer, err := packageLayer(ctx, base, o.Packages)
		if err != nil {
			return nil, err
		}
		lower = []string{layer, base}
	}
	return l.over(lower, o.Name, 0)
}

// over makes a host over the lower folders, on a disk of that size if it is
// not 0.
func (l *labs) over(lower []string, name string, size int64) (_ *Host, err error) {
	n := int(l.count.Add(1))
	if n > 250 {
		return nil, errors.New("cannot make a host: 250 in one test process is the most that the lab's network holds")
	}
	h := &Host{Name: name, lower: lower, Addr: fmt.Sprint(subnet, n+1), lab: l, machine: fmt.Sprintf("%.8s-%d", l.name, n), dir: filepath.Join(l.dir, fmt.Sprint(n))}
	if h.Name == "" {
		h.Name = fmt.Sprint("host", n)
	}
	if h.groups, err = groupsFor(filepath.Join(l.name, fmt.Sprint(n))); err != nil {
		return nil, err
	}
	if size > 0 {
		err = smallDisk(h.dir, size)
	}
	if err == nil {
		err = errors.Join(mountOverlay(h.dir, lower...), h.identify())
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// mountOverlay makes DIR/root, which shows the lower folders, with all changes
// in DIR/upper.
func mountOverlay(dir string, lower ...string) error {
	for _, sub := range []string{"upper", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return fmt.Errorf("cannot make a host: %w", err)
		}
	}
	// With redirects a folder of the base can be renamed and exchanged like any
	// other; without them that fails with EXDEV, as on no real disk.
	opts := fmt.Sprintf("redirect_dir=on,lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(lower, ":"), filepath.Join(dir, "upper"), filepath.Join(dir, "work"))
	if err := unix.Mount("overlay", filepath.Join(dir, "root"), "overlay", 0, opts); err != nil {
		return fmt.Errorf("cannot lay a host over the base: %w (UPKEEP_CACHE must be on a file system that overlayfs can write to)", err)
	}
	return nil
}

// identify gives the host a machine id, a name and an address of its own.
func (h *Host) identify() error {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	for path, text := range map[string]string{
		"/etc/machine-id": hex.EncodeToString(id) + "\n",
		"/etc/hostname":   h.Name + "\n",
		"/etc/hosts":      "127.0.0.1 localhost\n127.0.1.1 " + h.Name + "\n::1 localhost\n",
		"/etc/systemd/network/10-lab.network": "[Match]\nName=host0\n[Network]\nAddress=" + h.Addr + "/24\nGateway=" + gateway +
			"\nDHCP=no\nLinkLocalAddressing=no\nLLDP=no\nEmitLLDP=no\nIPv6AcceptRA=no\n",
	} {
		if err := h.write(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the host and removes it.
func (h *Host) Close() error {
	err := h.kill()
	return errors.Join(err, clear(h.dir, h.groups))
}
