package manage

import (
	"errors"
	"fmt"
	"os"

	"upkeep/internal/scratch"
)

// SocketFolder makes a folder for a socket that another account is to reach:
// everybody may pass through it, nobody may list it. It goes with close, or with
// the next temporary folder of this computer once the process has died.
func SocketFolder() (path string, closeFolder func() error, err error) {
	d, err := scratch.New(realFiles(), "", "hub")
	if err == nil {
		if err = os.Chmod(d.Path, 0o711); err != nil {
			err = errors.Join(err, d.Close())
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("cannot make a folder for the hub's socket: %w", err)
	}
	return d.Path, d.Close, nil
}
