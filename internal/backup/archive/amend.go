package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/files"
)

// Amend writes the new parts beside the old ones, under names that the record
// does not know. The record, which is replaced at one instant, takes them in;
// then the old files are removed, and a last record says that they are.
func (a *Archive) Amend(ctx context.Context, r backup.Request, parts ...string) (backup.Point, error) {
	p, err := a.amend(ctx, r, parts)
	if err != nil {
		return backup.Point{}, fmt.Errorf("cannot amend restore point %s: %w", r.ID, err)
	}
	return p, nil
}

func (a *Archive) amend(ctx context.Context, r backup.Request, parts []string) (backup.Point, error) {
	if err := r.Check(); err != nil {
		return backup.Point{}, err
	}
	p, err := a.Find(ctx, r.ID)
	if err != nil {
		return p, err
	}
	if p.About.Run != r.About.Run {
		return p, fmt.Errorf("%w, of run %q", backup.ErrExists, p.About.Run)
	}
	if err := a.replaced(&p); err != nil || len(parts) == 0 {
		return p, err
	}
	if err := a.roomFor(ctx, r, parts); err != nil {
		return p, err
	}
	next := p
	next.Parts = slices.Clone(p.Parts)
	tell := teller(r)
	for i, old := range p.Parts {
		if !slices.Contains(parts, old.Name) {
			continue
		}
		stem := fresh(p, old.Name)
		err := a.stray(r.ID, stem)
		if err == nil {
			next.Parts[i], err = a.again(ctx, r, p, old, stem, tell(old.Name))
		}
		if err != nil {
			return p, errors.Join(err, a.stray(r.ID, stem)) // give the room back
		}
	}
	for _, name := range names(p) {
		if !slices.Contains(names(next), name) {
			next.Replaced = append(next.Replaced, name)
		}
	}
	next.Made = a.now().UTC().Round(time.Millisecond)
	if err := a.fs.SyncDir(a.path(r.ID)); err != nil {
		return p, err
	}
	if err := a.write(&next); err != nil {
		return p, err
	}
	return next, a.replaced(&next)
}

// again makes one part anew.
func (a *Archive) again(ctx context.Context, r backup.Request, p backup.Point, old backup.Part, stem string, tell func(int64)) (backup.Part, error) {
	for _, f := range r.Files {
		if f.Name == old.Name {
			return a.filesAgain(ctx, p, f, old, stem, tell)
		}
	}
	for _, d := range r.Databases {
		if d.Name != old.Name {
			continue
		}
		f := &first{Globals: map[string]backup.Stored{}}
		if g, ok := old.File(backup.Globals); ok {
			f.Globals[d.Name] = g
		}
		part, err := a.dump(ctx, r.ID, stem, d, f, tell)
		part.LeftOut = old.LeftOut
		return part, err
	}
	return old, fmt.Errorf("the request has no part %s", old.Name)
}

// filesAgain keeps the archive of the first pass; what was changed since then
// is packed once more, all of it.
func (a *Archive) filesAgain(ctx context.Context, p backup.Point, f backup.FilePart, old backup.Part, stem string, tell func(int64)) (backup.Part, error) {
	part := backup.Part{Name: f.Name, Kind: old.Kind, Path: f.Path, Exclude: f.Exclude, Include: f.Include}
	began := a.now()
	was, err := a.manifest(ctx, p.ID, old)
	if err != nil {
		return part, err
	}
	second, err := a.second(ctx, p.ID, old)
	if err != nil {
		return part, err
	}
	now, err := files.Scan(ctx, a.fs, f.Path, files.Options{Exclude: f.Exclude, Include: f.Include})
	if err != nil {
		return part, err
	}
	var base files.Tree // of the first archive, as far as it still counts
	for _, e := range was.Entries {
		if second[e.Path] {
			continue
		}
		if n, ok := now.Find(e.Path); ok && !backup.Touched(p, n) {
			e.Stamp = n.Stamp
			e.Stamp.Settled = true
		}
		base.Entries = append(base.Entries, e)
	}
	kept, changed := split(base, now)
	stored, _ := old.File(backup.Base)
	part.Stored = append(part.Stored, stored)
	var packed files.Tree
	if len(changed.Entries) > 0 {
		if packed, stored, err = a.pack(ctx, p.ID, stem+".tar.zst", backup.Delta, f.Path, changed, false, tell); err != nil {
			return part, err
		}
		part.Stored = append(part.Stored, stored)
	}
	lost, err := a.lost(ctx, p.ID, old, gone(was, kept, packed))
	if err != nil {
		return part, err
	}
	if len(lost) > 0 {
		if stored, err = a.small(p.ID, stem+".removed", backup.Removed, encodeNames(lost)); err != nil {
			return part, err
		}
		part.Stored = append(part.Stored, stored)
	}
	tree := join(kept, packed)
	var manifest bytes.Buffer
	if err := files.WriteManifest(&manifest, tree); err != nil {
		return part, err
	}
	if stored, err = a.small(p.ID, stem+".MANIFEST", backup.Manifest, manifest.Bytes()); err != nil {
		return part, err
	}
	part.Stored = append(part.Stored, stored)
	part.Entries, part.Bytes, part.Digest = len(tree.Entries), tree.Bytes(), files.Digest(tree)
	part.Proof = a.proof(backup.ByReading, began)
	return part, nil
}

// second lists what the archive of the second pass holds.
func (a *Archive) second(ctx context.Context, dir string, part backup.Part) (map[string]bool, error) {
	out := map[string]bool{}
	stored, ok := part.File(backup.Delta)
	if !ok {
		return out, nil
	}
	z, err := a.unzip(ctx, dir, stored)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	tr := tar.NewReader(z)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, damaged(err)
		}
		name := strings.TrimSuffix(h.Name, "/")
		out[name] = true
	}
}

// lost adds to names those that were removed from the first archive before,
// deepest first.
func (a *Archive) lost(ctx context.Context, dir string, part backup.Part, names []string) ([]string, error) {
	if stored, ok := part.File(backup.Removed); ok {
		list, err := a.slurp(ctx, dir, stored)
		if err != nil {
			return nil, err
		}
		for name := range decodeNames(list) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	slices.Reverse(names)
	return names, nil
}

// roomFor checks the room for dumps; what has changed in files is packed as it
// comes.
func (a *Archive) roomFor(ctx context.Context, r backup.Request, parts []string) error {
	r.Files = nil
	r.Databases = slices.DeleteFunc(slices.Clone(r.Databases), func(d backup.DatabasePart) bool { return !slices.Contains(parts, d.Name) })
	needs, err := a.space(ctx, r, &first{})
	if err != nil {
		return err
	}
	return short(r.ID, needs)
}

// stray removes files of an attempt that has not come to the record.
func (a *Archive) stray(id, stem string) error {
	list, err := a.fs.ReadDir(a.path(id))
	if err != nil {
		return err
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name, stem+".") {
			if err := a.fs.Remove(a.path(id, e.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// replaced removes the files that an amended point needs no more.
func (a *Archive) replaced(p *backup.Point) error {
	if len(p.Replaced) == 0 {
		return nil
	}
	list, err := sumsOf(*p)
	if err != nil {
		return err
	}
	if err := a.fs.WriteFile(a.path(p.ID, sums), list, 0o600); err != nil {
		return err
	}
	for _, name := range p.Replaced {
		if err := a.fs.RemoveAll(a.path(p.ID, name)); err != nil {
			return err
		}
	}
	p.Replaced = nil
	return a.write(p)
}

// write replaces the record.
func (a *Archive) write(p *backup.Point) error {
	text, err := p.Encode()
	if err != nil {
		return err
	}
	return a.fs.WriteFile(a.path(p.ID, record), text, 0o600)
}

// names are the files of a point.
func names(p backup.Point) []string {
	var out []string
	for _, part := range p.Parts {
		for _, s := range part.Stored {
			out = append(out, s.Name)
		}
	}
	return out
}

// fresh gives a name for the files of a part that no file of the point has.
func fresh(p backup.Point, part string) string {
	for n := 1; ; n++ {
		stem := fmt.Sprintf("%s@amended%d", part, n)
		if !slices.ContainsFunc(names(p), func(name string) bool { return strings.HasPrefix(name, stem+".") }) {
			return stem
		}
	}
}
