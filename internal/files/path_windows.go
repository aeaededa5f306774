package files

import (
	"fmt"
	"path/filepath"
)

// checkPathPlatform refuses what Windows reads as something else than a name below a folder: drives, streams, device names, backslashes.
func checkPathPlatform(p string) error {
	if !filepath.IsLocal(filepath.FromSlash(p)) || filepath.ToSlash(p) != p {
		return fmt.Errorf("the path %q is not a name below a folder on Windows", p)
	}
	return nil
}
