package proc

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Listening gives the processes that listen at a TCP address of this computer,
// or at one that includes it; empty when they cannot be told, as those of other
// accounts cannot without root's rights.
func Listening(at netip.AddrPort) ([]Proc, error) {
	var sockets []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		raw, err := os.ReadFile(table)
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("cannot tell who listens at %s: %w", at, err)
		}
		for _, inode := range listeners(raw, at) {
			sockets = append(sockets, "socket:["+inode+"]")
		}
	}
	if len(sockets) == 0 {
		return nil, nil
	}
	all, err := All()
	if err != nil {
		return nil, err
	}
	var out []Proc
	for _, p := range all {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.PID)) // what may not be looked at is left out
		if slices.ContainsFunc(fds, func(fd string) bool {
			target, err := os.Readlink(fd)
			return err == nil && strings.HasPrefix(target, "socket:") && slices.Contains(sockets, target)
		}) {
			out = append(out, p)
		}
	}
	return out, nil
}
