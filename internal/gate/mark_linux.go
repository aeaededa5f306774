package gate

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func setMark(fd uintptr, mark uint32) error {
	if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
		return fmt.Errorf("cannot mark the connection for the gate: %w", explain(os.NewSyscallError("setsockopt", err)))
	}
	return nil
}

// setTransparent lets a socket receive packets for any address (IP_TRANSPARENT,
// ip(7)), and marks its answers, which policy routing may look at.
func setTransparent(fd uintptr, network string, mark uint32) error {
	level, opt := unix.SOL_IP, unix.IP_TRANSPARENT
	if network == "tcp6" {
		level, opt = unix.SOL_IPV6, unix.IPV6_TRANSPARENT
	}
	if err := unix.SetsockoptInt(int(fd), level, opt, 1); err != nil {
		return explain(os.NewSyscallError("setsockopt", err))
	}
	return setMark(fd, mark)
}
