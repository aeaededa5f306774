package manage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"upkeep/internal/durable"
)

// HubFiles are a folder of small files of the hub's own, which only the account of
// the hub can read. Each file is written whole and durably, or not at all.
type HubFiles struct {
	fs   durable.FS
	path string
}

// OpenHubFiles gives the folder of a name in the hub's folder. It is made
// when the first file is written.
func OpenHubFiles(state, name string) *HubFiles {
	return &HubFiles{realFiles(), filepath.Join(state, name)}
}

var hubFileNames = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$`)

func (f *HubFiles) file(name string) (string, error) {
	if !hubFileNames.MatchString(name) {
		return "", fmt.Errorf("%q is no name of a file of the hub: %w", name, fs.ErrNotExist)
	}
	return filepath.Join(f.path, name+".json"), nil
}

// Read reads a file; fs.ErrNotExist where there is none.
func (f *HubFiles) Read(name string) ([]byte, error) {
	path, err := f.file(name)
	if err != nil {
		return nil, err
	}
	return f.fs.ReadFile(path)
}

// Write writes a file, in place of one that is there.
func (f *HubFiles) Write(name string, raw []byte) error {
	path, err := f.file(name)
	if err != nil {
		return err
	}
	if err := f.fs.MkdirAll(f.path, 0o700); err != nil {
		return err
	}
	return f.fs.WriteFile(path, raw, 0o600)
}

// Remove removes a file; fs.ErrNotExist where there is none.
func (f *HubFiles) Remove(name string) error {
	path, err := f.file(name)
	if err != nil {
		return err
	}
	return f.fs.Remove(path)
}

// Names lists the files, sorted; none where there is no folder yet.
func (f *HubFiles) Names() ([]string, error) {
	list, err := f.fs.ReadDir(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range list {
		if name, ok := strings.CutSuffix(e.Name, ".json"); ok && hubFileNames.MatchString(name) {
			out = append(out, name)
		}
	}
	return out, nil
}
