package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// labRelease is a release of a product as the lab has it: documents of the
// example, and a tree of files that is only read.
type labRelease struct {
	name             string // of the product, for people
	version          string
	product, release string // the documents
	tree             string
	key              string // the digest of all that the tree was made of
}

// bundle gives the release's bundle, built by the program upkeep, as the release
// that follows on the other one (the zero value: on none). Built bundles are kept in the folder, named by
// all that they were made of; the caller has locked it.
func (r labRelease) bundle(ctx context.Context, upkeep, dir string, from labRelease) (string, error) {
	all := sha256.Sum256([]byte(r.product + r.release + from.product + r.key + from.key))
	dest := filepath.Join(dir, "bundle-"+r.version+"-"+hex.EncodeToString(all[:6])+".tar.zst")
	if _, err := os.Stat(dest); err == nil {
		return dest, nil
	}
	src, err := os.MkdirTemp(dir, "source-")
	if err != nil {
		return "", fmt.Errorf("cannot make the source of the bundle: %w", err)
	}
	defer os.RemoveAll(src)
	if err := r.source(ctx, src, from); err != nil {
		return "", err
	}
	part := src + ".tar.zst"
	defer os.Remove(part)
	if out, err := exec.CommandContext(ctx, upkeep, "vendor", "build", src, "-o", part).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the bundle of %s %s: %w\n%s", r.name, r.version, err, out)
	}
	if err := os.Rename(part, dest); err != nil {
		return "", fmt.Errorf("cannot keep the bundle of %s %s: %w", r.name, r.version, err)
	}
	return dest, nil
}

// source lays out the source of a bundle. Its files are further names of those
// in the tree: building only reads them.
func (r labRelease) source(ctx context.Context, src string, from labRelease) error {
	texts := map[string]string{filepath.Join(src, "upkeep.yaml"): r.product + "---\n" + r.release}
	if from.version != "" {
		sums, err := treeSums(from.tree)
		if err != nil {
			return err
		}
		old := filepath.Join(src, "from", from.version)
		texts[filepath.Join(old, "product.yaml")], texts[filepath.Join(old, "app.sums")] = from.product, sums
		if err := os.MkdirAll(old, 0o755); err != nil {
			return fmt.Errorf("cannot make the bundle's source: %w", err)
		}
	}
	if err := os.Mkdir(filepath.Join(src, "components"), 0o755); err != nil {
		return fmt.Errorf("cannot make the bundle's source: %w", err)
	}
	for path, text := range texts {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("cannot make the bundle's source: %w", err)
		}
	}
	if out, err := exec.CommandContext(ctx, "cp", "-al", r.tree, filepath.Join(src, "components", "app")).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make the bundle's source: %w\n%s", err, out)
	}
	return nil
}

// productCache gives the folder in which a product's trees and bundles are kept,
// locked.
func productCache(product string) (dir string, unlock func(), err error) {
	cache, err := CacheDir()
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(cache, product)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, fmt.Errorf("cannot make a place for %s: %w", product, err)
	}
	unlock, err = lock(filepath.Join(dir, "lock"))
	return dir, unlock, err
}
