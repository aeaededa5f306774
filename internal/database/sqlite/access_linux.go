package sqlite

import "golang.org/x/sys/unix"

// writable asks without trying.
func writable(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }
