package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

func allocate(f *os.File, size int64) error {
	err := retry(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, size) })
	if err == unix.ENOTSUP || err == unix.ENOSYS {
		return writeZeros(f, size)
	}
	return err
}
