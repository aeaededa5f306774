package bundle

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/durable"
	"upkeep/internal/files"
)

const (
	// maxWindow bounds the memory that an archive may ask for while it is unpacked.
	maxWindow = 128 << 20
	// spare stays free on the cache's volume whatever an archive holds.
	spare = 64 << 20
)

// openArchive unpacks the archive into the cache, unless it is there already, and loads it from there.
func (b *Bundle) openArchive(ctx context.Context, o Options) error {
	if o.Cache == "" {
		return errors.New("no directory to unpack it into was given")
	}
	cache, err := filepath.Abs(o.Cache)
	if err != nil {
		return err
	}
	f, err := b.fsys.Open(b.origin)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, stopping{ctx, f}); err != nil {
		return fmt.Errorf("cannot read it: %w", err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	b.dir = filepath.Join(cache, sum)
	if _, err := b.fsys.Lstat(b.dir); err == nil {
		err := b.load(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		// Somebody changed the cache; the archive is still there.
		if err := b.fsys.RemoveAll(b.dir); err != nil {
			return err
		}
	}
	if err := b.fsys.MkdirAll(cache, 0o700); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h.Reset()
	return b.unpack(ctx, f, h, sum, o.Limits)
}

// unpack brings the archive under its name in the cache, whole and compared, or not at all.
func (b *Bundle) unpack(ctx context.Context, f io.Reader, h hash.Hash, sum string, limits files.Limits) error {
	final := b.dir
	tmp := files.StagingName(final, rand.Text())
	err := b.extract(ctx, f, h, sum, tmp, limits)
	if err == nil {
		b.dir = tmp
		err = b.load(ctx)
		b.dir = final
	}
	if err == nil {
		err = b.fsys.SyncTree(tmp)
	}
	if err == nil {
		err = b.fsys.Rename(tmp, final)
		if errors.Is(err, fs.ErrExist) { // another process was faster
			if err := b.fsys.RemoveAll(tmp); err != nil {
				return err
			}
			return b.load(ctx)
		}
	}
	if err != nil {
		return errors.Join(err, b.fsys.RemoveAll(tmp))
	}
	return nil
}

func (b *Bundle) extract(ctx context.Context, f io.Reader, h hash.Hash, sum, tmp string, limits files.Limits) error {
	volume, err := b.fsys.Free(filepath.Dir(tmp))
	if err != nil {
		return err
	}
	if limits.Bytes == 0 {
		limits.Bytes = 16 << 30
	}
	if limits.Entries == 0 {
		limits.Entries = 100_000
	}
	limits.Bytes = max(1, min(limits.Bytes, volume.Free-spare))
	tee := io.TeeReader(stopping{ctx, f}, h)
	z, err := zstd.NewReader(tee, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer z.Close()
	_, err = files.Unpack(ctx, b.fsys, z, tmp, files.UnpackOptions{Limits: limits})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, files.ErrTooBig):
		return fmt.Errorf("%w (allowed are %d bytes in %d entries; %d bytes are free on the volume of %s)", err, limits.Bytes, limits.Entries, volume.Free, filepath.Dir(tmp))
	case errors.Is(err, files.ErrUnsafe):
		return fmt.Errorf("%w; do not use this bundle", err)
	case err != nil && ownFault(err):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w; fetch the bundle again", ErrDamaged, err)
	}
	if _, err := io.Copy(io.Discard, tee); err != nil {
		return err
	}
	if now := hex.EncodeToString(h.Sum(nil)); now != sum {
		return fmt.Errorf("%w: the file changed while it was read (sum %s, then %s)", ErrDamaged, sum, now)
	}
	return nil
}

// ownFault tells a failing disk or missing permission of ours from a bad archive.
func ownFault(err error) bool {
	var e *durable.Error
	return errors.As(err, &e)
}

// Sweep removes what interrupted calls of Open left in a cache directory. Only while nothing else opens bundles with it.
func Sweep(fsys durable.FS, cache string) error {
	list, err := fsys.ReadDir(cache)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var errs []error
	for _, e := range list {
		if strings.HasPrefix(e.Name, files.StagingPrefix) {
			errs = append(errs, fsys.RemoveAll(filepath.Join(cache, e.Name)))
		}
	}
	return errors.Join(errs...)
}

// stopping ends a long read when its context does.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}
