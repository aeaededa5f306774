//go:build unix

package lab

import (
	"os/exec"
	"syscall"
)

// apply makes the command run under the account, in a session of its own when
// detached, so that what ends the lab's terminal does not end it.
func (a Account) apply(cmd *exec.Cmd, detached bool) {
	attr := &syscall.SysProcAttr{Setsid: detached}
	if a.Switch {
		attr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	}
	cmd.SysProcAttr = attr
}

func interrupt(pid int) error { return syscall.Kill(pid, syscall.SIGINT) }
func terminate(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }
func kill(pid int) error      { return syscall.Kill(pid, syscall.SIGKILL) }
func alive(pid int) bool      { return syscall.Kill(pid, 0) == nil }

func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

func lockFile(fd uintptr) error { return syscall.Flock(int(fd), syscall.LOCK_EX) }
