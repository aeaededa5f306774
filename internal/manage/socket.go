package manage

import (
	"errors"
	"fmt"
	"os"

	"upkeep/internal/scratch"
)

// runFolder is where root's sockets lie, until the next boot.
const runFolder = "/run/upkeep"

// SocketFolder makes a folder for a socket that another account is to reach:
// everybody may pass through it, nobody may list it. It goes with close, or with
// the next temporary folder of this computer once the process has died.
func SocketFolder() (path string, closeFolder func() error, err error) {
	parent := ""
	if os.Geteuid() == 0 { // whose folder for temporary files may be closed to others
		parent = runFolder
		err := realFiles().Unsynced().MkdirAll(parent, 0o755)
		if err == nil {
			err = os.Chmod(parent, 0o755) // whatever umask there is
		}
		if err != nil {
			return "", nil, fmt.Errorf("cannot make a folder for the hub's socket: %w", err)
		}
	}
	d, err := scratch.New(realFiles(), parent, "hub")
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
