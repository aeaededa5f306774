package restic

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/files"
)

// first is what the first pass has done; it is kept in the local folder.
type first struct {
	Parts   map[string]pass
	Globals map[string][]byte
	LeftOut map[string]string // why there are no globals of a database
	Dumps   map[string]backup.Part
}

// pass is a part of files as it was stored, with the marks by which unchanged
// files are recognised. Its content was read back from the repository.
type pass struct {
	Path     string
	Exclude  []string
	Include  []string
	Root     string // the path without links
	Snapshot string
	Tree     files.Tree
}

func (p *pass) covers(f backup.FilePart, root string) bool {
	return p != nil && p.Root == root && slices.Equal(p.Exclude, f.Exclude) && slices.Equal(p.Include, f.Include)
}

// Prepare makes the first pass.
func (e *Engine) Prepare(ctx context.Context, r backup.Request) (err error) {
	if err := r.Check(); err != nil {
		return err
	}
	ctx = paced(ctx)
	done, list, err := e.done(ctx, r)
	if done || err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("cannot prepare restore point %s: %w", r.ID, err), e.FS.RemoveAll(e.path(r.ID+partial)))
			e.abandon(ctx, r.ID)
		}
	}()
	if err := e.room(ctx, r, list, nil); err != nil {
		return err
	}
	if err := e.begin(ctx, r.ID); err != nil {
		return err
	}
	var before map[string]string
	if r.Ahead {
		if before, err = r.Marks(ctx); err != nil {
			return err
		}
	}
	f := &first{Parts: map[string]pass{}, Globals: map[string][]byte{}, LeftOut: map[string]string{}, Dumps: map[string]backup.Part{}}
	tell := teller(r)
	for _, p := range r.Files {
		at, base, err := p.FirstPath(), (*pass)(nil), error(nil)
		if at == p.Path {
			if base, err = e.last(p, list); err != nil {
				return err
			}
		}
		got, _, err := e.pass(ctx, r.ID, p, at, base, true, false, tell(p.Name))
		if err != nil {
			return err
		}
		f.Parts[p.Name] = got
	}
	for _, d := range r.Databases {
		if err := e.globals(ctx, d, f); err != nil {
			return err
		}
	}
	if r.Ahead {
		if err := e.ahead(ctx, r, before, f, tell); err != nil {
			return err
		}
	}
	if err := e.note(e.path(r.ID+partial, prepared), f); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prepared[r.ID] = f
	return nil
}

// abandon gives the room back of a point that will not be made. Where that is not
// possible now, it will be swept.
func (e *Engine) abandon(ctx context.Context, id string) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer stop()
	e.mu.Lock()
	there := e.there
	e.mu.Unlock()
	if !there {
		return
	}
	list, err := e.snapshots(ctx)
	if err != nil {
		return
	}
	var gone []string
	for _, s := range list {
		if s.point == id {
			gone = append(gone, s.ID)
		}
	}
	_ = e.forget(ctx, gone, true) // see above
}

// note keeps something on this computer.
func (e *Engine) note(path string, v any) error {
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(v); err != nil {
		return err
	}
	return e.FS.WriteFile(path, text.Bytes(), 0o600)
}

// done says whether the point is there already.
func (e *Engine) done(ctx context.Context, r backup.Request) (bool, []snapshot, error) {
	p, _, list, err := e.find1(ctx, r.ID)
	var unread *unreadError
	switch {
	case errors.Is(err, backup.ErrNotFound), errors.As(err, &unread): // nothing is overwritten by a new one
		return false, list, nil
	case err != nil:
		return false, list, err
	case p.About.Run != r.About.Run:
		return false, list, fmt.Errorf("cannot make restore point %s: %w, of run %q", r.ID, backup.ErrExists, p.About.Run)
	}
	return true, list, nil
}

// begin makes an empty folder for notes on the point.
func (e *Engine) begin(ctx context.Context, id string) error {
	e.mu.Lock()
	delete(e.prepared, id)
	e.mu.Unlock()
	if err := e.FS.MkdirAll(e.Dir, 0o700); err != nil {
		return err
	}
	if err := e.open(ctx); err != nil {
		return err
	}
	if err := e.FS.RemoveAll(e.path(id + partial)); err != nil {
		return err
	}
	return e.FS.Mkdir(e.path(id+partial), 0o700)
}

// pass stores a part of files as it is now, in relation to an earlier pass,
// which may be nil, and reads back what is new. Live, the product may write
// meanwhile; named, what is new since it was described is left out, so that the
// snapshot can be what the point has.
func (e *Engine) pass(ctx context.Context, id string, p backup.FilePart, at string, base *pass, live, named bool, tell func(int64)) (pass, backup.Stored, error) {
	fail := func(err error) (pass, backup.Stored, error) { return pass{}, backup.Stored{}, err }
	s, err := newSource(id, p, at)
	if err != nil {
		return fail(err)
	}
	s.whole = s.whole && !named
	o := files.Options{Exclude: p.Exclude, Include: p.Include, Hash: true, Settle: live}
	parent := ""
	if base.covers(p, s.root) {
		o.Known, parent = &base.Tree, base.Snapshot
	} else {
		base = nil
	}
	t, err := files.Scan(ctx, e.FS, s.root, o)
	if err != nil {
		return fail(err)
	}
	stored, err := e.store(ctx, s, t, kindFiles, parent, live, tell)
	if err != nil {
		return fail(err)
	}
	described := t
	both, ctx := errgroup.WithContext(ctx) // neither needs the other
	both.Go(func() (err error) {
		t, err = e.compare(ctx, s, stored, described, base, live)
		return err
	})
	if !live {
		both.Go(func() error { return e.still(ctx, s, p, described) })
	}
	if err := both.Wait(); err != nil {
		return fail(err)
	}
	return pass{Path: p.Path, Exclude: p.Exclude, Include: p.Include, Root: s.root, Snapshot: stored.Name, Tree: t}, stored, nil
}

// still makes sure that nothing has changed since the tree was described.
func (e *Engine) still(ctx context.Context, s source, p backup.FilePart, t files.Tree) error {
	now, err := files.Scan(ctx, e.FS, s.root, files.Options{Exclude: p.Exclude, Include: p.Include})
	if err != nil {
		return err
	}
	t, now = withoutSockets(t), withoutSockets(now)
	if list := files.Compare(t, now, files.Ignore{}); len(list) > 0 {
		return fmt.Errorf("%s: it was written to while it was read: stop what writes to it first: %s", s.root, list[0])
	}
	for _, n := range now.Entries {
		if was, _ := t.Find(n.Path); n.Type == files.File && (n.Stamp.Ino != was.Stamp.Ino || n.Stamp.CTime != was.Stamp.CTime) && n.HardLink == "" {
			return fmt.Errorf("%s: it was written to while it was read: stop what writes to it first", under(s.root, n.Path))
		}
	}
	return nil
}

// withoutSockets leaves out what means nothing elsewhere.
func withoutSockets(t files.Tree) files.Tree {
	t.Entries = slices.DeleteFunc(slices.Clone(t.Entries), func(n files.Entry) bool { return n.Type == files.Socket })
	return t
}

// wholly is how much of a part may have been read back before, and is read back
// with the rest all the same: asking for the rest alone takes restic as long.
const wholly = 256 << 20

// compare reads back what the earlier pass did not hold: all of the snapshot,
// or, where that would be much for little, a snapshot of the changed files alone,
// which has their content in common with it.
func (e *Engine) compare(ctx context.Context, s source, stored backup.Stored, t files.Tree, base *pass, live bool) (files.Tree, error) {
	inside := func(n files.Entry) bool { return n.Path != "." || n.Type == files.File }
	meant := inside
	if !s.whole {
		meant = func(n files.Entry) bool { return n.Type != files.Dir }
	}
	if base == nil {
		return e.readBack(ctx, s, stored, t, meant, live)
	}
	var fresh files.Tree
	again := map[string]bool{}
	for _, n := range t.Entries {
		was, ok := base.Tree.Find(n.Path)
		if n.Type == files.File && !(ok && was.Type == files.File && was.SHA256 == n.SHA256 && files.Unchanged(was, n)) {
			fresh.Entries = append(fresh.Entries, n)
			again[n.Path] = true
		}
	}
	if t.Bytes()-fresh.Bytes() < wholly {
		return e.readBack(ctx, s, stored, t, meant, live)
	}
	only, err := e.store(ctx, s, fresh, kindCheck, "", live, func(int64) {})
	if err != nil {
		return t, err
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return e.common(ctx, only, stored, live) })
	both.Go(func() (err error) {
		t, err = e.readBack(ctx, s, only, t, func(n files.Entry) bool { return again[n.Path] }, live)
		return err
	})
	err = both.Wait()
	return t, err
}

// common makes sure that files of both snapshots have the same content in both.
func (e *Engine) common(ctx context.Context, only, all backup.Stored, live bool) error {
	if live || only.Name == "" {
		return nil // it may have changed between the two; the next pass reads it again
	}
	bad := ""
	_, err := e.run(ctx, call{args: []string{"diff", "--json", "--no-lock", only.Name, all.Name}, stdout: func(line []byte) {
		if path := modified(line); path != "" {
			bad = path
		}
	}})
	if err == nil && bad != "" {
		err = fmt.Errorf("%w: restic has stored %s otherwise than it is", backup.ErrDamaged, bad)
	}
	return err
}

// globaler is a database that can also dump what belongs to its server.
type globaler interface {
	Globals(ctx context.Context, w io.Writer) error
}

func (e *Engine) globals(ctx context.Context, d backup.DatabasePart, f *first) error {
	g, ok := d.DB.(globaler)
	if !ok {
		return nil
	}
	var text bytes.Buffer
	err := g.Globals(ctx, &text)
	switch {
	case errors.Is(err, database.ErrPermission):
		f.LeftOut[d.Name] = "roles and tablespaces of the server: the account may not read them"
		return nil
	case err == nil:
		f.Globals[d.Name] = text.Bytes()
	}
	return err
}

// recall gives the first pass of a point: from memory, else from the note.
// Nil: there is none that fits the request.
func (e *Engine) recall(r backup.Request, list []snapshot) *first {
	e.mu.Lock()
	f := e.prepared[r.ID]
	e.mu.Unlock()
	if f == nil {
		f = &first{}
		if !e.noted(e.path(r.ID+partial, prepared), f) {
			return nil
		}
	}
	for _, p := range r.Files {
		got, ok := f.Parts[p.Name]
		if !ok || got.Path != p.Path || !slices.Equal(got.Exclude, p.Exclude) || !slices.Equal(got.Include, p.Include) || !has(list, got.Snapshot) {
			return nil
		}
	}
	return f
}

// noted reads a note; one of another version is none.
func (e *Engine) noted(path string, v any) bool {
	text, err := e.FS.ReadFile(path)
	return err == nil && gob.NewDecoder(bytes.NewReader(text)).Decode(v) == nil
}

func has(list []snapshot, id string) bool {
	return id == "" || slices.ContainsFunc(list, func(s snapshot) bool { return s.ID == id })
}

// last gives the last pass over the same files that became part of a restore
// point which the repository still has.
func (e *Engine) last(p backup.FilePart, list []snapshot) (*pass, error) {
	l := &pass{}
	if !e.noted(e.path(lastOf(p.Name)), l) || l.Snapshot == "" || !has(list, l.Snapshot) {
		return nil, nil
	}
	return l, nil
}

func lastOf(part string) string { return part + ".last" }

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
