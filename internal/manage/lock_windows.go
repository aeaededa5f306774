package manage

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// lock is the lock of an installation. It was never run on Windows.
type lock struct{ file *os.File }

func takeLock(path string) (l *lock, held int, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot open the lock of the installation: %w", err)
	}
	// the byte that is locked lies behind the number, so that others can read it
	over := &windows.Overlapped{Offset: 1 << 20}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, over)
	if err != nil {
		defer f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return nil, max(readPID(path), 1), nil
		}
		return nil, 0, fmt.Errorf("cannot take the lock %s: %w", path, err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("cannot write the lock %s: %w", path, err)
	}
	return &lock{f}, 0, nil
}

func holder(path string) int {
	if _, err := os.Stat(path); err != nil {
		return 0
	}
	l, held, err := takeLock(path)
	if err != nil || l == nil {
		return max(held, 1)
	}
	l.release()
	return 0
}

func readPID(path string) int {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(string(raw), "\n", 2)[0]))
	return n
}

func (l *lock) release() { l.file.Close() }

func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}
