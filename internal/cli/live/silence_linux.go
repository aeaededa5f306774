package live

import (
	"os"

	"golang.org/x/sys/unix"
)

// silence keeps what is typed while the bar moves from being written into it,
// and forgets it at the end. Ctrl-C stays what it is.
func silence() (undo func()) {
	fd := int(os.Stdin.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {} // no terminal
	}
	quiet := *was
	quiet.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &quiet); err != nil {
		return func() {}
	}
	return func() {
		// TCSETSF drops what was typed
		_ = unix.IoctlSetTermios(fd, unix.TCSETSF, was)
	}
}
