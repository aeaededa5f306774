package bundle

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"

	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// Unpack makes the folder dest from an archive that Documents wrote, whose
// SHA-256 is known. It appears whole, durable and compared, with the digest that was
// asked for, or not at all; payloads that o.Lacking names may be missing.
func Unpack(ctx context.Context, fsys durable.FS, archive, sum, dest, digest string, o Options) (*Bundle, error) {
	b := &Bundle{fsys: fsys, origin: archive, lacks: maps.Clone(o.Lacking)}
	f, err := fsys.OpenNoFollow(archive)
	if err != nil {
		return nil, fmt.Errorf("cannot unpack the documents of a release: %w", err)
	}
	defer f.Close()
	b.dir = files.StagingName(dest, rand.Text())
	err = b.extract(ctx, f, sha256.New(), sum, b.dir, o.Limits)
	if err == nil {
		err = b.load(ctx)
	}
	if err == nil && b.Digest() != digest {
		err = fmt.Errorf("%w: its digest is %.12s…, and that of the release is %.12s…", ErrDamaged, b.Digest(), digest)
	}
	if err == nil {
		err = fsys.SyncTree(b.dir)
	}
	if err == nil {
		err = fsys.Rename(b.dir, dest)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot unpack the documents %s: %w", archive, err), fsys.RemoveAll(b.dir))
	}
	b.origin, b.dir = dest, dest
	return b, nil
}
