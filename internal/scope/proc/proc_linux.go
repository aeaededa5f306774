package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Read returns the process with this pid; ErrGone when there is none.
func Read(pid int) (Proc, error) {
	var buf [1024]byte
	b, err := slurp("/proc/"+strconv.Itoa(pid)+"/stat", buf[:0])
	if err != nil {
		return Proc{}, goneOr(pid, err)
	}
	return ParseStat(b)
}

// All returns every process, zombies included. A process that ends meanwhile
// is left out.
func All() ([]Proc, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	out := make([]Proc, 0, len(names))
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil {
			continue
		}
		if p, err := Read(pid); err == nil {
			out = append(out, p)
		}
	}
	return out, nil
}

// Environ returns the environment block that the process was started with.
// A process may overwrite it; other users' processes are refused.
func Environ(pid int) ([]byte, error) {
	b, err := slurp("/proc/"+strconv.Itoa(pid)+"/environ", nil)
	if err != nil {
		return nil, goneOr(pid, err)
	}
	return b, nil
}

// Args returns the arguments of the process; none for a kernel thread or a zombie.
func Args(pid int) ([]string, error) {
	b, err := slurp("/proc/"+strconv.Itoa(pid)+"/cmdline", nil)
	if err != nil {
		return nil, goneOr(pid, err)
	}
	b = bytes.TrimRight(b, "\x00")
	if len(b) == 0 {
		return nil, nil
	}
	return strings.Split(string(b), "\x00"), nil
}

// Exe returns the path of the program that the process runs.
func Exe(pid int) (string, error) {
	s, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	if err != nil {
		return "", goneOr(pid, err)
	}
	return strings.TrimSuffix(s, " (deleted)"), nil
}

// Cgroup returns the control group of the process, as in
// /system.slice/cron.service; empty where there is no cgroup v2.
func Cgroup(pid int) (string, error) {
	b, err := slurp("/proc/"+strconv.Itoa(pid)+"/cgroup", nil)
	if err != nil {
		return "", goneOr(pid, err)
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return path, nil
		}
	}
	return "", nil
}

// BootID returns the kernel's identity of this boot.
func BootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("cannot read the boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Began returns when a process was started, by the clock as it is set now.
func Began(p Proc) (time.Time, error) {
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot tell when the machine was started: %w", err)
	}
	first, _, _ := strings.Cut(string(b), " ")
	up, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot tell when the machine was started: %w", err)
	}
	// Ticks are shown to programs at 100 a second on every architecture (USER_HZ).
	age := time.Duration(up*float64(time.Second)) - time.Duration(p.Start)*(time.Second/100)
	return time.Now().Add(-age), nil
}

// Signal sends a signal to exactly this process, never to a later one with
// the same number: the process is held by a descriptor (pidfd_open(2)) while its start time
// is compared. A process that is gone or a zombie is ErrGone.
func Signal(id ID, sig syscall.Signal) error {
	if id.PID <= 1 || id.PID == os.Getpid() {
		return fmt.Errorf("cannot signal process %d: refused", id.PID)
	}
	fd, err := unix.PidfdOpen(id.PID, 0)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // before Linux 5.3, or filtered: a small race remains
		fd = -1
	} else if err != nil {
		return goneOr(id.PID, err)
	} else {
		defer unix.Close(fd)
	}
	p, err := Read(id.PID)
	if err != nil {
		return err
	}
	if p.Start != id.Start || p.Dead() {
		return fmt.Errorf("cannot signal process %d: %w", id.PID, ErrGone)
	}
	if fd >= 0 {
		err = unix.PidfdSendSignal(fd, sig, nil, 0)
	} else {
		err = unix.Kill(id.PID, sig)
	}
	if err != nil {
		return goneOr(id.PID, fmt.Errorf("cannot signal process %s: %w", p, err))
	}
	return nil
}

// Running tells whether exactly this process exists and is no zombie.
func Running(id ID) bool {
	p, err := Read(id.PID)
	return err == nil && p.Start == id.Start && !p.Dead()
}

func goneOr(pid int, err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	return err
}

// slurp reads a file of /proc, which tells no size, with as few calls as possible.
func slurp(path string, buf []byte) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	if cap(buf) == 0 {
		buf = make([]byte, 0, 4096)
	}
	for {
		if len(buf) == cap(buf) {
			if len(buf) > 8<<20 {
				return nil, &os.PathError{Op: "read", Path: path, Err: io.ErrShortBuffer}
			}
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
}
