package manage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"upkeep/internal/node/local"
)

// SecretFile proposes where a new secret is kept: beside the installation
// documents of this account.
func SecretFile(folders []string, param string) string {
	dir := folders[0]
	if _, root := local.Account(); !root {
		dir = folders[len(folders)-1]
	}
	return filepath.Join(dir, "secrets", param)
}

// WriteSecret writes a secret into a new file that nobody else can read. One
// that is there is left alone: something may use it.
func WriteSecret(path, secret string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("cannot write the secret: %s is no whole path", path)
	}
	fsys := realFiles()
	if _, err := fsys.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot write the secret: %s is there already: say file:%s to use it, or name another file", path, path)
	}
	if err := fsys.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("cannot write the secret: %w", err)
	}
	if err := fsys.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot write the secret: %w", err)
	}
	return nil
}
