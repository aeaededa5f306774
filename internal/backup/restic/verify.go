package restic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"upkeep/internal/backup"
	"upkeep/internal/files"
)

// Verify has restic check the repository, all but the content of what belongs to
// other points, and reads every byte of this one, down to the sum of each
// file.
func (e *Engine) Verify(ctx context.Context, id string) error {
	p, at, _, err := e.find1(ctx, id)
	if err != nil {
		return err
	}
	ctx = paced(ctx)
	err = e.verify(ctx, at, p)
	if errors.Is(err, backup.ErrDamaged) && e.local() {
		// restic's answers to a question about files do not always name the pack.
		_, packs := e.run(ctx, call{args: []string{"check", "--read-data", "--json", "--no-lock"}})
		if code(packs) == 1 {
			err = fmt.Errorf("%w; %w", err, packs)
		}
	}
	if err != nil {
		return fmt.Errorf("restore point %s in %s: %w", id, Shown(e.Repository), err)
	}
	return nil
}

func (e *Engine) verify(ctx context.Context, at snapshot, p backup.Point) error {
	text, err := e.slurp(ctx, at.ID, record) // not from memory
	if err != nil {
		return err
	}
	if _, err := backup.Decode(text); err != nil {
		return err
	}
	if have, err := e.slurp(ctx, at.ID, sums); err != nil {
		return err
	} else if !bytes.Equal(have, sumsOf(p)) {
		return fmt.Errorf("%w: %s is missing or was changed", backup.ErrDamaged, sums)
	}
	for _, part := range p.Parts {
		if g, ok := part.File(backup.Globals); ok {
			if _, err := e.noteOf(ctx, at.ID, g); err != nil {
				return err
			}
		}
		if part.Kind != "files" {
			err = e.readDump(ctx, part)
		} else {
			err = e.readFiles(ctx, at.ID, part, p.Consistency == backup.Live)
		}
		if err != nil {
			return err
		}
	}
	_, err = e.run(ctx, call{args: []string{"check", "--json", "--no-lock"}})
	return damaged(err)
}

// readFiles reads a part of files and compares it with its description.
func (e *Engine) readFiles(ctx context.Context, at string, part backup.Part, live bool) error {
	tree, err := e.manifest(ctx, at, part)
	if err != nil {
		return err
	}
	got := map[string]bool{}
	stored, ok := part.File(backup.Snapshot)
	whole := !live && len(part.Exclude)+len(part.Include) == 0
	file := len(tree.Entries) == 1 && tree.Entries[0].Type == files.File
	if ok {
		err = e.readTree(ctx, part.Name, stored, file, func(n files.Entry) error {
			want, found := tree.Find(n.Path)
			got[n.Path] = true
			switch {
			case !found && !whole && n.Type == files.Dir, !found && n.Type == files.File && n.Size == 0: // above what is meant; a socket
				return nil
			case !found:
				return fmt.Errorf("%w: %s holds %s, which its manifest does not have", backup.ErrDamaged, part.Name, n.Path)
			case file:
				n.Mode, n.UID, n.GID, n.MTime, n.Xattrs = want.Mode, want.UID, want.GID, want.MTime, want.Xattrs
			case special(want.Type), live && (want.HardLink != "" || want.Type == files.Dir && n.Type == files.Dir): // the description counts
				return nil
			}
			if why := differs(want, n, true); why != "" {
				return fmt.Errorf("%w: %s of %s differs from its manifest: %s", backup.ErrDamaged, n.Path, part.Name, why)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, want := range tree.Entries {
		if !got[want.Path] && (want.Type == files.File || want.Type == files.Link || whole && want.Type == files.Dir && want.Path != ".") {
			return fmt.Errorf("%w: %s of %s is missing", backup.ErrDamaged, want.Path, part.Name)
		}
	}
	return nil
}

// noteOf reads what lies beside a record, and compares its sum.
func (e *Engine) noteOf(ctx context.Context, at string, s backup.Stored) ([]byte, error) {
	text, err := e.slurp(ctx, at, s.Name)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != s.SHA256 {
		return nil, fmt.Errorf("%w: %s has another sum than the record says", backup.ErrDamaged, s.Name)
	}
	return text, nil
}

// manifest reads the description of a part.
func (e *Engine) manifest(ctx context.Context, at string, part backup.Part) (files.Tree, error) {
	return part.Description(func(s backup.Stored) ([]byte, error) { return e.noteOf(ctx, at, s) })
}

// Tree gives the description of a part.
func (e *Engine) Tree(ctx context.Context, id, name string) (files.Tree, error) {
	_, _, tree, err := e.part(ctx, id, name)
	return tree, err
}

// part finds a part of files with its description.
func (e *Engine) part(ctx context.Context, id, name string) (backup.Point, backup.Part, files.Tree, error) {
	p, at, _, err := e.find1(ctx, id)
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
	tree, err := e.manifest(ctx, at.ID, part)
	if err != nil {
		err = fmt.Errorf("restore point %s in %s: %w", id, Shown(e.Repository), err)
	}
	return p, part, tree, err
}
