// Package archive is the built-in engine of restore points: a folder with
// tar.zst archives, dumps, manifests and a record, readable with plain tools.
// The layout is described in docs/reference/restore-point.md.
//
// It may import internal/backup, internal/database, internal/durable,
// internal/files, klauspost/compress, filippo.io/age, x/time and the standard
// library.
package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
)

// Names in the folder of restore points.
const (
	record  = "restore-point.json"
	sums    = "SHA256SUMS"
	partial = ".partial"
	removed = ".removed" + partial // a point on its way out
)

// Config says where.
type Config struct {
	Dir string // absolute; made when it is missing, mode 0700
	FS  durable.FS
	Now func() time.Time // the clock; nil: time.Now
	// Encrypt, unless empty, is for whom everything but the record is encrypted.
	Encrypt Encryption
	// Bandwidth, in bytes a second, bounds what is written and verified while users
	// work; 0: nothing does.
	Bandwidth int64
}

// Archive is the engine.
type Archive struct {
	dir string
	fs  durable.FS
	now func() time.Time

	keys keys
	pace *rate.Limiter // nil: no limit

	mu       sync.Mutex
	prepared map[string]*first // first passes made by this value, by id
}

var _ backup.Engine = (*Archive)(nil)

// New makes the value; nothing is touched.
func New(c Config) *Archive {
	if c.Now == nil {
		c.Now = time.Now
	}
	a := &Archive{dir: c.Dir, fs: c.FS, now: c.Now, keys: keys{Encryption: c.Encrypt}, prepared: map[string]*first{}}
	if c.Bandwidth > 0 {
		a.pace = rate.NewLimiter(rate.Limit(c.Bandwidth), burst)
	}
	return a
}

// Kind is "archive".
func (a *Archive) Kind() string { return "archive" }

func (a *Archive) path(parts ...string) string {
	return filepath.Join(append([]string{a.dir}, parts...)...)
}

// Find reads the record of a complete point.
func (a *Archive) Find(_ context.Context, id string) (backup.Point, error) {
	if err := backup.CheckID(id); err != nil {
		return backup.Point{}, err
	}
	text, err := a.fs.ReadFile(a.path(id, record))
	if errors.Is(err, fs.ErrNotExist) {
		return backup.Point{}, fmt.Errorf("%w: %s in %s", backup.ErrNotFound, id, a.dir)
	}
	if err != nil {
		return backup.Point{}, fmt.Errorf("cannot read restore point %s: %w", id, err)
	}
	p, err := backup.Decode(text)
	if err != nil {
		return backup.Point{}, fmt.Errorf("restore point %s in %s: %w", id, a.dir, err)
	}
	if p.ID != id {
		return backup.Point{}, fmt.Errorf("restore point %s in %s: %w: its record is that of %s", id, a.dir, backup.ErrDamaged, p.ID)
	}
	return p, nil
}

// List gives the points, oldest first.
func (a *Archive) List(ctx context.Context) ([]backup.Point, error) {
	entries, err := a.fs.ReadDir(a.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list restore points: %w", err)
	}
	var list []backup.Point
	for _, e := range entries {
		if !e.Type.IsDir() || backup.CheckID(e.Name) != nil {
			continue
		}
		p, err := a.Find(ctx, e.Name)
		if errors.Is(err, backup.ErrNotFound) {
			continue // somebody else's folder
		}
		if err != nil {
			p = backup.Point{ID: e.Name, Broken: err.Error()}
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(x, y backup.Point) int { return x.Made.Compare(y.Made) })
	return list, nil
}

// Remove first gives the point a name that nobody takes for a restore point.
func (a *Archive) Remove(_ context.Context, id string) error {
	if err := backup.CheckID(id); err != nil {
		return err
	}
	if _, err := a.fs.Lstat(a.path(id, record)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove restore point %s: %w", id, backup.ErrNotFound)
	}
	out := a.path(id + removed)
	if err := a.fs.RemoveAll(out); err != nil {
		return fmt.Errorf("cannot remove restore point %s: %w", id, err)
	}
	if err := a.fs.Rename(a.path(id), out); err != nil {
		return fmt.Errorf("cannot remove restore point %s: %w", id, err)
	}
	if err := a.fs.RemoveAll(out); err != nil {
		return fmt.Errorf("cannot remove restore point %s, which is out of use already: %w", id, err)
	}
	return nil
}

// Sweep removes everything unfinished.
func (a *Archive) Sweep(_ context.Context, keep ...string) ([]string, error) {
	entries, err := a.fs.ReadDir(a.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot sweep restore points: %w", err)
	}
	var swept []string
	for _, e := range entries {
		id, unfinished := strings.CutSuffix(e.Name, partial)
		if !unfinished || !e.Type.IsDir() || slices.Contains(keep, id) {
			continue
		}
		if err := a.fs.RemoveAll(a.path(e.Name)); err != nil {
			return swept, fmt.Errorf("cannot sweep %s: %w", e.Name, err)
		}
		swept = append(swept, e.Name)
	}
	return swept, nil
}
