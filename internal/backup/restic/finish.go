package restic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/files"
)

// Finish makes the restore point. Nobody takes its snapshots for anything until
// the record names them, which is written last, when everything else is in the
// repository and was read back.
func (e *Engine) Finish(ctx context.Context, r backup.Request) (backup.Point, error) {
	if err := r.Check(); err != nil {
		return backup.Point{}, err
	}
	done, list, err := e.done(ctx, r)
	if err != nil {
		return backup.Point{}, err
	}
	if done {
		p, err := e.Find(ctx, r.ID)
		if err == nil {
			err = e.FS.RemoveAll(e.path(r.ID + partial))
		}
		return p, err
	}
	if r.Live {
		ctx = paced(ctx)
	}
	p, err := e.finish(ctx, r, list)
	if err != nil {
		return backup.Point{}, fmt.Errorf("cannot make restore point %s: %w", r.ID, err)
	}
	return p, nil
}

func (e *Engine) finish(ctx context.Context, r backup.Request, list []snapshot) (backup.Point, error) {
	fail := func(err error) (backup.Point, error) { return backup.Point{}, err }
	f := e.recall(r, list)
	alone := f == nil
	if alone {
		f = &first{Globals: map[string][]byte{}, LeftOut: map[string]string{}}
	}
	if err := e.room(ctx, r, list, f); err != nil {
		return fail(err)
	}
	if alone {
		if err := e.begin(ctx, r.ID); err != nil {
			return fail(err)
		}
		for _, d := range r.Databases {
			if err := e.globals(ctx, d, f); err != nil {
				return fail(err)
			}
		}
	}
	f, err := e.current(ctx, r, f, list)
	if err != nil {
		return fail(err)
	}
	p := backup.Point{Format: backup.Format, ID: r.ID, Engine: e.Kind(), About: r.About, Began: e.clock(), Consistency: backup.AtRest}
	if r.Live {
		p.Consistency = backup.Live
	}
	tell := teller(r)
	notes := notes{}
	passes := map[string]pass{}
	for _, fp := range r.Files {
		base, err := e.base(fp, f, list)
		if err != nil {
			return fail(err)
		}
		part, got, err := e.files(ctx, r.ID, fp, base, r.Live, notes, tell(fp.Name))
		if err != nil {
			return fail(err)
		}
		p.Parts, passes[fp.Name] = append(p.Parts, part), got
	}
	for _, d := range r.Databases {
		part, ahead := f.Dumps[d.Name]
		if !ahead {
			if part, err = e.dump(ctx, r.ID, d, f, tell(d.Name)); err != nil {
				return fail(err)
			}
		}
		p.Parts = append(p.Parts, described(part, f, notes))
	}
	p.Made = e.clock()
	if err := e.seal(ctx, &p, notes, 1); err != nil {
		return fail(err)
	}
	return p, e.settle(r.ID, passes)
}

// base is the pass that a part of the point builds on.
func (e *Engine) base(p backup.FilePart, f *first, list []snapshot) (*pass, error) {
	if got, ok := f.Parts[p.Name]; ok {
		return &got, nil
	}
	return e.last(p, list)
}

// settle notes what the next point can build on, and removes the notes of this
// one.
func (e *Engine) settle(id string, passes map[string]pass) error {
	e.mu.Lock()
	delete(e.prepared, id)
	e.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(passes)) {
		if err := e.note(e.path(lastOf(name)), passes[name]); err != nil {
			return err
		}
	}
	return e.FS.RemoveAll(e.path(id + partial))
}

// notes are the files that lie beside a record, by name.
type notes map[string][]byte

func (n notes) add(name string, role backup.Role, text []byte) backup.Stored {
	n[name] = text
	sum := sha256.Sum256(text)
	return backup.Stored{Name: name, Role: role, Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
}

// files makes a part of files.
func (e *Engine) files(ctx context.Context, id string, p backup.FilePart, base *pass, live bool, n notes, tell func(int64)) (backup.Part, pass, error) {
	part, began := backup.Part{Name: p.Name, Kind: "files", Path: p.Path, Exclude: p.Exclude, Include: p.Include}, e.Now()
	got, stored, err := e.pass(ctx, id, p, p.Path, base, live, live, tell)
	if err != nil {
		return part, got, err
	}
	var manifest bytes.Buffer
	if err := files.WriteManifest(&manifest, got.Tree); err != nil {
		return part, got, err
	}
	if stored.Name != "" {
		part.Stored = append(part.Stored, stored)
	}
	part.Stored = append(part.Stored, n.add(p.Name+".MANIFEST", backup.Manifest, manifest.Bytes()))
	part.Entries, part.Bytes, part.Digest = len(got.Tree.Entries), got.Tree.Bytes(), files.Digest(got.Tree)
	part.Proof = backup.ProofBy(backup.ByReading, began, e.Now())
	return part, got, nil
}

// described adds to a part what is known of its server.
func described(part backup.Part, f *first, n notes) backup.Part {
	part.Stored, part.LeftOut = slices.Clone(part.Stored), slices.Clone(part.LeftOut)
	if text, ok := f.Globals[part.Name]; ok {
		part.Stored = append(part.Stored, n.add(part.Name+globals, backup.Globals, text))
	} else if why, ok := f.LeftOut[part.Name]; ok {
		part.LeftOut = append(part.LeftOut, why)
	}
	return part
}

// seal writes the record, with the descriptions beside it. restic writes a
// snapshot at one instant, after all that is in it.
func (e *Engine) seal(ctx context.Context, p *backup.Point, n notes, revision int) error {
	n[sums] = sumsOf(*p)
	text, err := p.Encode()
	if err != nil {
		return err
	}
	n[record] = text
	dir := e.path(p.ID+partial, "record")
	if err := e.FS.RemoveAll(dir); err != nil {
		return err
	}
	if err := e.FS.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(n)) {
		if err := e.FS.WriteFile(e.path(p.ID+partial, "record", name), n[name], 0o600); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// Ended now, restic could have made the point and not said so. It is little that
	// is left: whoever cancels waits for it.
	const most = 2 * time.Minute
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer stop()
	args := append([]string{"backup", "--json", "--force"}, e.tags(p.ID, kindRecord, "", revision)...)
	_, err = e.save(ctx, call{args: append(args, "."), dir: dir}, func(int64) {})
	return err
}

// sumsOf lists the sums of the dumps and descriptions as sha256sum does.
func sumsOf(p backup.Point) []byte {
	var b bytes.Buffer
	for _, part := range p.Parts {
		if part.Content != "" {
			fmt.Fprintf(&b, "%s  %s\n", part.Content, dumpFile(part.Name))
		}
		for _, s := range part.Stored {
			if s.SHA256 != "" {
				fmt.Fprintf(&b, "%s  %s\n", s.SHA256, s.Name)
			}
		}
	}
	return b.Bytes()
}
