package manage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/files"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Change is what putting a part of a restore point back would do to it.
type Change struct {
	Part     string   `json:"part"`
	Kind     string   `json:"kind"`
	Path     string   `json:"path,omitempty"`
	Added    int      `json:"added"`   // files that would come back
	Changed  int      `json:"changed"` // that would be as they were
	Removed  int      `json:"removed"` // that would go
	Files    []string `json:"files"`   // the first of them
	Replaced string   `json:"replaced,omitempty"`
	Same     bool     `json:"same"` // nothing would change
}

// Outlook is what a restore would do.
type Outlook struct {
	Point     backup.Point `json:"point"`
	Installed string       `json:"installed"` // version; empty: it cannot be read
	Services  []string     `json:"services"`  // that would be stopped meanwhile
	Changes   []Change     `json:"changes"`
	Mixed     []string     `json:"mixed"` // what would stay on another version
	// Sum stands for what would be put back, and over which version.
	Sum string `json:"sum"`
}

// sample is how many files of a part are named.
const sample = 20

// LookRestore says what a restore would change. It touches nothing.
func (in *Installation) LookRestore(ctx context.Context, r Restore) (*Outlook, error) {
	e := in.archive()
	w, err := in.prepareRestore(ctx, e, r)
	if err != nil {
		return nil, err
	}
	out := &Outlook{Point: w.point, Installed: w.version, Mixed: append([]string{}, w.mixed...), Sum: w.sum(), Services: []string{}}
	if err := in.eachService(ctx, w.product, func(s plan.Service) error {
		out.Services = append(out.Services, s.ID)
		return nil
	}, true); err != nil {
		return nil, err
	}
	for _, part := range w.parts {
		c, err := in.change(ctx, e, w, part)
		if err != nil {
			return nil, fmt.Errorf("cannot compare %s with restore point %s: %w", part.Name, w.point.ID, err)
		}
		out.Changes = append(out.Changes, c)
	}
	return out, nil
}

func (in *Installation) change(ctx context.Context, e backup.Engine, w *restoration, part backup.Part) (Change, error) {
	c := Change{Part: part.Name, Kind: part.Kind, Path: part.Path, Files: []string{}}
	if part.Kind != "files" {
		db, err := in.openPart(ctx, w.product, part.Name, "look-"+w.point.ID)
		if err != nil {
			return c, err
		}
		defer db.Close()
		now, err := db.Fingerprint(ctx)
		if err != nil {
			return c, err
		}
		list := database.Compare(part.Dump.Fingerprint, now)
		if c.Same = len(list) == 0; !c.Same {
			c.Replaced = database.Summary(list)
		}
		return c, nil
	}
	want, err := e.Tree(ctx, w.point.ID, part.Name)
	if err != nil {
		return c, err
	}
	now, err := files.Scan(ctx, in.FS, part.Path, files.Options{Exclude: part.Exclude, Include: part.Include, Hash: true})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	ignore := files.Ignore{}
	if len(part.Exclude)+len(part.Include) > 0 {
		ignore = files.Fingerprint() // folders around what is left out have other times
	}
	list := files.Compare(files.Scoped(want, part.Include), files.Scoped(now, part.Include), ignore)
	last := ""
	for _, d := range list {
		if d.Path == last {
			continue // its time as well as its content
		}
		last = d.Path
		sign := "~ "
		switch d.What {
		case files.Removed: // it is in the point, and not there now
			c.Added, sign = c.Added+1, "+ "
		case files.Added:
			c.Removed, sign = c.Removed+1, "- "
		default:
			c.Changed++
		}
		if len(c.Files) < sample {
			c.Files = append(c.Files, sign+d.Path)
		}
	}
	c.Same = len(list) == 0
	return c, nil
}

func (in *Installation) openPart(ctx context.Context, p *manifest.Product, part, opID string) (database.Database, error) {
	r, err := in.surveyor().Placed(ctx, p, in.Doc)
	if err != nil {
		return nil, err
	}
	d, err := r.Database(part)
	if err != nil {
		return nil, err
	}
	return in.databases.Open(ctx, *d, opID)
}

// copyMark names, in a folder that restored parts are put into, the restore
// point that they are of.
const copyMark = "restore-point"

// CopyPoint puts the content of a restore point, or parts of it, into a folder:
// files as they were, databases as the files that their own tools restore from.
// Nothing of the product is touched. Interrupted it may be given again. It gives
// the paths.
func (in *Installation) CopyPoint(ctx context.Context, r Restore, dir string, say func(string)) ([]string, error) {
	e := in.archive()
	pt, err := e.Find(ctx, r.Point)
	if err != nil {
		return nil, err
	}
	parts, err := partsOf(pt, r.Only)
	if err != nil {
		return nil, err
	}
	mark := filepath.Join(dir, copyMark)
	list, err := in.FS.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot look into %s: %w", dir, err)
	}
	if raw, markErr := in.FS.ReadFile(mark); len(list) > 0 && (markErr != nil || string(raw) != pt.ID+"\n") {
		return nil, &step.UserError{Msg: dir + " is not empty", Now: "name a folder that is not there yet, or an empty one"}
	}
	if err := in.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make %s: %w", dir, err)
	}
	if err := in.FS.WriteFile(mark, []byte(pt.ID+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("cannot write into %s: %w", dir, err)
	}
	var out []string
	for _, part := range parts {
		say("restoring " + part.Name)
		ctx := counted(ctx, part.Reading(), r.Progress)
		at := filepath.Join(dir, part.Name)
		if part.Kind == "files" {
			_, err = e.RestoreFiles(ctx, pt.ID, part.Name, backup.Target{Path: at, OpID: "copy"})
		} else {
			at += endings[part.Kind]
			err = e.RestoreDatabase(ctx, pt.ID, part.Name, dumpFile{in: in, at: at, part: part})
		}
		if err != nil {
			return out, err
		}
		out = append(out, at)
	}
	return out, nil
}

// endings are what the files are called that a database's own tools restore from.
var endings = map[string]string{"postgres": ".dump", "mariadb": ".sql", "sqlite": ".db"}

// dumpFile takes a dump as it is. Its sum is compared while it is read.
type dumpFile struct {
	database.Database
	in   *Installation
	at   string
	part backup.Part
}

func (d dumpFile) Kind() string { return d.part.Kind }

// Restore writes the dump, durably.
func (d dumpFile) Restore(_ context.Context, r io.Reader) error {
	half := d.at + ".partial"
	if err := d.in.FS.RemoveAll(half); err != nil {
		return err
	}
	f, err := d.in.FS.Create(half, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return d.in.FS.Replace(half, d.at)
}

// Fingerprint is what the dump was taken of: the dump is the very one.
func (d dumpFile) Fingerprint(context.Context) (database.Fingerprint, error) {
	return d.part.Dump.Fingerprint, nil
}

// counted adds the progress of reading up.
func counted(ctx context.Context, total int64, told func(done, total int64, part string)) context.Context {
	if told == nil {
		return ctx
	}
	var mu sync.Mutex
	var done int64
	return backup.WithProgress(ctx, func(n int64, part string) {
		mu.Lock()
		defer mu.Unlock()
		done += n
		told(min(done, total), total, part)
	})
}
