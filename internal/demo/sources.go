package demo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"upkeep/examples/notes"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// WriteBundleSources writes each release as a source folder DIR/VERSION, ready
// to be built into a bundle: upkeep.yaml (product and release), app (the tree),
// migrations where it has any, and from/VERSION (product document and sums of
// the release that it is reached from). dir is absolute and holds no releases yet.
func WriteBundleSources(to durable.FS, dir string) error {
	to = to.Unsynced()
	versions := Versions()
	for i, version := range versions {
		previous := ""
		if i > 0 {
			previous = versions[i-1]
		}
		if err := writeSource(to, path.Join(dir, version), version, previous); err != nil {
			return fmt.Errorf("cannot write the source of release %s: %w", version, err)
		}
	}
	return nil
}

func writeSource(to durable.FS, dir, version, previous string) error {
	if err := to.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	document, err := Documents(version)
	if err != nil {
		return err
	}
	if err := writeFile(to, path.Join(dir, "upkeep.yaml"), document, 0o644); err != nil {
		return err
	}
	if err := writeTree(to, path.Join(dir, "app"), version); err != nil {
		return err
	}
	if err := writeMigrations(to, dir, version); err != nil || previous == "" {
		return err
	}
	return writeFrom(to, path.Join(dir, "from", previous), previous)
}

// Documents gives the product and the release document of a version, as they
// stand in a bundle.
func Documents(version string) ([]byte, error) {
	product, err := notes.Files.ReadFile("product.yaml")
	if err != nil {
		return nil, err
	}
	release, err := notes.Files.ReadFile("releases/" + version + "/release.yaml")
	if err != nil {
		return nil, err
	}
	return append(append(product, "---\n"...), release...), nil
}

func writeMigrations(to durable.FS, dir, version string) error {
	from := "releases/" + version + "/migrations"
	scripts, err := fs.ReadDir(notes.Files, from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := to.Mkdir(path.Join(dir, "migrations"), 0o755); err != nil {
		return err
	}
	for _, s := range scripts {
		text, err := notes.Files.ReadFile(from + "/" + s.Name())
		if err != nil {
			return err
		}
		if err := writeFile(to, path.Join(dir, "migrations", s.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeFrom writes what a bundle carries of the release it is reached from.
func writeFrom(to durable.FS, dir, version string) error {
	document, err := notes.Files.ReadFile("product.yaml")
	if err != nil {
		return err
	}
	if err := to.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := writeFile(to, path.Join(dir, "product.yaml"), document, 0o644); err != nil {
		return err
	}
	all, err := sums(version)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := files.WriteSums(&b, all); err != nil {
		return err
	}
	return writeFile(to, path.Join(dir, "app.sums"), b.Bytes(), 0o644)
}
