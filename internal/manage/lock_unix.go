//go:build unix

package manage

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// lock is the lock of an installation: whoever holds it may carry a run on.
// The kernel gives it free when its process ends, however that ends.
type lock struct{ file *os.File }

// takeLock takes the lock at path. When another process holds it, held says
// which one.
func takeLock(path string) (l *lock, held int, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot open the lock of the installation: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, 0, fmt.Errorf("cannot take the lock %s: %w", path, err)
		}
		return nil, max(readPID(path), 1), nil
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("cannot write the lock %s: %w", path, err)
	}
	return &lock{f}, 0, nil
}

// holder gives the process that holds the lock; 0 when nobody does.
func holder(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		return max(readPID(path), 1)
	}
	return 0
}

func readPID(path string) int {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
	return n
}

func (l *lock) release() { l.file.Close() }

// detached makes a child outlive the terminal that starts it.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
