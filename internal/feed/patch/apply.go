package patch

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/bundle"
	"upkeep/internal/durable"
)

// Making ends the name of a payload that is not whole yet.
const Making = ".making"

// spare stays free on the volume.
const spare = 64 << 20

// Want is the payload that must come out, as it was signed.
type Want struct {
	Bytes  int64
	SHA256 string // 64 hexadecimal digits
}

// Apply makes the payload dest of the payload old and a patch; all are absolute
// paths. dest appears whole and durable, or not at all; one that is there is
// replaced. An error that is ErrUnusable says that the payload must be fetched whole;
// others are faults of this computer. It takes the size of the old tar and about 25 MB in memory, and
// refuses tars above tarLimit bytes (0: MaxTar).
func Apply(ctx context.Context, fsys durable.FS, old, patch, dest string, want Want, tarLimit int64) error {
	if err := apply(ctx, fsys, old, patch, dest, want, tarLimit); err != nil {
		return fmt.Errorf("cannot make %s by a patch: %w", filepath.Base(dest), err)
	}
	return nil
}

func apply(ctx context.Context, fsys durable.FS, old, patch, dest string, want Want, tarLimit int64) error {
	p, err := fsys.OpenNoFollow(patch)
	if err != nil {
		return err
	}
	defer p.Close()
	i, err := p.Stat()
	if err != nil {
		return err
	}
	h, err := readHeader(p, i.Size)
	if err != nil {
		return err
	}
	if tarLimit > 0 && max(h.Old.Size, h.New.Size) > tarLimit {
		return fmt.Errorf("%w: it is between tars of %d and %d MiB, and %d are allowed", ErrTooBig, h.Old.Size>>20, h.New.Size>>20, tarLimit>>20)
	}
	v, err := fsys.Free(filepath.Dir(dest))
	if err != nil {
		return err
	}
	if want.Bytes+spare > v.Free {
		return fmt.Errorf("%d MiB are needed on the volume of %s and %d MiB are free; make room there", (want.Bytes+spare)>>20, filepath.Dir(dest), v.Free>>20)
	}
	base, err := load(ctx, fsys, old, h.Old)
	if err != nil {
		return err
	}
	runtime.GC()                                 // what unpacking took makes room for what follows
	making, lazy := dest+Making, fsys.Unsynced() // nothing refers to it: what a power cut brings back, the next try removes
	if err := lazy.Remove(making); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // what an earlier try has left
	}
	f, err := fsys.Create(making, 0o644)
	if err != nil {
		return err
	}
	out := &bounded{w: f, left: want.Bytes, hash: sha256.New()}
	err = rebuild(ctx, h, base, p, out)
	if err == nil && (out.left != 0 || hex.EncodeToString(out.hash.Sum(nil)) != want.SHA256) {
		err = ErrResult
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		return fsys.Replace(making, dest)
	}
	return errors.Join(err, lazy.Remove(making))
}

// load unpacks the payload that the patch begins with.
func load(ctx context.Context, fsys durable.FS, path string, is tarSum) ([]byte, error) {
	f, err := fsys.OpenNoFollow(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBase, err)
	}
	defer f.Close()
	z, err := zstd.NewReader(stopping{ctx, f}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(payloadWindow))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	tar := make([]byte, is.Size)
	_, err = io.ReadFull(z, tar)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBase, err)
	}
	if n, _ := io.ReadFull(z, make([]byte, 1)); n > 0 || sha256.Sum256(tar) != is.Sum {
		return nil, fmt.Errorf("%w: its tar has another sum", ErrBase)
	}
	return tar, nil
}

// bounded is the payload as it comes out; more than was signed is an error.
type bounded struct {
	w    io.Writer
	left int64
	hash hash.Hash
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		return 0, fmt.Errorf("%w: it becomes longer", ErrResult)
	}
	b.left -= int64(len(p))
	b.hash.Write(p)
	return b.w.Write(p)
}

// rebuild makes the new tar and compresses it.
func rebuild(ctx context.Context, h header, old []byte, patch io.ReaderAt, out io.Writer) error {
	z, err := bundle.Compressor(out)
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = replay(ctx, h, old, patch, io.MultiWriter(sum, z))
	if cerr := z.Close(); err == nil {
		err = cerr
	}
	if err == nil && [sha256.Size]byte(sum.Sum(nil)) != h.New.Sum {
		err = fmt.Errorf("%w: it makes another tar than it says", ErrDamaged)
	}
	return err
}

// replay carries out the instructions of a patch. It writes what the header
// announces, and never more.
func replay(ctx context.Context, h header, old []byte, patch io.ReaderAt, tar io.Writer) error {
	var parts [3]*bufio.Reader
	at := headerSize
	for i, n := range h.Parts {
		z, err := unpacked(stopping{ctx, io.NewSectionReader(patch, at, n)}, windows()[i])
		if err != nil {
			return err
		}
		defer z.Close()
		parts[i], at = bufio.NewReaderSize(z, 64<<10), at+n
	}
	r := replaying{old: old, left: h.New.Size, steps: parts[0], differences: parts[1], fresh: parts[2], tar: tar, buf: make([]byte, 64<<10)}
	for r.left > 0 {
		if err := r.step(); err != nil {
			return cause(ctx, err)
		}
	}
	for _, p := range parts {
		if _, err := p.ReadByte(); err != io.EOF {
			return cause(ctx, fmt.Errorf("it goes on after its end: %w", errPatch{err}))
		}
	}
	return nil
}

// errPatch is what reading the patch says; the rest are errors of writing.
type errPatch struct{ error }

func cause(ctx context.Context, err error) error {
	var p errPatch
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &p):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

type replaying struct {
	old                       []byte
	next                      int64 // in the old tar, where the last step ended
	left                      int64 // of the new one
	steps, differences, fresh *bufio.Reader
	tar                       io.Writer
	buf                       []byte
}

var errStep = errPatch{errors.New("it asks for what is not there")}

// step is one stretch of the new tar.
func (r *replaying) step() error {
	length, err := binary.ReadUvarint(r.steps)
	if err != nil {
		return errPatch{err}
	}
	fresh, err := binary.ReadUvarint(r.steps)
	if err != nil {
		return errPatch{err}
	}
	shift, err := binary.ReadVarint(r.steps)
	if err != nil {
		return errPatch{err}
	}
	left := uint64(r.left)
	if length > left || fresh > left-length || length+fresh == 0 || shift > MaxTar || shift < -MaxTar {
		return errStep
	}
	from := r.next + shift
	if size := int64(len(r.old)); from < 0 || from > size || int64(length) > size-from {
		return errStep
	}
	r.next, r.left = from+int64(length), r.left-int64(length+fresh)
	for old := r.old[from:r.next]; len(old) > 0; {
		b := r.buf[:min(len(r.buf), len(old))]
		if _, err := io.ReadFull(r.differences, b); err != nil {
			return errPatch{err}
		}
		for i := range b {
			b[i] += old[i]
		}
		if _, err := r.tar.Write(b); err != nil {
			return err
		}
		old = old[len(b):]
	}
	for n := int(fresh); n > 0; {
		b := r.buf[:min(len(r.buf), n)]
		if _, err := io.ReadFull(r.fresh, b); err != nil {
			return errPatch{err}
		}
		if _, err := r.tar.Write(b); err != nil {
			return err
		}
		n -= len(b)
	}
	return nil
}
