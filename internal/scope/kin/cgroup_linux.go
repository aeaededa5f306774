package kin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CgroupParent returns the directory under which groups get their control
// groups, made if need be, or why there is none: no cgroup v2, or no right to
// write there. No controller is needed.
func CgroupParent(name string) (string, error) {
	if name == "" || strings.ContainsAny(name, "/\n") || name[0] == '.' {
		return "", fmt.Errorf("cannot use control groups: %q is no name for one", name)
	}
	var last error
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var st unix.Statfs_t
		if err := unix.Statfs(root, &st); err != nil {
			last = &os.PathError{Op: "statfs", Path: root, Err: err}
			continue
		}
		if st.Type != unix.CGROUP2_SUPER_MAGIC {
			last = fmt.Errorf("%s is not cgroup v2", root)
			continue
		}
		dir := filepath.Join(root, name)
		if err := unix.Mkdir(dir, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return "", fmt.Errorf("cannot use control groups: mkdir %s: %w", dir, err)
		}
		if err := unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK); err != nil {
			return "", fmt.Errorf("cannot use control groups: %s: %w", dir, err)
		}
		return dir, nil
	}
	return "", fmt.Errorf("cannot use control groups: %w", last)
}

// openCgroup makes the directory and opens it for clone3. A control group is
// no file of anyone's: these directories live in the kernel only.
func openCgroup(dir string) (int, error) {
	if err := unix.Mkdir(dir, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return -1, fmt.Errorf("cannot make control group %s: %w", dir, err)
	}
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot open control group %s: %w", dir, err)
	}
	return fd, nil
}

// cgroupPIDs lists the processes in a control group and all below it.
func cgroupPIDs(dir string) []int {
	var pids []int
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	for _, s := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(s); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	for _, sub := range subgroups(dir) {
		pids = append(pids, cgroupPIDs(sub)...)
	}
	return pids
}

func subgroups(dir string) []string {
	var out []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}

// killCgroup kills everything in the control group at once (Linux 5.14).
func killCgroup(dir string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
}

// removeCgroup removes an empty control group and those below. The kernel may
// need a moment after the last process; one that stays is found empty next time.
func removeCgroup(dir string) {
	for _, sub := range subgroups(dir) {
		removeCgroup(sub)
	}
	for range 50 {
		if err := unix.Rmdir(dir); !errors.Is(err, unix.EBUSY) {
			return
		}
		if len(cgroupPIDs(dir)) > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Discard removes the group's control group if it is empty.
func (g Group) Discard() {
	if g.Cgroup != "" {
		removeCgroup(g.Cgroup)
	}
}
