package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/lab"
)

// suite is the Debian that the hosts run, whatever the machine runs.
const suite = "bookworm"

// basePackages is what every host has beside Debian's smallest set.
var basePackages = []string{"systemd", "systemd-sysv", "dbus", "libpam-systemd", "iproute2", "procps", "curl", "sqlite3",
	"nginx-light", "nftables", "openssh-server", "postgresql-15"}

// finishScript ends the making of the base, inside it: nothing but systemd
// itself starts by itself, and nothing in it looks for the internet.
const finishScript = `
set -e
systemctl disable postgresql nginx ssh 2>&1
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer 2>&1
systemctl enable systemd-networkd 2>&1
systemctl mask systemd-networkd-wait-online 2>&1
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /etc/apt/sources.list.d/*
echo '# A host of the lab has no network.' >/etc/apt/sources.list
: >/etc/resolv.conf
mkdir -p /var/log/journal
`

// recipe is what the base is made by; another recipe makes another base.
func recipe() string {
	h := sha256.Sum256([]byte(suite + "\n" + strings.Join(basePackages, "\n") + finishScript))
	return hex.EncodeToString(h[:6])
}

// Base gives the folder with the root of the base, and makes it when it is not
// there yet: about a minute and a half, once for a recipe.
func Base(ctx context.Context) (string, error) {
	cache, err := lab.CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "base-"+recipe())
	return dir, once(dir, func(tmp string) error { return debootstrap(ctx, tmp) })
}

// once makes a folder by making another and giving it the name when it is
// complete, while other test processes wait.
func once(dir string, make func(tmp string) error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("cannot make a place for hosts: %w", err)
	}
	f, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("cannot lock the lab: %w", err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("cannot lock the lab: %w", err)
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	tmp := dir + ".tmp"
	if err := removeTree(tmp); err != nil { // left by one that was killed
		return err
	}
	if err := make(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("cannot keep what was made: %w", err)
	}
	return nil
}

// removeTree removes a folder in which debootstrap or a chroot was at work:
// first what it may have left mounted.
func removeTree(dir string) error {
	if _, err := os.Lstat(dir); err != nil {
		return nil
	}
	const script = `awk -v d="$1/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r m; do umount -l "$m"; done; rm -rf --one-file-system -- "$1"`
	if out, err := exec.Command("sh", "-c", script, "sh", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot remove %s: %w\n%s", dir, err, out)
	}
	return nil
}

func debootstrap(ctx context.Context, root string) error {
	mirror, err := lab.Mirror(ctx, suite)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "debootstrap", "--variant=minbase", "--keyring="+lab.DebianKeyring, "--include="+strings.Join(basePackages, ","), suite, root, mirror)
	cmd.Env = append(os.Environ(), lab.AptProxy(ctx)...)
	// A mount namespace of its own: what debootstrap mounts and does not take
	// away again goes with it.
	cmd.Args, cmd.Path = append([]string{"unshare", "--mount", "--fork"}, cmd.Args...), mustLook("unshare")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make the lab's base: debootstrap: %w\n%s", err, tail(string(out), 30))
	}
	if out, err := chroot(ctx, root, nil, "sh", "-c", finishScript); err != nil {
		return fmt.Errorf("cannot finish the lab's base: %w\n%s", err, tail(out, 30))
	}
	return nil
}

// chroot runs a command in a root that is not booted, without a network, with
// processes of its own that end with it.
func chroot(ctx context.Context, root string, env []string, args ...string) (string, error) {
	const script = `mount -t proc proc "$1/proc" && r=$1 && shift && exec chroot "$r" "$@"`
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", root}, args...)...)
	cmd.Env = append(insideEnv(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustLook(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	return program
}

// tail gives the last lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
