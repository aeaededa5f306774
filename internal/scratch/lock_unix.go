//go:build unix

package scratch

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// take makes a lock. The kernel gives it free when the process ends, however that
// ends.
func take(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if !locked(f, path) {
		f.Close()
		return nil, errTaken
	}
	return f, nil
}

// inherit takes the lock of a process that has died; nil where it lives, or
// belongs to another account.
func inherit(path string) *os.File {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	if !locked(f, path) {
		f.Close()
		return nil
	}
	return f
}

// locked locks the file, and says whether it is still the one at path.
func locked(f *os.File, path string) bool {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return false
	}
	here, err := f.Stat()
	there, err2 := os.Lstat(path)
	if err != nil || err2 != nil || !os.SameFile(here, there) {
		return false
	}
	st, ok := here.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
