package archive

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/files"
)

// prepared is the note of a finished first pass, in the folder being made.
const prepared = "first-pass"

// first is what the first pass has done.
type first struct {
	Parts map[string]firstPart
	// Globals are dumped in the first pass: they are no part of the product's
	// data and would only lengthen the outage.
	Globals map[string]backup.Stored
	LeftOut map[string]string // why there are no globals of a database
	Sizes   map[string]int64  // of databases
	Rooms   map[string]database.ScratchRoom
	// Dumps are the parts of databases that nobody wrote to: see ahead.
	Dumps map[string]backup.Part
}

// firstPart is one tree as it went into the base archive, with the marks by
// which unchanged files are recognised.
type firstPart struct {
	Path    string
	Exclude []string
	Include []string
	Tree    files.Tree
	Base    backup.Stored
}

// covers says whether the first pass was about this part.
func (f firstPart) covers(p backup.FilePart) bool {
	return f.Path == p.Path && slices.Equal(f.Exclude, p.Exclude) && slices.Equal(f.Include, p.Include)
}

// names of the files in the folder being made that Finish cannot do without.
func (f *first) names() []string {
	names := []string{prepared}
	for _, p := range f.Parts {
		names = append(names, p.Base.Name)
	}
	for _, g := range f.Globals {
		names = append(names, g.Name)
	}
	return names
}

// Prepare makes the first pass.
func (a *Archive) Prepare(ctx context.Context, r backup.Request) (err error) {
	if err := r.Check(); err != nil {
		return err
	}
	ctx = a.paced(ctx)
	if done, err := a.done(ctx, r); done || err != nil {
		return err
	}
	f := &first{Parts: map[string]firstPart{}, Globals: map[string]backup.Stored{}, LeftOut: map[string]string{}, Sizes: map[string]int64{}, Rooms: map[string]database.ScratchRoom{}, Dumps: map[string]backup.Part{}}
	needs, err := a.space(ctx, r, f)
	if err != nil {
		return err
	}
	if err := short(r.ID, needs); err != nil {
		return err
	}
	dir := r.ID + partial
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("cannot prepare restore point %s: %w", r.ID, err), a.fs.RemoveAll(a.path(dir)))
		}
	}()
	if err := a.begin(r.ID); err != nil {
		return err
	}
	var before map[string]string
	if r.Ahead {
		if before, err = r.Marks(ctx); err != nil {
			return err
		}
	}
	tell := teller(r)
	for _, p := range r.Files {
		t, err := files.Scan(ctx, a.fs, p.FirstPath(), files.Options{Exclude: p.Exclude, Include: p.Include, Settle: true})
		if err != nil {
			return err
		}
		t, stored, err := a.pack(ctx, dir, p.Name+".tar.zst", backup.Base, p.FirstPath(), t, true, tell(p.Name))
		if err != nil {
			return err
		}
		f.Parts[p.Name] = firstPart{Path: p.Path, Exclude: p.Exclude, Include: p.Include, Tree: t, Base: stored}
	}
	for _, d := range r.Databases {
		if err := a.globals(ctx, dir, d, f); err != nil {
			return err
		}
	}
	if r.Ahead {
		if err := a.ahead(ctx, dir, r, before, f, tell); err != nil {
			return err
		}
	}
	var note bytes.Buffer
	if err := gob.NewEncoder(&note).Encode(f); err != nil {
		return err
	}
	text, err := a.keys.sealed(note.Bytes()) // it has all names and sums
	if err != nil {
		return err
	}
	if err := a.fs.WriteFile(a.path(dir, prepared), text, 0o600); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.prepared[r.ID] = f
	return nil
}

// done says whether the point is there already.
func (a *Archive) done(ctx context.Context, r backup.Request) (bool, error) {
	p, err := a.Find(ctx, r.ID)
	switch {
	case errors.Is(err, backup.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case p.About.Run != r.About.Run:
		return false, fmt.Errorf("cannot make restore point %s: %w, of run %q", r.ID, backup.ErrExists, p.About.Run)
	}
	return true, nil
}

// begin makes an empty folder for the point.
func (a *Archive) begin(id string) error {
	a.mu.Lock()
	delete(a.prepared, id)
	a.mu.Unlock()
	if err := a.fs.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	if err := a.fs.RemoveAll(a.path(id + partial)); err != nil {
		return err
	}
	return a.fs.Mkdir(a.path(id+partial), 0o700)
}

// pack writes entries of a tree to an archive, reads it back and compares. Both
// at once: the processor's work for the one is done while the other waits.
func (a *Archive) pack(ctx context.Context, dir, name string, role backup.Role, root string, t files.Tree, live bool, tell func(int64)) (files.Tree, backup.Stored, error) {
	s, err := a.create(ctx, dir, name, role, tell)
	if err != nil {
		return files.Tree{}, backup.Stored{}, err
	}
	follower := a.follow(ctx, dir, s)
	packed, err := files.Pack(ctx, a.fs, s, root, t, files.PackOptions{Live: live})
	if err != nil {
		s.drop()
		<-follower
		return files.Tree{}, backup.Stored{}, err
	}
	stored, err := s.finish()
	back := <-follower
	if err == nil {
		err = back.err
	}
	if err == nil {
		err = back.same(stored.Name, packed)
	}
	if err != nil {
		return files.Tree{}, backup.Stored{}, err
	}
	stored.SHA256 = back.sum
	return packed, stored, nil
}

// globaler is a database that can also dump what belongs to its server.
type globaler interface {
	Globals(ctx context.Context, w io.Writer) error
}

func (a *Archive) globals(ctx context.Context, dir string, d backup.DatabasePart, f *first) error {
	g, ok := d.DB.(globaler)
	if !ok {
		return nil
	}
	s, err := a.create(ctx, dir, d.Name+"@globals.sql.zst", backup.Globals, func(int64) {})
	if err != nil {
		return err
	}
	if err := g.Globals(ctx, s); err != nil {
		s.drop()
		if !errors.Is(err, database.ErrPermission) {
			return err
		}
		f.LeftOut[d.Name] = "roles and tablespaces of the server: the account may not read them"
		return a.fs.Remove(a.path(dir, s.name))
	}
	f.Globals[d.Name], err = s.finish()
	return err
}

// recall gives the first pass of a point: from memory, else from the note.
// Nil: there is none that fits the request.
func (a *Archive) recall(r backup.Request) *first {
	a.mu.Lock()
	f := a.prepared[r.ID]
	a.mu.Unlock()
	if f == nil {
		text, err := a.fs.ReadFile(a.path(r.ID+partial, prepared))
		if err != nil {
			return nil
		}
		if a.keys.On() {
			r, err := a.keys.unseal(bytes.NewReader(text))
			if err != nil {
				return nil // the first pass is made again
			}
			if text, err = io.ReadAll(r); err != nil {
				return nil
			}
		}
		f = &first{}
		if gob.NewDecoder(bytes.NewReader(text)).Decode(f) != nil {
			return nil // of another version: the first pass is made again
		}
	}
	for _, p := range r.Files {
		if part, ok := f.Parts[p.Name]; !ok || !part.covers(p) {
			return nil
		}
	}
	for _, name := range f.names() {
		if _, err := a.fs.Lstat(a.path(r.ID+partial, name)); err != nil {
			return nil
		}
	}
	return f
}

// tidy removes what an interrupted Finish left beside the first pass.
func (a *Archive) tidy(id string, f *first) error {
	entries, err := a.fs.ReadDir(a.path(id + partial))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	keep := f.names()
	for _, part := range f.Dumps {
		if stored, ok := part.File(backup.Dump); ok {
			keep = append(keep, stored.Name)
		}
	}
	for _, e := range entries {
		if !slices.Contains(keep, e.Name) {
			if err := a.fs.RemoveAll(a.path(id+partial, e.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// teller makes the progress of parts one thing at a time.
func teller(r backup.Request) func(part string) func(int64) {
	var mu sync.Mutex
	var done int64
	return func(part string) func(int64) {
		return func(n int64) {
			if r.Progress == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			done += n
			r.Progress(done, part)
		}
	}
}
