package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strings"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
)

// source reads a stored file back, sum and size compared at its end: whoever
// reads to the end has read what was written, or gets ErrDamaged.
type source struct {
	ctx  context.Context
	file durable.ReadFile
	want backup.Stored
	tail *tail // unless nil: it is being written, and has neither size nor sum yet
	sum  hash.Hash
	size int64
}

func (a *Archive) open(ctx context.Context, dir string, want backup.Stored) (*source, error) {
	f, err := a.fs.OpenNoFollow(a.path(dir, want.Name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", backup.ErrDamaged, err)
	}
	return &source{ctx: ctx, file: f, want: want, sum: sha256.New()}, nil
}

func (s *source) Read(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	if s.tail != nil {
		if _, err := s.tail.beyond(s.size); err != nil {
			return 0, err
		}
	}
	n, err := s.file.Read(p)
	if waited := wait(s.ctx, n); waited != nil {
		return n, waited
	}
	s.sum.Write(p[:n])
	s.size += int64(n)
	backup.Progressed(s.ctx, int64(n), s.part())
	switch {
	case err == io.EOF && s.tail != nil:
		if all, failed := s.tail.beyond(math.MaxInt64); failed != nil || s.size != all {
			return n, errors.Join(failed, fmt.Errorf("%w: %s has %d bytes, and %d were written", backup.ErrDamaged, s.want.Name, s.size, all))
		}
	case err == io.EOF:
		if got := s.hex(); s.size != s.want.Bytes || got != s.want.SHA256 {
			return n, fmt.Errorf("%w: %s has %d bytes and the sum %s, expected %d and %s", backup.ErrDamaged, s.want.Name, s.size, got, s.want.Bytes, s.want.SHA256)
		}
	case err != nil:
		err = fmt.Errorf("cannot read %s: %w", s.want.Name, err)
	}
	return n, err
}

// tampered says of an error of what decrypts which file it is about.
func tampered(want backup.Stored, err error) error {
	if err == nil || errors.Is(err, backup.ErrDamaged) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", backup.ErrDamaged, want.Name, err)
}

// hex is the sum of what was read.
func (s *source) hex() string { return hex.EncodeToString(s.sum.Sum(nil)) }

func (s *source) Close() error { return s.file.Close() }

// part is the name of the part that the file is of.
func (s *source) part() string {
	for _, end := range []string{"@", ".tar.zst", ".dump.zst", ".MANIFEST"} {
		if name, _, ok := strings.Cut(s.want.Name, end); ok {
			return name
		}
	}
	return s.want.Name
}

// slurp reads a small stored file.
func (a *Archive) slurp(ctx context.Context, dir string, want backup.Stored) ([]byte, error) {
	s, err := a.open(ctx, dir, want)
	if err != nil {
		return nil, err
	}
	r, err := a.clear(ctx, dir, want, s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(tampered(want, err), s.Close())
}

// unzipped is the content of a compressed stored file. Its end is reached only
// if the file's end was, with the right sum.
type unzipped struct {
	src *source
	zip *zstd.Decoder
}

func (a *Archive) unzip(ctx context.Context, dir string, want backup.Stored) (*unzipped, error) {
	s, err := a.open(ctx, dir, want)
	if err != nil {
		return nil, err
	}
	return a.unzipFrom(ctx, dir, s)
}

func (a *Archive) unzipFrom(ctx context.Context, dir string, s *source) (*unzipped, error) {
	r, err := a.clear(ctx, dir, s.want, s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	z, err := zstd.NewReader(plainReader{r}, zstd.WithDecoderConcurrency(workers), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &unzipped{s, z}, nil
}

func (u *unzipped) Read(p []byte) (int, error) {
	n, err := u.zip.Read(p)
	if err == io.EOF {
		// What zstd has not asked for may still be there.
		if _, rest := io.Copy(io.Discard, plainReader{u.src}); rest != nil {
			return n, rest
		}
	}
	if err == nil || err == io.EOF || errors.Is(err, backup.ErrDamaged) {
		return n, err
	}
	if cause := context.Cause(u.src.ctx); cause != nil {
		return n, cause
	}
	return n, fmt.Errorf("%w: %s: %w", backup.ErrDamaged, u.src.want.Name, err)
}

func (u *unzipped) Close() error {
	u.zip.Close()
	return u.src.Close()
}

// plainReader hides WriteTo and the like.
type plainReader struct{ io.Reader }
