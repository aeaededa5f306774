package feed

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"upkeep/internal/channel"
	"upkeep/internal/durable"
	"upkeep/internal/step"
)

// Carried is a feed in one file, made to be carried by hand: a tar of the feed's
// own files, as a server would give them, with a note in front. The note is for
// people; everything else is believed or not as if it came from a server.
type Carried struct {
	Note Note
	file durable.ReadFile
	path string
	at   map[string]span
}

type span struct{ offset, size int64 }

// Note says what a carried feed is. Nobody has signed it.
type Note struct {
	Format   int       `json:"format"`
	Product  string    `json:"product"`
	Feed     string    `json:"feed"`
	Made     time.Time `json:"made"`
	Until    time.Time `json:"until"` // until when the feed's word holds, as whoever made it saw it
	Versions []string  `json:"versions"`
}

const (
	noteName    = "feed.json"
	carryFormat = 1
	maxNote     = 1 << 20
	maxEntries  = 100_000
)

// OpenCarried reads what lies where in a carried feed. Close it.
func OpenCarried(fsys durable.Reader, path string) (*Carried, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the feed that was carried here: %w", err)
	}
	c := &Carried{file: f, path: path, at: map[string]span{}}
	if err := c.read(); err != nil {
		_ = f.Close() // it was only read
		return nil, fmt.Errorf("cannot read the feed in %s: %w", path, err)
	}
	return c, nil
}

// errNoFeed: the file is something else, or its beginning is.
func errNoFeed(err error) error {
	return &step.UserError{Msg: "it is no file that upkeep feed export has made, or it is cut off", Now: "copy it again, or have it made again", Err: err}
}

func (c *Carried) read() error {
	i, err := c.file.Stat()
	if err != nil {
		return err
	}
	if !i.IsRegular() {
		return errNoFeed(errors.New("it is a folder; a feed in a folder is named by feed: {url: FOLDER}"))
	}
	whole := io.NewSectionReader(c.file, 0, i.Size)
	r := tar.NewReader(whole)
	for n := 0; ; n++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errNoFeed(err)
		}
		known := h.Name == noteName || strings.HasPrefix(h.Name, "metadata/") || strings.HasPrefix(h.Name, "targets/")
		if _, twice := c.at[h.Name]; twice || n > maxEntries || !known || h.Typeflag != tar.TypeReg || !fs.ValidPath(h.Name) {
			return errNoFeed(fmt.Errorf("there cannot be %q in it", h.Name))
		}
		offset, err := whole.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if offset+h.Size > i.Size {
			return errNoFeed(fmt.Errorf("%q is cut off", h.Name))
		}
		c.at[h.Name] = span{offset, h.Size}
	}
	note, ok := c.at[noteName]
	if !ok || note.size > maxNote {
		return errNoFeed(errors.New("it has no " + noteName))
	}
	if err := json.NewDecoder(io.NewSectionReader(c.file, note.offset, note.size)).Decode(&c.Note); err != nil {
		return errNoFeed(err)
	}
	if c.Note.Format != carryFormat {
		return fmt.Errorf("it has format %d, and this Upkeep reads %d: upgrade Upkeep first (upkeep self-upgrade)", c.Note.Format, carryFormat)
	}
	return nil
}

// Close ends it.
func (c *Carried) Close() error { return c.file.Close() }

// String is how people know it.
func (c *Carried) String() string { return c.path }

// Open implements fetch.Source.
func (c *Carried) Open(_ context.Context, name string, offset int64) (io.ReadCloser, int64, error) {
	s, ok := c.at[name]
	if !ok {
		return nil, 0, fmt.Errorf("it has no %s: %w", name, fs.ErrNotExist)
	}
	if offset > s.size {
		return nil, 0, fmt.Errorf("%s has %d bytes only", name, s.size)
	}
	return io.NopCloser(io.NewSectionReader(c.file, s.offset+offset, s.size-offset)), s.size, nil
}

// Imported is what an import has brought.
type Imported struct {
	Refreshed
	Note     Note
	Versions []string // whole
	Fetched  Fetched
}

// Import believes a carried feed as one that a server gives: what is older than
// what was seen before, expired, or not signed, is refused. Interrupted, it is
// done again.
func (f *Feed) Import(ctx context.Context, c *Carried) (Imported, error) {
	out := Imported{Note: c.Note}
	if c.Note.Product != f.o.Product {
		return out, &step.UserError{Msg: fmt.Sprintf("%s carries releases of %s, and this installation is of %s", c.path, c.Note.Product, f.o.Product), Now: "name the installation with --installation, or bring another file"}
	}
	release, err := f.lock(ctx)
	if err != nil {
		return out, err
	}
	defer release()
	if out.Refreshed, err = f.refresh(ctx, c); err != nil {
		return out, fmt.Errorf("nothing of %s was taken over: %w", c.path, err)
	}
	g, err := f.gathering(ctx, c)
	if err != nil {
		return out, err
	}
	for _, r := range g.index.Releases {
		if !c.carries(ctx, g, &r) {
			continue
		}
		if _, err := g.whole(ctx, r.Version); err != nil {
			return out, err
		}
		out.Versions = append(out.Versions, r.Version)
	}
	out.Fetched = g.got
	return out, f.tidy()
}

// carries says whether a release's documents came along.
func (c *Carried) carries(ctx context.Context, g *gathering, r *channel.Release) bool {
	t, err := g.trust.Target(ctx, r.Documents)
	if err != nil {
		return false
	}
	_, ok := c.at["targets/"+t.Path]
	return ok
}
