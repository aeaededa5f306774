// Package fetch brings files of a feed here: over HTTP from one of several
// mirrors, or from a folder on a mounted medium. It believes nobody. What is
// small is cut at the length that the caller allows; what is large appears
// under its name only once its length and its SHA-256 are those that were
// signed. A download that was killed goes on where it was.
//
// It may import internal/durable, the standard library and x/time.
package fetch

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"upkeep/internal/durable"
)

// Source is where a feed lies. Names are relative to the feed, with slashes:
// "metadata/timestamp.json".
type Source interface {
	// Open reads a file from offset on. total is its whole length, -1 when the source does not say.
	// The error is fs.ErrNotExist where the source has no such file, and ErrWhole where it
	// can only be read from its beginning.
	Open(ctx context.Context, name string, offset int64) (r io.ReadCloser, total int64, err error)
}

// Fetcher fetches files from a source. Its methods may be used by several
// goroutines, but not for the same destination at once.
type Fetcher struct {
	FS     durable.FS // for File
	Source Source
	// Rate bounds the bytes a second of each call; 0 is no bound.
	Rate int64
	// Progress is told how much of a File is there: often, and never from two
	// goroutines at once. May be nil.
	Progress func(done, total int64)

	pace pace // for tests; the zero value stands for the real one
}

// Small reads a whole file of at most most bytes into memory.
func (f *Fetcher) Small(ctx context.Context, name string, most int64) ([]byte, error) {
	var errs several
	for _, s := range Split(f.Source) {
		data, err := f.small(ctx, s, name, most)
		if err == nil {
			return data, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", named(s), err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, &Error{Name: name, Err: errs.err()}
}

func (f *Fetcher) small(ctx context.Context, s Source, name string, most int64) ([]byte, error) {
	r, total, err := f.open(ctx, s, name, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if total > most {
		return nil, fmt.Errorf("%w: it has %d bytes, and %d are allowed", ErrTooLong, total, most)
	}
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%w: it does not end after the %d bytes that are allowed", ErrTooLong, most)
	case err != nil:
		return nil, err
	case total >= 0 && int64(len(data)) != total:
		return nil, fmt.Errorf("%w: it ends after %d bytes of %d", ErrBroken, len(data), total)
	}
	return data, nil
}

// open opens a file whose reading ends when it becomes too slow.
func (f *Fetcher) open(ctx context.Context, s Source, name string, offset int64) (io.ReadCloser, int64, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, 0, fmt.Errorf("%q cannot be the name of a file in a feed", name)
	}
	return f.pace.open(ctx, f.Rate, func(ctx context.Context) (io.ReadCloser, int64, error) { return s.Open(ctx, name, offset) })
}
