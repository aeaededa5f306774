package cli

import (
	"errors"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confine keeps the page's process, all its threads, from ever getting more rights
// than it has, from any file and any program, and from other processes. What it
// needs it has by then: its address, and the socket of the engine side, which is
// connected to by its path and not opened.
func confine() error {
	_ = time.Now().Local().String() // reads the time zone, from a file
	for _, p := range []struct{ option, value uintptr }{{unix.PR_SET_NO_NEW_PRIVS, 1}, {unix.PR_SET_DUMPABLE, 0}} {
		if _, _, failed := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, p.option, p.value, 0, 0, 0, 0); failed != 0 {
			return fmt.Errorf("cannot confine the page: %w", failed)
		}
	}
	return noFiles()
}

// noFiles takes all rights to files from this process (landlock(7)). Where the
// kernel does not know how, there remain those of its account.
func noFiles() error {
	abi, _, failed := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if failed != 0 {
		if errors.Is(failed, unix.ENOSYS) || errors.Is(failed, unix.EOPNOTSUPP) || errors.Is(failed, unix.EPERM) {
			return nil
		}
		return fmt.Errorf("cannot confine the page: %w", failed)
	}
	rules := unix.LandlockRulesetAttr{Handled_access_fs: 1<<13 - 1} // the rights that the first version knows
	if abi >= 2 {
		rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 { // it listens already, and connects to nobody
		rules.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 6 {
		rules.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	fd, _, failed := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), unsafe.Sizeof(rules), 0)
	if failed != 0 {
		return fmt.Errorf("cannot confine the page: %w", failed)
	}
	defer unix.Close(int(fd))
	if _, _, failed := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); failed != 0 {
		return fmt.Errorf("cannot confine the page: %w", failed)
	}
	return nil
}
