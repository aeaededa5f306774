package feed

import (
	"context"
	"io"

	"upkeep/internal/durable"
	"upkeep/internal/feed/patch"
)

// Patches are those of package patch: what vendors make them with, and sites use
// them with.
type Patches struct{ FS durable.FS }

// Recipe implements Patcher.
func (Patches) Recipe() string { return patch.Recipe() }

// Apply implements Patcher.
func (p Patches) Apply(ctx context.Context, old, by, dest string, bytes int64, sha256 string) error {
	return patch.Apply(ctx, p.FS, old, by, dest, patch.Want{Bytes: bytes, SHA256: sha256}, 0)
}

// Make writes the patch that makes the payload at newPath from the one at
// oldPath, both in memory. Not ok: there is none that would be worth it.
func (p Patches) Make(ctx context.Context, oldPath, newPath string, w io.Writer) (ok bool, err error) {
	was, err := p.FS.ReadFile(oldPath)
	if err != nil {
		return false, err
	}
	is, err := p.FS.ReadFile(newPath)
	if err != nil {
		return false, err
	}
	return patch.Make(ctx, was, is, w)
}
