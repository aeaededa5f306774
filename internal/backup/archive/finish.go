package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/files"
)

// Finish makes the restore point. All of it happens in a folder that nobody
// takes for a restore point; the record is written last, when everything else
// is on the disk and was read back; then the folder gets its name.
func (a *Archive) Finish(ctx context.Context, r backup.Request) (backup.Point, error) {
	if err := r.Check(); err != nil {
		return backup.Point{}, err
	}
	if done, err := a.done(ctx, r); err != nil {
		return backup.Point{}, err
	} else if done {
		return a.Find(ctx, r.ID)
	}
	if r.Live {
		ctx = a.paced(ctx)
	}
	p, err := a.finish(ctx, r)
	if err != nil {
		return backup.Point{}, fmt.Errorf("cannot make restore point %s: %w", r.ID, err)
	}
	return p, nil
}

func (a *Archive) finish(ctx context.Context, r backup.Request) (_ backup.Point, err error) {
	dir := r.ID + partial
	if p, ok := a.complete(ctx, r); ok {
		return p, a.publish(r.ID)
	}
	f := a.recall(r)
	alone := f == nil
	if alone {
		f = &first{Globals: map[string]backup.Stored{}, LeftOut: map[string]string{}}
		if err := a.begin(r.ID); err != nil {
			return backup.Point{}, err
		}
	}
	if err := a.tidy(r.ID, f); err != nil {
		return backup.Point{}, err
	}
	if f, err = a.current(ctx, r, f); err != nil {
		return backup.Point{}, err
	}
	defer func() {
		if err != nil {
			// Give the room back, keep the first pass for another try.
			err = errors.Join(err, a.tidy(r.ID, f))
		}
	}()
	needs, err := a.space(ctx, r, f)
	if err != nil {
		return backup.Point{}, err
	}
	if err := short(r.ID, needs); err != nil {
		return backup.Point{}, err
	}
	if alone {
		for _, d := range r.Databases {
			if err := a.globals(ctx, dir, d, f); err != nil {
				return backup.Point{}, err
			}
		}
	}
	p := backup.Point{Format: backup.Format, ID: r.ID, Engine: a.Kind(), About: r.About, Began: a.now().UTC().Round(time.Millisecond), Consistency: backup.AtRest}
	if a.keys.On() {
		p.Encrypted = a.keys.Recipients
	}
	if r.Live {
		p.Consistency = backup.Live
	}
	if p.Parts, err = a.parts(ctx, r, dir, f); err != nil {
		return backup.Point{}, err
	}
	p.Made = a.now().UTC().Round(time.Millisecond)
	return p, a.seal(dir, &p)
}

// complete finds a point that lacks only its name: the last run died in
// between. It is read through once more, since nobody waited for that.
func (a *Archive) complete(ctx context.Context, r backup.Request) (backup.Point, bool) {
	text, err := a.fs.ReadFile(a.path(r.ID+partial, record))
	if err != nil {
		return backup.Point{}, false
	}
	p, err := backup.Decode(text)
	if err != nil || p.ID != r.ID || p.About.Run != r.About.Run || a.verify(ctx, r.ID+partial, p) != nil {
		return backup.Point{}, false
	}
	return p, true
}

// parts makes all parts, two at a time: a dump mostly waits for the server.
func (a *Archive) parts(ctx context.Context, r backup.Request, dir string, f *first) ([]backup.Part, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	tell := teller(r)
	out := make([]backup.Part, len(r.Files)+len(r.Databases))
	slots := make(chan struct{}, workers)
	var wg sync.WaitGroup
	start := func(i int, work func() (backup.Part, error)) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			part, err := work()
			if err != nil {
				stop(err) // only the first is kept: the others follow from it
			}
			out[i] = part
		})
	}
	for i, d := range r.Databases {
		start(len(r.Files)+i, func() (backup.Part, error) {
			if part, ok := f.Dumps[d.Name]; ok {
				return a.take(dir, part)
			}
			return a.dump(ctx, dir, d.Name, d, f, tell(d.Name))
		})
	}
	for i, p := range r.Files {
		start(i, func() (backup.Part, error) { return a.files(ctx, dir, p, f, r.Live, tell(p.Name)) })
	}
	wg.Wait()
	return out, context.Cause(ctx)
}

// files makes a part of files: all of it, or what changed since the first pass.
func (a *Archive) files(ctx context.Context, dir string, p backup.FilePart, f *first, live bool, tell func(int64)) (backup.Part, error) {
	part := backup.Part{Name: p.Name, Kind: "files", Path: p.Path, Exclude: p.Exclude, Include: p.Include}
	now, err := files.Scan(ctx, a.fs, p.Path, files.Options{Exclude: p.Exclude, Include: p.Include})
	if err != nil {
		return part, err
	}
	began := a.now()
	add := func(s backup.Stored) { part.Stored = append(part.Stored, s) }
	before, again := f.Parts[p.Name]
	var tree files.Tree
	if !again {
		packed, stored, err := a.pack(ctx, dir, p.Name+".tar.zst", backup.Base, p.Path, now, live, tell)
		if err != nil {
			return part, err
		}
		add(stored)
		tree = packed
	} else {
		add(before.Base)
		kept, changed := split(before.Tree, now)
		var packed files.Tree
		if len(changed.Entries) > 0 {
			var stored backup.Stored
			if packed, stored, err = a.pack(ctx, dir, p.Name+"@changed.tar.zst", backup.Delta, p.Path, changed, live, tell); err != nil {
				return part, err
			}
			add(stored)
		}
		if names := gone(before.Tree, kept, packed); len(names) > 0 {
			stored, err := a.small(dir, p.Name+"@removed", backup.Removed, encodeNames(names))
			if err != nil {
				return part, err
			}
			add(stored)
		}
		tree = join(kept, packed)
	}
	var manifest bytes.Buffer
	if err := files.WriteManifest(&manifest, tree); err != nil {
		return part, err
	}
	stored, err := a.small(dir, p.Name+".MANIFEST", backup.Manifest, manifest.Bytes())
	if err != nil {
		return part, err
	}
	add(stored)
	part.Entries, part.Bytes, part.Digest = len(tree.Entries), tree.Bytes(), files.Digest(tree)
	part.Proof = a.proof(backup.ByReading, began)
	return part, nil
}

// dump makes a part of a database, in files of that name, and reads it back.
func (a *Archive) dump(ctx context.Context, dir, name string, d backup.DatabasePart, f *first, tell func(int64)) (backup.Part, error) {
	part := backup.Part{Name: d.Name, Kind: d.DB.Kind()}
	s, err := a.create(ctx, dir, dumpFile(name), backup.Dump, tell)
	if err != nil {
		return part, err
	}
	report, err := d.DB.Dump(ctx, s)
	if err == nil && report.Bytes != s.in {
		err = fmt.Errorf("the dump of %s reports %d bytes, and %d came", d.Name, report.Bytes, s.in)
	}
	if err != nil {
		s.drop()
		return part, err
	}
	stored, err := s.finish()
	if err != nil {
		return part, err
	}
	part.Stored, part.Bytes, part.Content, part.Dump, part.LeftOut = []backup.Stored{stored}, report.Bytes, s.content(), &report, report.LeftOut
	report.LeftOut = nil
	if g, ok := f.Globals[d.Name]; ok {
		part.Stored = append(part.Stored, g)
	} else if why, ok := f.LeftOut[d.Name]; ok {
		part.LeftOut = append(part.LeftOut, why)
	}
	return part, a.proveDump(ctx, dir, d, &part)
}

// seal writes the sums for people and the record, and gives the folder its
// name. Before the record every file of the folder is on the disk.
func (a *Archive) seal(dir string, p *backup.Point) error {
	list, err := sumsOf(*p)
	if err != nil {
		return err
	}
	if _, err := a.plain(dir, sums, "", list); err != nil {
		return err
	}
	text, err := p.Encode()
	if err != nil {
		return err
	}
	if err := a.fs.SyncDir(a.path(dir)); err != nil {
		return err
	}
	if err := a.fs.WriteFile(a.path(dir, record), text, 0o600); err != nil {
		return err
	}
	return a.publish(p.ID)
}

func (a *Archive) publish(id string) error {
	a.mu.Lock()
	delete(a.prepared, id)
	a.mu.Unlock()
	if err := a.fs.Remove(a.path(id+partial, prepared)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return a.fs.Rename(a.path(id+partial), a.path(id))
}

// sumsOf is the text of SHA256SUMS.
func sumsOf(p backup.Point) ([]byte, error) {
	list := files.Sums{}
	for _, part := range p.Parts {
		for _, s := range part.Stored {
			list[s.Name] = s.SHA256
		}
	}
	var b bytes.Buffer
	err := files.WriteSums(&b, list)
	return b.Bytes(), err
}
