package host

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"upkeep/internal/lab"
)

// labs is what the hosts of one test process share.
type labs struct {
	dir    string   // holds a folder for each host
	name   string   // unique on the machine
	groups []string // cgroups of the lab's own, one in each hierarchy that systemd uses
	keeper *exec.Cmd
	pipe   any      // held open: the keeper clears up when it closes
	lock   *os.File // held: who can take it knows that this process is dead
	count  atomic.Int32
}

// shared makes the lab of this test process; the function is never replaced.
var shared = sync.OnceValues(openLab)

// clearScript ends what runs in the groups of a host, takes its mounts away
// and then its folder. $1 is the folder, the rest are cgroups.
const clearScript = `
clear_host() {
	dir=$1
	shift
	case $dir in */upkeep-lab*/hosts/*) ;; *) echo "not a folder of the lab: $dir" >&2; return 1 ;; esac
	for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		pids=$(find "$@" -name cgroup.procs -exec cat {} + 2>/dev/null | grep -vx 0 | sort -u)
		[ -n "$pids" ] || break
		kill -9 $pids 2>/dev/null
		sleep 0.05
	done
	for round in 1 2 3; do
		awk -v d="$dir/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r m; do
			umount "$m" 2>/dev/null || umount -l "$m"
		done
	done
	rm -rf --one-file-system -- "$dir"
	find "$@" -depth -type d -exec rmdir {} + 2>/dev/null
	[ ! -e "$dir" ]
}
`

// keepScript holds the network namespace with the bridge, and clears up when
// the only process that holds the other end of its input is gone.
const keepScript = clearScript + `
set -e
ip link set lo up
ip link add ` + bridge + ` type bridge
ip addr add ` + gateway + `/24 dev ` + bridge + `
ip link set ` + bridge + ` up
echo ready
set +e
read -r _
top=$1
shift
for host in "$top"/*/; do
	[ -d "$host" ] && clear_host "${host%/}" "$@"
done
clear_host "$top" "$@"
`

const (
	bridge  = "br0"
	gateway = "10.77.0.1"
	subnet  = "10.77.0."
)

func openLab() (*labs, error) {
	cache, err := lab.CacheDir()
	if err != nil {
		return nil, err
	}
	hosts := filepath.Join(cache, "hosts")
	if err := os.MkdirAll(hosts, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make a place for hosts: %w", err)
	}
	if err := sweep(hosts); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(hosts, "uk")
	if err != nil {
		return nil, fmt.Errorf("cannot make a place for hosts: %w", err)
	}
	l := &labs{dir: dir, name: filepath.Base(dir)}
	if l.lock, err = os.Create(filepath.Join(dir, "lock")); err != nil {
		return nil, fmt.Errorf("cannot mark the lab's folder: %w", err)
	}
	if err := unix.Flock(int(l.lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("cannot mark the lab's folder: %w", err)
	}
	if l.groups, err = groupsFor(l.name); err != nil {
		return nil, err
	}
	return l, l.keep()
}

// keep starts the process that holds the network and watches over the lab.
func (l *labs) keep() error {
	args := append([]string{"--net", "sh", "-c", keepScript, "upkeep-lab-keeper", l.dir}, l.groups...)
	l.keeper = exec.Command("unshare", args...)
	l.keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := l.keeper.StdinPipe()
	if err != nil {
		return fmt.Errorf("cannot start the lab's network: %w", err)
	}
	out, err := l.keeper.StdoutPipe()
	if err != nil {
		return fmt.Errorf("cannot start the lab's network: %w", err)
	}
	var said bytes.Buffer
	l.keeper.Stderr = &said
	if err := l.keeper.Start(); err != nil {
		return fmt.Errorf("cannot start the lab's network: %w", err)
	}
	l.pipe = in
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		return fmt.Errorf("cannot set the lab's network up: %v\n%s", err, said.String())
	}
	return nil
}

// netns is where the hosts' bridge is.
func (l *labs) netns() string { return fmt.Sprintf("/proc/%d/ns/net", l.keeper.Process.Pid) }

// sweep clears what test processes left that were killed with their keeper.
func sweep(hosts string) error {
	left, err := filepath.Glob(filepath.Join(hosts, "uk*"))
	if err != nil {
		return fmt.Errorf("cannot look for what is left of other runs: %w", err)
	}
	for _, dir := range left {
		f, err := os.Open(filepath.Join(dir, "lock"))
		if err != nil {
			continue // just being made, or just being removed
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			err = errors.Join(err, clearAll(dir))
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func clearAll(dir string) error {
	groups, err := groupPaths(filepath.Base(dir))
	if err != nil {
		return err
	}
	return clear(dir, groups)
}

// clear ends what runs in the groups, unmounts and removes the folder.
func clear(dir string, groups []string) error {
	args := append([]string{"-c", clearScript + `clear_host "$@"`, "upkeep-lab-clear", dir}, groups...)
	if out, err := exec.Command("sh", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot clear %s: %w\n%s", dir, err, strings.TrimSpace(string(out)))
	}
	return nil
}
