package manage

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"upkeep/internal/bundle"
	"upkeep/internal/journal"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/manifest"
)

// productOf gives the product document of an installed version: as the next
// release describes it, as the release that an earlier run installed had it,
// as adopt was told. Nil when none of them is there.
func (in *Installation) productOf(next *bundle.Bundle, version string, kept *Release) (*manifest.Product, error) {
	p, err := installed(next, version)
	if p != nil || err != nil {
		return p, err
	}
	if kept != nil {
		return kept.Product, nil
	}
	return in.adoptedProduct(version)
}

// keptRelease opens the copy that a run has kept of the release; nil when
// there is none.
func (in *Installation) keptRelease(ctx context.Context, digest string) (*Release, error) {
	if digest == "" {
		return nil, nil
	}
	r, err := in.openRelease(ctx, filepath.Join(in.bundlesDir(), digest), "")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return r, err
}

// keptDigest is the digest of the bundle by which a run, other than the given
// one and not after it, has installed the version; empty when none did.
func keptDigest(ctx context.Context, j *sqlite.Journal, version string, but *Run) (string, error) {
	digest := ""
	err := j.Reached(ctx, version, func(row journal.Run) (bool, error) {
		if but != nil && (row.ID == but.ID || row.Opened.After(but.Opened)) {
			return true, nil
		}
		p, err := j.Plan(ctx, row.Plan)
		if err != nil {
			return false, err
		}
		digest = p.Hops[len(p.Hops)-1].Bundle
		return digest == "", nil
	})
	return digest, err
}

// kept gives the release by which the installed version came; nil when no run
// has installed it, or has kept its copy.
func (in *Installation) kept(ctx context.Context, version string) (*Release, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	digest, err := keptDigest(ctx, j, version, nil)
	if err != nil {
		return nil, err
	}
	return in.keptRelease(ctx, digest)
}
