package apt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"upkeep/internal/packages"
)

// Holder asks the kernel who has one of dpkg's locks: the one that apt and
// other front ends take, and dpkg's own. They are locks of fcntl.
func (m *Manager) Holder(context.Context) (*packages.Holder, error) {
	for _, name := range []string{"var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock"} {
		pid, err := holder(m.path(name))
		if err != nil {
			return nil, err
		}
		if pid != 0 {
			return &packages.Holder{PID: pid, Name: processName(pid)}, nil
		}
	}
	return nil, nil
}

func holder(path string) (int, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("cannot look at the package manager's lock: %w", err)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("cannot ask who has the lock %s: %w", path, err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0, nil
	}
	if lock.Pid <= 0 {
		return -1, nil // a process of another PID namespace
	}
	return int(lock.Pid), nil
}

// processName is how a person knows the process.
func processName(pid int) string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	words := strings.Split(strings.TrimRight(string(raw), "\x00"), "\x00")
	if err != nil || words[0] == "" {
		return "a process"
	}
	name := strings.Join(words[:min(len(words), 3)], " ")
	if len(name) > 60 {
		name = name[:60] + "…"
	}
	return name
}
