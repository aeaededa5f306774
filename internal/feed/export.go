package feed

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/channel"

	"upkeep/internal/feed/fetch"
	"upkeep/internal/feed/trust"
	"upkeep/internal/step"
)

// maxRoots bounds how many roots before the pinned one are carried along.
const maxRoots = 1024

// Exported is what a carried feed has in it.
type Exported struct {
	Note
	File  string `json:"file"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
}

// Export writes releases with all that proves them into one file at dest, an
// absolute path. It appears whole and durable, or not at all; what is there already is not
// replaced. The feed's word must hold. Where the feed has no address, what has
// come is carried on: without patches, and without roots before the pinned one.
func (f *Feed) Export(ctx context.Context, versions []string, dest string) (Exported, error) {
	out := Exported{File: dest}
	if _, err := f.o.FS.Lstat(dest); err == nil {
		return out, &step.UserError{Msg: dest + " is there already", Now: "choose another name, or remove it"}
	}
	release, err := f.lock(ctx)
	if err != nil {
		return out, err
	}
	defer release()
	g, err := f.gathering(ctx, f.o.Source)
	if err != nil {
		return out, err
	}
	s, err := f.state()
	if err != nil {
		return out, err
	}
	out.Note = Note{Format: carryFormat, Product: f.o.Product, Feed: f.o.Name, Made: f.o.Now().UTC().Truncate(time.Second), Until: s.Until, Versions: versions}
	part := dest + fetch.Part
	if err := f.o.FS.RemoveAll(part); err != nil { // of a call that was interrupted
		return out, err
	}
	file, err := f.o.FS.Create(part, 0o644)
	if err != nil {
		return out, fmt.Errorf("cannot write %s: %w", dest, err)
	}
	w := &carrier{gathering: g, out: tar.NewWriter(file)}
	err = w.all(ctx, out.Note)
	if err == nil {
		err = w.out.Close()
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.o.FS.SyncFile(part)
	}
	if err == nil {
		err = f.o.FS.Rename(part, dest)
	}
	if err != nil {
		return out, errors.Join(fmt.Errorf("cannot write %s: %w", dest, err), f.o.FS.RemoveAll(part))
	}
	out.Files, out.Bytes = w.files, w.bytes
	return out, f.tidy()
}

// carrier writes a carried feed.
type carrier struct {
	*gathering
	out   *tar.Writer
	files int
	bytes int64
}

func (w *carrier) all(ctx context.Context, note Note) error {
	text, err := json.MarshalIndent(note, "", " ")
	if err != nil {
		return err
	}
	if err := w.text(noteName, text); err != nil {
		return err
	}
	if err := w.proof(ctx); err != nil {
		return err
	}
	t, err := w.trust.Target(ctx, channel.IndexTarget(w.o.Product))
	if err != nil {
		return err
	}
	_, raw, err := w.believed(ctx, w.trust)
	if err != nil {
		return err
	}
	if err := w.text("targets/"+t.Path, raw); err != nil {
		return err
	}
	for _, v := range note.Versions {
		r, err := w.find(w.index, v)
		if err != nil {
			return err
		}
		if err := w.release(ctx, r); err != nil {
			return fmt.Errorf("release %s: %w", v, err)
		}
	}
	return nil
}

// proof writes the metadata. Whoever imports may have pinned an older root than
// we have: the roots before ours go along, as far as the feed has them.
func (w *carrier) proof(ctx context.Context) error {
	meta, err := trust.Export(w.o.FS, w.metadata(), w.options())
	if err != nil {
		return err
	}
	first := maxRoots
	for name := range meta {
		if n, ok := strings.CutSuffix(strings.TrimPrefix(name, "metadata/"), ".root.json"); ok {
			if v, err := strconv.Atoi(n); err == nil {
				first = min(first, v)
			}
		}
	}
	for v := first - 1; v > 0 && w.from != nil; v-- {
		name := fmt.Sprintf("metadata/%d.root.json", v)
		raw, err := w.fetcher(w.from, "").Small(ctx, name, trust.MaxRoot)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		meta[name] = raw
	}
	for _, name := range slices.Sorted(maps.Keys(meta)) {
		if err := w.text(name, meta[name]); err != nil {
			return err
		}
	}
	return nil
}

func (w *carrier) release(ctx context.Context, r *channel.Release) error {
	archive, t, err := w.archived(ctx, r)
	if err == nil {
		err = w.copy("targets/"+t.Path, archive, t.Length)
	}
	if err != nil {
		return err
	}
	var targets []string
	for _, name := range slices.Sorted(maps.Keys(r.Payloads)) {
		p := r.Payloads[name]
		done, err := w.copied(ctx, r, name, p)
		if err != nil {
			return err
		}
		if !done {
			targets = append(targets, p.Target)
		}
		for _, d := range p.Patches {
			if w.from == nil {
				break // a payload is here whole, and what it was made by is gone
			}
			targets = append(targets, d.Target)
		}
	}
	for _, name := range targets {
		at, t, err := w.file(ctx, name, 1<<50)
		if err != nil {
			return err
		}
		if err := w.copy("targets/"+t.Path, at, t.Length); err != nil {
			return err
		}
		if err := w.o.FS.Remove(at); err != nil {
			return err
		}
	}
	return nil
}

// copied writes a payload that is here already; false where it is not. Its sum
// is compared by whoever imports it.
func (w *carrier) copied(ctx context.Context, r *channel.Release, name string, p channel.Payload) (bool, error) {
	t, err := w.trust.Target(ctx, p.Target)
	if err != nil || w.here(ctx, r) == nil {
		return false, err
	}
	at := filepath.Join(w.Dir(r.Version), name)
	if i, err := w.o.FS.Lstat(at); err != nil || i.Size != t.Length {
		return false, nil
	}
	return true, w.copy("targets/"+t.Path, at, t.Length)
}

func (w *carrier) text(name string, text []byte) error {
	if err := w.header(name, int64(len(text))); err != nil {
		return err
	}
	_, err := w.out.Write(text)
	return err
}

func (w *carrier) header(name string, size int64) error {
	w.files++
	w.bytes += size
	return w.out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg, Format: tar.FormatPAX})
}

func (w *carrier) copy(name, at string, size int64) error {
	f, err := w.o.FS.OpenNoFollow(at)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.header(name, size); err != nil {
		return err
	}
	n, err := io.Copy(w.out, io.LimitReader(f, size))
	if err == nil && n != size {
		err = fmt.Errorf("%s changed while it was read", at)
	}
	return err
}
