package manage

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// waitLock waits for a lock that is held for moments only. Nothing is written into
// its file, so that a full disk is no matter.
func waitLock(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open a lock of the hub: %w", err)
	}
	want := whole(unix.F_WRLCK)
	for {
		err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLKW, &want)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot take the lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
