//go:build unix

package hooks

import (
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	noFollow    = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	checksModes = true
)

// owners are the accounts that a hook may belong to.
func owners(as string) ([]uint32, error) {
	list := []uint32{0, uint32(os.Geteuid())}
	if as == "" {
		return list, nil
	}
	u, err := user.Lookup(as)
	if err != nil {
		return list, nil // of a directory service: the account is looked up when it runs
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	return append(list, uint32(uid)), nil
}

func owned(info fs.FileInfo, allowed []uint32) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && slices.Contains(allowed, st.Uid)
}
