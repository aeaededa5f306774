package probe

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mayWrite asks the kernel whether an account may write; empty is our own. The
// answer covers permission bits, ACLs, groups, immutable files and read-only
// volumes, but not a full disk.
func mayWrite(path string, folder bool, account string) error {
	mode := uint32(unix.W_OK)
	if folder {
		mode |= unix.X_OK
	}
	if account == "" {
		return access(path, mode)
	}
	who, err := lookup(account)
	if err != nil {
		return err
	}
	if who.uid == os.Geteuid() {
		return access(path, mode)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("cannot check as %s: that needs root", account)
	}
	result := make(chan error, 1)
	go func() {
		// This thread takes on the account's credentials and ends with the
		// goroutine, as it is never unlocked. The calls are raw because the
		// wrappers of package syscall change every thread of the process.
		runtime.LockOSThread()
		if err := who.takeOn(); err != nil {
			result <- fmt.Errorf("cannot check as %s: %w", account, err)
			return
		}
		result <- access(path, mode)
	}()
	return <-result
}

type identity struct {
	uid, gid int
	groups   []uint32
}

func lookup(account string) (identity, error) {
	u, err := user.Lookup(account)
	if err != nil {
		if u, err = user.LookupId(account); err != nil {
			return identity{}, fmt.Errorf("cannot check as %s: there is no such account", account)
		}
	}
	var who identity
	if who.uid, err = strconv.Atoi(u.Uid); err != nil {
		return who, fmt.Errorf("cannot check as %s: %w", account, err)
	}
	if who.gid, err = strconv.Atoi(u.Gid); err != nil {
		return who, fmt.Errorf("cannot check as %s: %w", account, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return who, fmt.Errorf("cannot tell the groups of %s: %w", account, err)
	}
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return who, fmt.Errorf("cannot tell the groups of %s: %w", account, err)
		}
		who.groups = append(who.groups, uint32(n))
	}
	return who, nil
}

// takeOn changes what this thread is to the file system: setfsuid(2) also
// takes root's capabilities over files away.
func (i identity) takeOn() error {
	groups := i.groups
	if len(groups) == 0 {
		groups = []uint32{uint32(i.gid)}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0); errno != 0 {
		return errno
	}
	for _, change := range []struct{ call, id uintptr }{{unix.SYS_SETFSGID, uintptr(i.gid)}, {unix.SYS_SETFSUID, uintptr(i.uid)}} {
		// They tell the id from before; a second call tells whether it took.
		_, _, _ = unix.RawSyscall(change.call, change.id, 0, 0)
		if now, _, _ := unix.RawSyscall(change.call, change.id, 0, 0); uint32(now) != uint32(change.id) {
			return errors.New("the kernel refuses to change the account")
		}
	}
	return nil
}

// access is faccessat2(2) with the effective account: the older call would ask
// for the real one, and the C library's emulation for the process's.
func access(path string, mode uint32) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	dir := unix.AT_FDCWD
	_, _, errno := unix.Syscall6(unix.SYS_FACCESSAT2, uintptr(dir), uintptr(unsafe.Pointer(p)), uintptr(mode), unix.AT_EACCESS, 0, 0)
	switch errno {
	case 0:
		return nil
	case unix.ENOSYS:
		return errors.New("this kernel is older than 5.8 and cannot tell who may write")
	}
	return errno
}
