package scope

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxSealed bounds a script that is copied into memory.
const maxSealed = 64 << 20

// sealed returns what to execute for an opened script. With a sum, its content
// is copied into a memory file, compared and sealed (memfd_create(2)): an open
// descriptor alone would still show later writes to the same file. The copy is
// readable to any account it may run as, the original need not be.
func sealed(f *os.File, name, sum string) (*os.File, error) {
	if sum == "" {
		return f, nil
	}
	fd, err := unix.MemfdCreate("upkeep", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 there is no MFD_EXEC, and it is the default
		fd, err = unix.MemfdCreate("upkeep", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("no memory file for it (sysctl vm.memfd_noexec must not be 2): %w", err)
	}
	mem := os.NewFile(uintptr(fd), "script")
	if err := fill(mem, f, name, sum); err != nil {
		mem.Close()
		return nil, err
	}
	return mem, nil
}

func fill(mem, f *os.File, name, sum string) error {
	h := sha256.New()
	// read from the start, whatever was read before through this descriptor
	n, err := io.Copy(io.MultiWriter(mem, h), io.NewSectionReader(f, 0, maxSealed+1))
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", name, err)
	}
	if n > maxSealed {
		return fmt.Errorf("cannot read %s: it is larger than %d MB", name, maxSealed>>20)
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, sum) {
		return fmt.Errorf("%s has %w (sha256 is %s, approved was %s): make a new plan", name, ErrChanged, got, sum)
	}
	if err := mem.Chmod(0o555); err != nil {
		return err
	}
	_, err = unix.FcntlInt(mem.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	if err != nil {
		return fmt.Errorf("cannot seal the copy of %s: %w", name, err)
	}
	return nil
}
