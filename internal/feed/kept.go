package feed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/channel"
	"upkeep/internal/durable"
	"upkeep/internal/feed/trust"
)

// Keep writes what the feed vouches for now into a folder of a run, which it
// makes: metadata and index. So a run can be checked to its end, whatever becomes of the
// feed meanwhile. The feed's word must hold.
func (f *Feed) Keep(ctx context.Context, dir string) error {
	c, err := f.offline()
	if err != nil {
		return err
	}
	_, index, err := f.believed(ctx, c)
	if err != nil {
		return err
	}
	meta, err := trust.Export(f.o.FS, f.metadata(), f.options())
	if err != nil {
		return err
	}
	if err := f.o.FS.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot keep what vouches for the run: %w", err)
	}
	// as package trust keeps them: complete.json is the timestamp of what is there
	meta["metadata/complete.json"] = meta["metadata/timestamp.json"]
	meta["metadata/index.json"] = index
	for _, name := range slices.Sorted(maps.Keys(meta)) {
		at := filepath.Join(dir, strings.TrimPrefix(name, "metadata/"))
		if err := f.o.FS.WriteFile(at, meta[name], 0o600); err != nil {
			return fmt.Errorf("cannot keep what vouches for the run: %w", err)
		}
	}
	return nil
}

// Kept checks what Keep has written, from a root of a known SHA-256 on, and
// gives the index. What has expired since is believed: a run that was begun has
// to end.
func Kept(ctx context.Context, fsys durable.FS, dir, product, root string) (*channel.Index, error) {
	f := New(Options{FS: fsys, Dir: dir, Product: product, Name: "in " + dir})
	list, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read what vouches for the run: %w", err)
	}
	opt := f.options()
	opt.EvenExpired = true
	for _, e := range list {
		if !strings.HasSuffix(e.Name, ".root.json") {
			continue
		}
		raw, err := fsys.ReadFile(filepath.Join(dir, e.Name))
		if err != nil {
			return nil, fmt.Errorf("cannot read what vouches for the run: %w", err)
		}
		if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) == root {
			opt.Root = bytes.Clone(raw)
		}
	}
	if opt.Root == nil {
		return nil, fmt.Errorf("the root %.12s of the feed is not in %s", root, dir)
	}
	c, err := trust.Offline(fsys, dir, opt)
	if err != nil {
		return nil, err
	}
	x, _, err := f.believed(ctx, c)
	return x, err
}
