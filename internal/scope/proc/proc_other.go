//go:build !linux

package proc

import (
	"net/netip"
	"syscall"
	"time"
)

// Read is unsupported here.
func Read(int) (Proc, error) { return Proc{}, ErrUnsupported }

// All is unsupported here.
func All() ([]Proc, error) { return nil, ErrUnsupported }

// Environ is unsupported here.
func Environ(int) ([]byte, error) { return nil, ErrUnsupported }

// Args is unsupported here.
func Args(int) ([]string, error) { return nil, ErrUnsupported }

// Exe is unsupported here.
func Exe(int) (string, error) { return "", ErrUnsupported }

// BootID is unsupported here.
func BootID() (string, error) { return "", ErrUnsupported }

// Signal is unsupported here.
func Signal(ID, syscall.Signal) error { return ErrUnsupported }

// Running is false here, where nothing can be read.
func Running(ID) bool { return false }

// Began is unsupported here.
func Began(Proc) (time.Time, error) { return time.Time{}, ErrUnsupported }

// Using is unsupported here.
func Using(...string) ([]Use, int, error) { return nil, 0, ErrUnsupported }

// Cgroup is unsupported here.
func Cgroup(int) (string, error) { return "", ErrUnsupported }

// Listening is unsupported here.
func Listening(netip.AddrPort) ([]Proc, error) { return nil, ErrUnsupported }
