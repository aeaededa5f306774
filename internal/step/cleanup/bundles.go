package cleanup

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"

	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// copyName is the name of a run's copy of a bundle: its digest; what was never
// finished has an ending, and what is being removed a beginning.
var copyName = regexp.MustCompile(`^(\.upkeep-)?([0-9a-f]{64})(\.new)?$`)

// unneeded are the copies of bundles that nobody needs any more: neither this
// run, nor what is installed, nor a run whose restore point stays.
func (h *Handler) unneeded(p *plan.CleanUpParams, kept []site.Kept) ([]string, error) {
	if p.BundleDir == "" {
		return nil, nil
	}
	list, err := h.fs.ReadDir(p.BundleDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	needed := slices.Clone(p.Bundles)
	for _, k := range kept {
		needed = append(needed, p.Earlier[k.Run]...)
	}
	var out []string
	for _, e := range list {
		m := copyName.FindStringSubmatch(e.Name)
		if m == nil || !e.Type.IsDir() || m[1] == "" && m[3] == "" && slices.Contains(needed, m[2]) {
			continue
		}
		out = append(out, filepath.Join(p.BundleDir, e.Name))
	}
	return out, nil
}

// binned is its name while it is being removed: half a bundle must not look
// like one.
func binned(path string) string {
	if isTrash(filepath.Base(path)) {
		return path
	}
	return filepath.Join(filepath.Dir(path), files.StagingPrefix+filepath.Base(path))
}

func (h *Handler) removeBundle(path string) error {
	here, err := h.exists(path)
	if err != nil {
		return err
	}
	if here && path != binned(path) {
		if err := files.Discard(h.fs, binned(path)); err != nil {
			return err
		}
		if err := h.fs.Rename(path, binned(path)); err != nil {
			return err
		}
	}
	return files.Discard(h.fs, binned(path))
}
