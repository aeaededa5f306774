package demo

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/durable"
)

// product holds what the versions are made of: common to all, and each one's own.
//
//go:embed product
var product embed.FS

// Versions are the releases of the sample product, in order. 3.0 is reached
// from 2.0 only; the second migration script of 3.1 fails.
func Versions() []string { return []string{"1.0", "2.0", "3.0", "3.1"} }

// treeFile is a file of a version's tree.
type treeFile struct {
	text []byte
	mode fs.FileMode
}

// tree gives the files of a version by their paths: always the same bytes.
func tree(version string) (map[string]treeFile, error) {
	at := slices.Index(Versions(), version)
	if at < 0 {
		return nil, fmt.Errorf("there is no version %s of the sample product", version)
	}
	out := filler(at)
	for _, root := range []string{"product/common", "product/" + version} {
		err := fs.WalkDir(product, root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := product.ReadFile(name)
			if err != nil {
				return err
			}
			f := treeFile{text: text, mode: 0o644}
			rel := strings.TrimPrefix(name, root+"/")
			if strings.HasPrefix(rel, "bin/") {
				f.mode = 0o755
			}
			out[rel] = f
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("cannot read the sample product: %w", err)
		}
	}
	return out, nil
}

// writeTree writes a version's tree into a folder that does not exist yet.
func writeTree(to durable.FS, dir, version string) error {
	all, err := tree(version)
	if err != nil {
		return err
	}
	if err := to.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := to.MkdirAll(path.Join(dir, path.Dir(name)), 0o755); err != nil {
			return err
		}
		if err := writeFile(to, path.Join(dir, name), all[name].text, all[name].mode); err != nil {
			return err
		}
	}
	return age(to, dir, published(version))
}

// published is when a release came out: the time of all its files.
func published(version string) time.Time {
	day := time.Date(2024, 3, 4, 9, 0, 0, 0, time.UTC)
	return day.AddDate(0, 7*slices.Index(Versions(), version), 0)
}

// age gives all files and folders of a tree one time, so that the same
// sources make the same bundles.
func age(to durable.FS, tree string, at time.Time) error {
	return filepath.WalkDir(tree, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return to.Chtimes(name, at)
	})
}

// writeFile makes a new file.
func writeFile(to durable.FS, name string, text []byte, mode fs.FileMode) error {
	f, err := to.Create(name, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
