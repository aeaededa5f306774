package archive

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/backup"
	"upkeep/internal/files"
)

// Space adds up what the point needs at most: content as it is, since what is
// compressed already does not get smaller, and what tar puts around it.
func (a *Archive) Space(ctx context.Context, r backup.Request) ([]backup.Need, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	return a.space(ctx, r, &first{})
}

// space counts only what the first pass has not stored yet, and takes the
// sizes of databases from it: in an outage nobody should wait for a forecast.
func (a *Archive) space(ctx context.Context, r backup.Request, f *first) ([]backup.Need, error) {
	const tail = 1 << 20 // manifests, record, sums
	need := map[string]*backup.Need{}
	add := func(path string, bytes int64) error {
		v, err := a.fs.Free(path)
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
	total := int64(tail)
	for _, p := range r.Files {
		if _, stored := f.Parts[p.Name]; stored {
			continue
		}
		at := p.Path
		if f.Parts != nil { // there will be a second pass
			at = p.FirstPath()
		}
		t, err := files.Scan(ctx, a.fs, at, files.Options{Exclude: p.Exclude, Include: p.Include})
		if err != nil {
			return nil, err
		}
		total += archived(t)
	}
	for _, d := range r.Databases {
		if _, stored := f.Dumps[d.Name]; stored {
			continue
		}
		size, known := f.Sizes[d.Name]
		if !known {
			info, err := d.DB.Inspect(ctx)
			if err != nil {
				return nil, err
			}
			size = info.SizeBytes
		}
		if f.Sizes != nil {
			f.Sizes[d.Name] = size
		}
		if d.Prove {
			room, known := f.Rooms[d.Name]
			if !known {
				info, err := d.DB.Inspect(ctx)
				if err != nil {
					return nil, err
				}
				room = info.Scratch
			}
			if f.Rooms != nil {
				f.Rooms[d.Name] = room
			}
			if err := d.Provable(room); err != nil {
				return nil, err
			}
			if room.Dir != "" {
				if err := add(room.Dir, room.Bytes); err != nil {
					return nil, err
				}
			}
		}
		total += size
		if t, ok := d.DB.(staging); ok {
			if err := add(t.TempDir(), size); err != nil {
				return nil, err
			}
		}
	}
	if err := add(a.dir, total); err != nil {
		return nil, err
	}
	var list []backup.Need
	for _, n := range need {
		list = append(list, *n)
	}
	slices.SortFunc(list, func(x, y backup.Need) int { return strings.Compare(x.Volume, y.Volume) })
	return list, nil
}

// staging is a database whose dump takes room elsewhere for a while.
type staging interface{ TempDir() string }

// archived is the size of a tar of the tree, its manifest included.
func archived(t files.Tree) int64 {
	const block, around = 512, 2048 // header, its extension, the manifest's lines
	var n int64
	for _, e := range t.Entries {
		n += around
		if e.Type == files.File && e.HardLink == "" {
			n += (e.Size + block - 1) / block * block
		}
		for name, value := range e.Xattrs {
			n += int64(len(name) + 3*len(value))
		}
	}
	return n
}

// short refuses to begin what cannot end.
func short(id string, needs []backup.Need) error {
	for _, n := range needs {
		if n.Short() {
			return fmt.Errorf("cannot make restore point %s: %w", id, &backup.SpaceError{Need: n})
		}
	}
	return nil
}
