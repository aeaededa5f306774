package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// groupsFor makes a cgroup of that name in each hierarchy in which systemd
// sorts its units. Without one of its own, two hosts would take the same group
// for their processes.
func groupsFor(name string) ([]string, error) {
	groups, err := groupPaths(name)
	if err != nil {
		return nil, err
	}
	for _, dir := range groups {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("cannot make a cgroup for the lab: %w", err)
		}
	}
	return groups, nil
}

// groupPaths says where the groups of that name are: below the root, so that
// they are found again from any process.
func groupPaths(name string) ([]string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("cannot find the cgroups: %w", err)
	}
	var groups []string
	for line := range strings.Lines(string(text)) {
		// 40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 5 || len(r) < 3 || !strings.HasPrefix(l[4], "/sys/fs/cgroup") {
			continue
		}
		named := r[0] == "cgroup" && strings.Contains(","+r[2]+",", ",name=systemd,")
		if r[0] == "cgroup2" || named {
			groups = append(groups, filepath.Join(l[4], "upkeep-lab-"+name))
		}
	}
	if len(groups) == 0 {
		return nil, errors.New("cannot find the cgroups: none of systemd's hierarchies is mounted under /sys/fs/cgroup")
	}
	return groups, nil
}

// dropGroups removes empty cgroups, with those below them.
func dropGroups(groups []string) {
	for _, g := range groups {
		var dirs []string
		_ = filepath.WalkDir(g, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for i := len(dirs) - 1; i >= 0; i-- {
			_ = os.Remove(dirs[i]) // one in use stays
		}
	}
}

// freeze stops everything in the groups at one moment, where the kernel can; a
// process that is frozen can still be killed (cgroup.freeze of version 2).
func freeze(groups []string) {
	for _, g := range groups {
		if os.WriteFile(filepath.Join(g, "cgroup.freeze"), []byte("1"), 0) != nil {
			continue
		}
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if events, err := os.ReadFile(filepath.Join(g, "cgroup.events")); err != nil || strings.Contains(string(events), "frozen 1") {
				break
			}
		}
	}
}

// thaw lets what is started in the groups run again.
func thaw(groups []string) {
	for _, g := range groups {
		_ = os.WriteFile(filepath.Join(g, "cgroup.freeze"), []byte("0"), 0) // version 1 has none
	}
}

// entering gives a shell command that puts the shell itself into the groups
// and then becomes what follows.
func entering(groups []string) []string {
	const script = `n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 >"$1/cgroup.procs" || exit 125; shift; n=$((n-1)); done; exec "$@"`
	return append([]string{"sh", "-c", script, "upkeep-lab-enter", fmt.Sprint(len(groups))}, groups...)
}
