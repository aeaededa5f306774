package selfupgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrBusy says that another process exchanges the program.
var ErrBusy = errors.New("another self-upgrade is under way")

// Lock has this process be the only one that exchanges the program, until
// release, or until it ends. It is a lock of the program's folder, so that no
// file stays behind.
func (p Program) Lock() (release func(), err error) {
	dir, err := os.Open(filepath.Dir(p.Path))
	if err != nil {
		return nil, fmt.Errorf("cannot lock the program's folder: %w", err)
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		dir.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		return nil, fmt.Errorf("cannot lock the program's folder %s: %w", filepath.Dir(p.Path), err)
	}
	return func() { dir.Close() }, nil
}

// Foreign says why the program at a path is not exchanged here, with what to do
// instead; empty when it can be. Asked are the package managers of this
// computer, and whether this account may write there.
func Foreign(ctx context.Context, exe string) string {
	if pack := owner(ctx, exe, "dpkg-query", "-S"); pack != "" {
		pack, _, _ = strings.Cut(pack, ":")
		return fmt.Sprintf("%s belongs to the package %s: have the package manager upgrade it (apt-get update && apt-get install --only-upgrade %s)", exe, pack, pack)
	}
	if pack := owner(ctx, exe, "rpm", "-qf", "--qf", "%{NAME}"); pack != "" {
		return fmt.Sprintf("%s belongs to the package %s: have the package manager upgrade it (dnf upgrade %s)", exe, pack, pack)
	}
	dir := filepath.Dir(exe)
	switch err := unix.Access(dir, unix.W_OK); {
	case err == nil:
		return ""
	case errors.Is(err, unix.EROFS):
		return fmt.Sprintf("%s is on a volume that is mounted read-only: mount it writable, or upgrade the image that it comes from", dir)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Sprintf("this account may not write to %s: sudo upkeep self-upgrade", dir)
	default:
		return fmt.Sprintf("cannot write to %s: %v", dir, err)
	}
}

// owner asks a package manager, where there is one, whose a file is. On a
// computer whose /bin is /usr/bin it may know the file by either name.
func owner(ctx context.Context, exe string, command ...string) string {
	if _, err := exec.LookPath(command[0]); err != nil {
		return ""
	}
	names := []string{exe}
	if short, ok := strings.CutPrefix(exe, "/usr"); ok && (strings.HasPrefix(short, "/bin/") || strings.HasPrefix(short, "/sbin/")) {
		names = append(names, short)
	}
	for _, name := range names {
		timed, stop := context.WithTimeout(ctx, 10*time.Second)
		out, err := exec.CommandContext(timed, command[0], append(command[1:len(command):len(command)], name)...).Output()
		stop()
		if err == nil && len(out) > 0 {
			return strings.TrimSpace(string(out))
		}
	}
	return ""
}
