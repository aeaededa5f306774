package backup

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/files"
)

// staged gives what a restore that was interrupted has left beside a tree;
// empty when there is nothing. Its files may all be in their places already.
func (h *Handler) staged(tree, opID string) (string, error) {
	name := files.StagingName(tree, opID)
	list, err := h.fs.ReadDir(filepath.Dir(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, e := range list {
		if e.Name == filepath.Base(name) || strings.HasPrefix(e.Name, filepath.Base(name)+".") {
			return filepath.Join(filepath.Dir(name), e.Name), nil
		}
	}
	return "", nil
}
