package manage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// linkFolder is where the hubs of this account can be asked for links by the
// same account: root's where every command of root finds it, whatever its
// temporary folder is. Empty when this account has no such place.
func linkFolder() string {
	if os.Geteuid() == 0 {
		return filepath.Join(runFolder, "hub")
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "upkeep", "hub")
	}
	return ""
}

// LinkSocket gives the path at which the hub of an address listens for commands
// of its own account; empty when there is no place for one. What a hub that was
// killed has left there is removed: whoever asks has the address, so there is no
// other hub at it.
func LinkSocket(address string) (string, error) {
	dir := linkFolder()
	if dir == "" {
		return "", nil
	}
	fsys := realFiles().Unsynced()
	path := filepath.Join(dir, strings.ReplaceAll(address, "/", "_"))
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the folder of the hub's sockets: %w", err)
	}
	if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("cannot remove the socket that an earlier hub has left: %w", err)
	}
	return path, nil
}

// LinkSockets gives the sockets of the hubs of this account, by their addresses.
// Some may have been left by hubs that were killed.
func LinkSockets() (map[string]string, error) {
	dir, out := linkFolder(), map[string]string{}
	if dir == "" {
		return out, nil
	}
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot see which hubs there are: %w", err)
	}
	for _, e := range list {
		out[e.Name()] = filepath.Join(dir, e.Name())
	}
	return out, nil
}
