package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"upkeep/internal/durable"
)

// Mirrors makes one source of several that hold the same feed. A Fetcher asks
// them in this order.
func Mirrors(sources ...Source) Source { return mirrors(sources) }

type mirrors []Source

// Split gives the mirrors that a source consists of; itself, if it is one.
func Split(s Source) []Source {
	m, ok := s.(mirrors)
	if !ok {
		return []Source{s}
	}
	var out []Source
	for _, s := range m {
		out = append(out, Split(s)...)
	}
	return out
}

// Open gives the file of the first mirror that has it.
func (m mirrors) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, int64, error) {
	var errs several
	for _, s := range m {
		r, total, err := s.Open(ctx, name, offset)
		if err == nil {
			return r, total, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", named(s), err))
	}
	return nil, 0, errs.err()
}

// named says how people know a source.
func named(s Source) string {
	if n, ok := s.(fmt.Stringer); ok {
		return n.String()
	}
	return "the feed"
}

// Dir is a feed in a folder: on this computer, or on a mounted medium. path is
// absolute.
func Dir(fsys durable.Reader, path string) Source { return folder{fsys, path} }

type folder struct {
	fsys durable.Reader
	path string
}

func (d folder) String() string { return d.path }

func (d folder) Open(_ context.Context, name string, offset int64) (io.ReadCloser, int64, error) {
	r, err := d.fsys.Open(filepath.Join(d.path, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		if i, err := d.fsys.Stat(d.path); err != nil || !i.IsDir() {
			return nil, 0, fmt.Errorf("%w: there is no such folder; is the medium mounted?", ErrUnreachable)
		}
		return nil, 0, fmt.Errorf("it has no %s: %w", name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, 0, d.fault(err)
	}
	i, err := r.Stat()
	switch {
	case err != nil:
		err = d.fault(err)
	case !i.IsRegular():
		err = fmt.Errorf("%w: %s is no regular file", ErrWrong, name)
	case offset > i.Size:
		err = fmt.Errorf("%w: it has %d bytes", ErrWrong, i.Size)
	default:
		if _, err = r.Seek(offset, io.SeekStart); err != nil {
			err = d.fault(err)
		}
	}
	if err != nil {
		_ = r.Close() // only read
		return nil, 0, err
	}
	return folderFile{r, d}, i.Size, nil
}

// fault is what the folder's volume says: not ours to write to.
func (d folder) fault(err error) error {
	return fmt.Errorf("%w: %w; is the medium still there, and may Upkeep read it?", ErrUnreachable, err)
}

type folderFile struct {
	durable.ReadFile
	in folder
}

func (f folderFile) Read(p []byte) (int, error) {
	n, err := f.ReadFile.Read(p)
	if err != nil && err != io.EOF {
		err = f.in.fault(err)
	}
	return n, err
}
