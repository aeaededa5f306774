//go:build !linux

package selfupgrade

import (
	"context"
	"errors"
)

// ErrBusy says that another process exchanges the program.
var ErrBusy = errors.New("another self-upgrade is under way")

// Lock is for Linux.
func (p Program) Lock() (func(), error) { return nil, errors.ErrUnsupported }

// Foreign says why the program is not exchanged here.
func Foreign(_ context.Context, exe string) string {
	return "on this system Upkeep does not exchange its own program: stop what runs it, and put the new one at " + exe + " by hand"
}
