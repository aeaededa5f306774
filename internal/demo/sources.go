package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"upkeep/examples/notes"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// WriteBundleSources writes each release as a source folder DIR/VERSION, ready
// to be built into a bundle (docs/reference/bundle.md): upkeep.yaml (product and
// release), components/app (the tree), migrations where it has any, and
// from/VERSION (product document and files of the release that it is reached
// from). The same bytes and times, always. dir is absolute and holds no releases yet.
func WriteBundleSources(ctx context.Context, to durable.FS, dir string) error {
	to = to.Unsynced()
	versions := Versions()
	for i, version := range versions {
		previous := ""
		if i > 0 {
			previous = versions[i-1]
		}
		if err := writeSource(ctx, to, dir, version, previous); err != nil {
			return fmt.Errorf("cannot write the source of release %s: %w", version, err)
		}
	}
	return nil
}

func writeSource(ctx context.Context, to durable.FS, all, version, previous string) error {
	dir := path.Join(all, version)
	if err := to.MkdirAll(path.Join(dir, "components"), 0o755); err != nil {
		return err
	}
	document, err := Documents(version)
	if err != nil {
		return err
	}
	if err := writeFile(to, path.Join(dir, "upkeep.yaml"), document, 0o644); err != nil {
		return err
	}
	if err := writeTree(to, path.Join(dir, "components", "app"), version); err != nil {
		return err
	}
	if err := writeMigrations(to, dir, version); err != nil {
		return err
	}
	if previous != "" {
		tree := path.Join(all, previous, "components", "app")
		if err := writeFrom(ctx, to, path.Join(dir, "from", previous), tree); err != nil {
			return err
		}
	}
	return age(to, dir, published(version))
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
func writeFrom(ctx context.Context, to durable.FS, dir, tree string) error {
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
	all, err := files.Scan(ctx, to, tree, files.Options{Hash: true})
	if err != nil {
		return err
	}
	for i := range all.Entries { // whoever writes the sources is nobody's business
		all.Entries[i].UID, all.Entries[i].GID = 0, 0
	}
	var b bytes.Buffer
	if err := files.WriteManifest(&b, all); err != nil {
		return err
	}
	return writeFile(to, path.Join(dir, "app.sums"), b.Bytes(), 0o644)
}
