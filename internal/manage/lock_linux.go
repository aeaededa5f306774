package manage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// lock is the lock of an installation: whoever holds it may carry a run on.
// The kernel gives it free when its process ends, however that ends. It
// belongs to the open file, and it can be asked for without being taken, so
// that looking never stands in the way of taking.
type lock struct{ file *os.File }

func whole(kind int16) unix.Flock_t {
	return unix.Flock_t{Type: kind, Whence: io.SeekStart}
}

// takeLock takes the lock at path. When another process holds it, held says
// which one.
func takeLock(path string) (l *lock, held int, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot open the lock of the installation: %w", err)
	}
	want := whole(unix.F_WRLCK)
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &want); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return nil, max(readPID(path), 1), nil
		}
		return nil, 0, fmt.Errorf("cannot take the lock %s: %w", path, err)
	}
	err = f.Truncate(0)
	if err == nil {
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
	ask := whole(unix.F_RDLCK)
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &ask); err == nil && ask.Type == unix.F_UNLCK {
		return 0
	}
	return max(readPID(path), 1)
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
