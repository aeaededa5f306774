package install

import (
	"errors"
	"syscall"
)

// full: there was no room.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, errQuota)
}
