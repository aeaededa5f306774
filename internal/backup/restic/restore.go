package restic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/backup"
	"upkeep/internal/backup/putback"
	"upkeep/internal/files"
)

// RestoreFiles has restic restore the part beside the target, reads that, and
// puts it in its place.
func (e *Engine) RestoreFiles(ctx context.Context, id, name string, to backup.Target) (backup.Restored, error) {
	done, err := e.restore(ctx, id, name, to)
	if err != nil {
		return done, fmt.Errorf("cannot restore %s of restore point %s to %s: %w", name, id, to.Path, err)
	}
	return done, nil
}

func (e *Engine) restore(ctx context.Context, id, name string, to backup.Target) (backup.Restored, error) {
	p, part, tree, err := e.part(ctx, id, name)
	if err != nil {
		return backup.Restored{}, err
	}
	fill := func(ctx context.Context, at string, some map[string]bool) error {
		return e.fill(ctx, part, tree, at, some, p.Consistency == backup.Live)
	}
	return putback.Job{FS: e.FS, Part: part, Tree: tree, To: to, Fill: fill, Read: true}.Run(ctx)
}

// included is how many files are asked for by name: restic compares each file
// with each.
const included = 200

// fill restores to a folder of its own, from where what is meant gets its
// name, so that the root of a tree and a single file are one and the same. Of a
// live product the description may be less exact than the snapshot, and counts.
func (e *Engine) fill(ctx context.Context, part backup.Part, tree files.Tree, at string, some map[string]bool, live bool) error {
	stored, ok := part.File(backup.Snapshot)
	lazy := e.FS.Unsynced()
	from := at + putback.From
	base := "/" + path.Base(stored.Path)
	inside := filepath.Join(from, base)
	if !ok || stored.Path == "/" { // folders alone, or all of a computer
		base, inside = "/", from
	}
	if len(some) > included || stored.Path == "/" {
		if err := e.fits(filepath.Dir(at), tree.Bytes()); err != nil {
			return err
		}
	}
	if err := lazy.MkdirAll(from, 0o700); err != nil {
		return err
	}
	for _, n := range tree.Entries {
		if n.Type == files.Dir {
			if err := lazy.MkdirAll(under(inside, n.Path), 0o700); err != nil {
				return err
			}
		}
	}
	if ok && (some == nil || len(some) > 0) {
		if err := e.restic(ctx, part.Name, stored, base, from, some); err != nil {
			return err
		}
	}
	for _, n := range slices.Backward(tree.Entries) {
		switch p := under(inside, n.Path); {
		case n.Type == files.Dir && n.Path != ".":
			if err := files.Dress(lazy, p, n); err != nil {
				return err
			}
		case n.Type != files.Dir && some != nil && !some[n.Path]: // came along
			if err := lazy.RemoveAll(p); err != nil {
				return err
			}
		case live && n.HardLink == "" && n.Type != files.Dir:
			if err := files.Dress(lazy, p, n); err != nil {
				return err
			}
		}
	}
	if err := lazy.Rename(inside, at); err != nil {
		return err
	}
	if root, ok := tree.Find("."); ok && root.Type == files.Dir {
		if err := files.Dress(lazy, at, root); err != nil {
			return err
		}
	}
	return e.FS.RemoveAll(from)
}

// restic restores base, a name in the folder above what is stored, or some of
// what is below it.
func (e *Engine) restic(ctx context.Context, part string, stored backup.Stored, base, to string, some map[string]bool) error {
	args := []string{"restore", "--json", "--sparse", "--target", to}
	if some == nil || len(some) > included {
		some = map[string]bool{".": true}
	}
	for _, p := range slices.Sorted(maps.Keys(some)) {
		if p != "." || base != "/" {
			args = append(args, "--include", literal(under(base, p)))
		}
	}
	last := len(args)
	args = append(args, "--no-lock", stored.Name+":"+path.Dir(stored.Path))
	var told int64
	tell := func(line []byte) {
		var m struct {
			Restored int64 `json:"bytes_restored"`
		}
		if json.Unmarshal(line, &m) == nil && m.Restored > told {
			backup.Progressed(ctx, m.Restored-told, part)
			told = m.Restored
		}
	}
	_, err := e.run(ctx, call{args: args, stdout: tell})
	if code(err) != 1 || context.Cause(ctx) != nil {
		return err
	}
	_, again := e.run(ctx, call{args: slices.Delete(args, last, last+1), stdout: tell})
	if again == nil || !unwritable(again) {
		err = again
	}
	return damaged(err)
}

// literal makes a pattern that means one path.
func literal(p string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(p)
}

// fits refuses to begin what cannot end.
func (e *Engine) fits(dir string, need int64) error {
	v, err := e.FS.Free(dir)
	if err == nil && need > v.Free {
		err = &backup.SpaceError{Need: backup.Need{Volume: v.ID, Path: dir, Bytes: need, Free: v.Free}}
	}
	return err
}
