package probe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// initialPIDs is the inode of the first pid namespace (PROC_PID_INIT_INO in
// include/linux/proc_ns.h).
const initialPIDs = "pid:[4026531836]"

// lockState looks for a lock without taking one. Locks of fcntl are asked for
// with F_OFD_GETLK; those of flock stand in /proc/locks. In a container the
// kernel hides there the locks whose taker has no number in it, which includes
// those of programs that have ended and left the descriptor to a child (the
// flock command). Only then, and only when nothing else says held, a lock is
// tried for and given back at once.
func lockState(path string) (held bool, evidence string, err error) {
	// O_NONBLOCK: a FIFO must not hold us up.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, "", err
	}
	defer f.Close()
	fd := int(f.Fd())
	asked := unix.Flock_t{Type: unix.F_WRLCK, Whence: 0}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &asked); err != nil {
		return false, "", fmt.Errorf("cannot ask for its lock: %w", err)
	}
	if asked.Type != unix.F_UNLCK {
		if asked.Pid > 0 {
			return true, fmt.Sprintf(" by process %d", asked.Pid), nil
		}
		return true, "", nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, "", err
	}
	table, err := os.ReadFile("/proc/locks")
	if err != nil {
		return false, "", fmt.Errorf("cannot read the kernel's list of locks: %w", err)
	}
	if pid, found := holder(table, unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino); found {
		return true, " by process " + pid, nil
	}
	if ns, err := os.Readlink("/proc/self/ns/pid"); err == nil && ns == initialPIDs && !odd(fd) {
		return false, "", nil
	}
	switch err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); {
	case err == nil:
		return false, "", unix.Flock(fd, unix.LOCK_UN)
	case errors.Is(err, unix.EWOULDBLOCK):
		return true, "", nil
	default:
		return false, "", fmt.Errorf("cannot try its lock: %w", err)
	}
}

// odd: volumes whose files have another device number in stat(2) than in
// /proc/locks.
func odd(fd int) bool {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return true
	}
	switch uint32(st.Type) {
	case unix.OVERLAYFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.NFS_SUPER_MAGIC:
		return true
	}
	return false
}

// holder finds a flock on a file in the text of /proc/locks (proc_locks(5)):
//
//	1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
func holder(table []byte, major, minor uint32, inode uint64) (pid string, found bool) {
	file := fmt.Sprintf("%02x:%02x:%d", major, minor, inode)
	for line := range bytes.Lines(table) {
		fields := strings.Fields(string(line))
		// "1: -> FLOCK …" waits for a lock and does not hold it.
		if len(fields) == 8 && fields[1] == "FLOCK" && fields[5] == file {
			return fields[4], true
		}
	}
	return "", false
}
