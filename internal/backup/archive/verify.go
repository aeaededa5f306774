package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"upkeep/internal/backup"
	"upkeep/internal/files"
)

// Verify reads everything.
func (a *Archive) Verify(ctx context.Context, id string) error {
	p, err := a.Find(ctx, id)
	if err != nil {
		return err
	}
	ctx = a.paced(ctx)
	err = a.verify(ctx, id, p)
	if errors.Is(err, backup.ErrLocked) { // what can be told without the key
		for _, part := range p.Parts {
			for _, s := range part.Stored {
				if damaged := a.whole(ctx, id, s); damaged != nil {
					err = damaged
				}
			}
		}
	}
	if err != nil {
		return fmt.Errorf("restore point %s in %s: %w", id, a.dir, err)
	}
	return nil
}

func (a *Archive) verify(ctx context.Context, dir string, p backup.Point) error {
	want, err := sumsOf(p)
	if err != nil {
		return err
	}
	// a point whose amending was interrupted has the sums from before
	if have, err := a.fs.ReadFile(a.path(dir, sums)); len(p.Replaced) == 0 && (err != nil || !bytes.Equal(have, want)) {
		return fmt.Errorf("%w: %s is missing or was changed", backup.ErrDamaged, sums)
	}
	for _, part := range p.Parts {
		if part.Kind != "files" {
			if err := a.readDump(ctx, dir, part); err != nil {
				return err
			}
			continue
		}
		tree, err := a.manifest(ctx, dir, part)
		if err != nil {
			return err
		}
		if err := a.unpack(ctx, dir, part, tree, func(r io.Reader) (files.Tree, error) {
			return reread(ctx, r, limits(tree))
		}); err != nil {
			return err
		}
	}
	return nil
}

// reread unpacks an archive nowhere, and does not say where to.
func reread(ctx context.Context, r io.Reader, most files.Limits) (files.Tree, error) {
	got, err := files.Unpack(ctx, nowhere{}, r, "/", files.UnpackOptions{Exact: true, Limits: most})
	if why := errors.Unwrap(err); why != nil {
		err = why
	}
	return got, err
}

// limits let an archive of ours hold what its manifest says.
func limits(t files.Tree) files.Limits {
	const slack = 1 << 20 // the limits must not be zero, which has another meaning
	return files.Limits{Bytes: t.Bytes() + slack, Entries: 2*len(t.Entries) + slack}
}

// unpack hands the content of a part to do, and compares what came out with
// the manifest.
func (a *Archive) unpack(ctx context.Context, dir string, part backup.Part, tree files.Tree, do func(io.Reader) (files.Tree, error)) error {
	r, err := a.content(ctx, dir, part, tree)
	if err != nil {
		return err
	}
	got, err := do(r)
	if err == nil {
		_, err = io.Copy(io.Discard, plainReader{r}) // to where the sums are compared
	}
	if err := errors.Join(err, r.Close()); err != nil {
		return a.blame(ctx, dir, part, err)
	}
	return differ(part.Name, tree, got)
}

// blame looks for the damage when unpacking failed: the tar reader meets a
// changed byte before the sums at the end of the file do.
func (a *Archive) blame(ctx context.Context, dir string, part backup.Part, err error) error {
	if errors.Is(err, backup.ErrDamaged) || ctx.Err() != nil {
		return err
	}
	for _, s := range part.Stored {
		src, openErr := a.open(ctx, dir, s)
		if openErr != nil {
			return openErr
		}
		_, readErr := io.Copy(io.Discard, plainReader{src})
		_ = src.Close() // it was only read
		if readErr != nil {
			return readErr
		}
	}
	return err
}

// differ says in what an archive is not what its manifest describes.
func differ(part string, want, got files.Tree) error {
	return backup.Differ("the archive of "+part, want, got)
}

// readDump compares a stored dump with its record.
func (a *Archive) readDump(ctx context.Context, dir string, part backup.Part) error {
	for _, s := range part.Stored {
		r, err := a.unzip(ctx, dir, s)
		if err != nil {
			return err
		}
		h := sha256.New()
		n, err := io.Copy(h, plainReader{r})
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		if got := hex.EncodeToString(h.Sum(nil)); s.Role == backup.Dump && (n != part.Bytes || got != part.Content) {
			return fmt.Errorf("%w: %s holds %d bytes with the sum %s, expected %d with %s", backup.ErrDamaged, s.Name, n, got, part.Bytes, part.Content)
		}
	}
	return nil
}

// manifest reads the description of a part.
func (a *Archive) manifest(ctx context.Context, dir string, part backup.Part) (files.Tree, error) {
	return part.Description(func(s backup.Stored) ([]byte, error) { return a.slurp(ctx, dir, s) })
}

// Tree gives the description of a part.
func (a *Archive) Tree(ctx context.Context, id, part string) (files.Tree, error) {
	_, _, tree, err := a.part(ctx, id, part)
	return tree, err
}

// part finds a part of files with its description.
func (a *Archive) part(ctx context.Context, id, name string) (backup.Point, backup.Part, files.Tree, error) {
	p, err := a.Find(ctx, id)
	if err != nil {
		return p, backup.Part{}, files.Tree{}, err
	}
	part, err := p.Part(name)
	if err == nil && part.Kind != "files" {
		err = fmt.Errorf("%w: part %s of restore point %s is a database", backup.ErrNotFound, name, id)
	}
	if err != nil {
		return p, part, files.Tree{}, err
	}
	tree, err := a.manifest(ctx, id, part)
	if err != nil {
		err = fmt.Errorf("restore point %s in %s: %w", id, a.dir, err)
	}
	return p, part, tree, err
}
