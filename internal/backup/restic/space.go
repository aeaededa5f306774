package restic

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/backup"
	"upkeep/internal/files"
)

// Space says what the point needs at most, where that can be known: the content
// of files that are not in the repository yet by the notes of this computer, and
// of databases. How much room there is at a place on another computer nobody
// tells.
func (e *Engine) Space(ctx context.Context, r backup.Request) ([]backup.Need, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	list, err := e.snapshots(ctx)
	if err != nil {
		return nil, err
	}
	return e.space(ctx, r, list, nil)
}

// room refuses to begin what cannot end.
func (e *Engine) room(ctx context.Context, r backup.Request, list []snapshot, f *first) error {
	needs, err := e.space(ctx, r, list, f)
	if err != nil {
		return err
	}
	for _, n := range needs {
		if n.Short() {
			return fmt.Errorf("cannot make restore point %s: %w", r.ID, &backup.SpaceError{Need: n})
		}
	}
	return nil
}

// staging is a database whose dump takes room elsewhere for a while.
type staging interface{ TempDir() string }

func (e *Engine) space(ctx context.Context, r backup.Request, list []snapshot, f *first) ([]backup.Need, error) {
	const tail = 1 << 20 // records, descriptions, index
	const around = 2048  // what is kept of an entry besides its content
	need := map[string]*backup.Need{}
	add := func(path string, bytes int64) error {
		v, err := e.FS.Free(path)
		if err != nil {
			return fmt.Errorf("cannot tell the room for restore points: %w", err)
		}
		n := need[v.ID]
		if n == nil {
			n = &backup.Need{Volume: v.ID, Path: path, Free: v.Free}
			need[v.ID] = n
		}
		n.Bytes += bytes
		return nil
	}
	total, ahead := int64(tail), f == nil
	if ahead {
		f = &first{}
	}
	for _, p := range r.Files {
		at, base := p.Path, &pass{}
		if ahead {
			at = p.FirstPath()
		}
		if got, err := e.base(p, f, list); err != nil {
			return nil, err
		} else if got != nil {
			base = got
		}
		t, err := files.Scan(ctx, e.FS, at, files.Options{Exclude: p.Exclude, Include: p.Include})
		if err != nil {
			return nil, err
		}
		for _, n := range t.Entries {
			if was, ok := base.Tree.Find(n.Path); ok && files.Unchanged(was, n) {
				continue
			}
			total += around
			if n.Type == files.File && n.HardLink == "" {
				total += n.Size
			}
		}
	}
	for _, d := range r.Databases {
		if _, stored := f.Dumps[d.Name]; stored {
			continue
		}
		info, err := d.DB.Inspect(ctx)
		if err != nil {
			return nil, err
		}
		total += info.SizeBytes
		if err := d.Provable(info.Scratch); err != nil {
			return nil, err
		}
		if d.Prove && info.Scratch.Dir != "" {
			if err := add(info.Scratch.Dir, info.Scratch.Bytes); err != nil {
				return nil, err
			}
		}
		if t, ok := d.DB.(staging); ok {
			if err := add(t.TempDir(), info.SizeBytes); err != nil {
				return nil, err
			}
		}
	}
	place := e.Repository
	if !e.local() {
		place, total = e.Dir, tail // notes, and restic's cache
	}
	if err := add(place, total); err != nil {
		return nil, err
	}
	var out []backup.Need
	for _, id := range slices.Sorted(maps.Keys(need)) {
		out = append(out, *need[id])
	}
	return out, nil
}

// Kept is how much of each part of files is in the repository already, by the
// notes of this computer.
func (e *Engine) Kept() map[string]int64 {
	out := map[string]int64{}
	list, _ := e.FS.ReadDir(e.Dir) // where there is nothing, nothing is kept
	for _, n := range list {
		var l pass
		if part, ok := strings.CutSuffix(n.Name, lastOf("")); ok && e.noted(e.path(n.Name), &l) {
			out[part] = l.Tree.Bytes()
		}
	}
	return out
}
