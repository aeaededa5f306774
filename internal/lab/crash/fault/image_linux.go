package fault

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// copyImage copies what a file holds and leaves its holes out: what a disk
// holds at this moment.
func copyImage(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("cannot copy the image: %w", err)
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return fmt.Errorf("cannot copy the image: %w", err)
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot copy the image: %w", err)
	}
	defer dst.Close()
	for at := int64(0); ; {
		begin, err := unix.Seek(int(src.Fd()), at, unix.SEEK_DATA)
		if err != nil {
			break // ENXIO: there is no more data
		}
		end, err := unix.Seek(int(src.Fd()), begin, unix.SEEK_HOLE)
		if err != nil {
			return fmt.Errorf("cannot copy the image: %w", err)
		}
		if _, err := io.Copy(io.NewOffsetWriter(dst, begin), io.NewSectionReader(src, begin, end-begin)); err != nil {
			return fmt.Errorf("cannot copy the image: %w", err)
		}
		at = end
	}
	return dst.Truncate(info.Size())
}
