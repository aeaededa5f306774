package verbs

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"upkeep/internal/backup"
	"upkeep/internal/bundle"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/site"
	stepbackup "upkeep/internal/step/backup"
)

// bundles opens the copies of bundles that a run keeps, by digest.
type bundles struct {
	fs  durable.FS
	dir string
}

func (b bundles) open(ctx context.Context, digest string) (*bundle.Bundle, error) {
	at := filepath.Join(b.dir, digest)
	opened, err := bundle.Open(ctx, b.fs, at, bundle.Options{})
	if err != nil {
		return nil, fmt.Errorf("the run's copy of the bundle: %w", err)
	}
	if opened.Digest() != digest {
		return nil, fmt.Errorf("the run's copy of the bundle in %s was changed", at)
	}
	return opened, nil
}

// Payload implements stage.Bundles.
func (b bundles) Payload(ctx context.Context, digest, payload, sums string) (io.ReadCloser, files.Tree, error) {
	opened, err := b.open(ctx, digest)
	if err != nil {
		return nil, files.Tree{}, err
	}
	f, err := opened.FS().Open(sums)
	if err != nil {
		return nil, files.Tree{}, err
	}
	defer f.Close()
	t, err := files.ParseAny(f)
	if err != nil {
		return nil, files.Tree{}, fmt.Errorf("the sums of the payload %s: %w", payload, err)
	}
	r, err := opened.FS().Open(payload)
	return r, t, err
}

// Open implements migrate.Scripts.
func (b bundles) Open(ctx context.Context, digest, name string) ([]byte, error) {
	opened, err := b.open(ctx, digest)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(opened.FS(), name)
}

// Site implements migrate.Scripts.
func (b bundles) Site(_ context.Context, state, sha256 string) ([]byte, error) {
	return b.fs.ReadFile(filepath.Join(state, plan.ReviewDir, sha256+".sql"))
}

// points shows restore points to the verb that cleans up.
type points struct {
	engines stepbackup.Engines
	proven  func(backup.Point) bool // nil: nothing tells
}

// List implements cleanup.Points.
func (p points) List(ctx context.Context, dir string, at *plan.Repository) ([]site.Kept, error) {
	list, err := p.engines(dir, at).List(ctx)
	if err != nil {
		return nil, err
	}
	var out []site.Kept
	for _, pt := range list {
		if pt.Broken == "" {
			out = append(out, pt.Kept(p.proven != nil && p.proven(pt)))
		}
	}
	return out, nil
}

// Sweep implements cleanup.Points.
func (p points) Sweep(ctx context.Context, dir string, at *plan.Repository) error {
	_, err := p.engines(dir, at).Sweep(ctx)
	return err
}

// Remove implements cleanup.Points.
func (p points) Remove(ctx context.Context, dir string, at *plan.Repository, id string) error {
	return p.engines(dir, at).Remove(ctx, id)
}
