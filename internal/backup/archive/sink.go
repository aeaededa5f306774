package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
)

// Bounds that keep the memory of a backup of any size in the tens of megabytes:
// two blocks at a time, and a window that every zstd reads without asking.
const (
	workers = 2
	window  = 2 << 20
)

// sink is one file of a restore point being written: what is written to it is
// compressed, counted and summed.
type sink struct {
	ctx  context.Context
	name string
	role backup.Role
	file durable.File
	sum  hash.Hash // of the file; nil: whoever follows takes it
	tail *tail     // nil: nobody follows
	size int64
	zip  *zstd.Encoder
	lock io.WriteCloser // what zip writes to: it encrypts, where that is wanted
	raw  hash.Hash      // of the content
	in   int64
	tell func(int64)
}

// create begins a compressed file in the folder dir. tell hears of content
// taken, in bytes.
func (a *Archive) create(ctx context.Context, dir, name string, role backup.Role, tell func(int64)) (*sink, error) {
	name = a.keys.name(name)
	f, err := a.fs.Create(a.path(dir, name), 0o600)
	if err != nil {
		return nil, err
	}
	s := &sink{ctx: ctx, name: name, role: role, file: f, tell: tell}
	if role == backup.Dump || role == backup.Globals {
		s.raw, s.sum = sha256.New(), sha256.New()
	} else { // the entries of a tar have sums of their own
		s.tail = newTail()
	}
	if s.lock, err = a.keys.seal(stored{s}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// Lower memory would cost more time than all the rest: the window is then moved
	// for every block. And every block is entropy-coded: pg_dump writes binary columns as hexadecimal
	// text, in which nothing repeats and which still shrinks to half.
	s.zip, err = zstd.NewWriter(s.lock, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithAllLitEntropyCompression(true), zstd.WithEncoderConcurrency(workers), zstd.WithWindowSize(window), zstd.WithZeroFrames(true))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// Write takes content.
func (s *sink) Write(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	if s.raw != nil {
		s.raw.Write(p)
	}
	n, err := s.zip.Write(p)
	s.in += int64(n)
	s.tell(int64(n))
	return n, err
}

// content is the sum of what was taken.
func (s *sink) content() string { return hex.EncodeToString(s.raw.Sum(nil)) }

// stored is the compressed side.
type stored struct{ s *sink }

func (w stored) Write(p []byte) (int, error) {
	if err := wait(w.s.ctx, len(p)); err != nil {
		return 0, err
	}
	n, err := w.s.file.Write(p)
	if w.s.sum != nil {
		w.s.sum.Write(p[:n])
	}
	w.s.size += int64(n)
	w.s.tail.grow(n)
	return n, err
}

// finish closes the file, synced, and describes it: without its sum, where who
// reads it back takes that.
func (s *sink) finish() (backup.Stored, error) {
	err := s.zip.Close()
	if err == nil {
		err = s.lock.Close()
	}
	s.tail.end(err)
	if err == nil {
		err = s.file.Sync()
	}
	if err := errors.Join(err, s.file.Close()); err != nil {
		return backup.Stored{}, err
	}
	out := backup.Stored{Name: s.name, Role: s.role, Bytes: s.size}
	if s.sum != nil {
		out.SHA256 = hex.EncodeToString(s.sum.Sum(nil))
	}
	return out, nil
}

// drop closes what will not be finished: its folder is swept later.
func (s *sink) drop() {
	_ = s.zip.Close()  // waits for its goroutines; the content is worth nothing
	_ = s.file.Close() // likewise
	s.tail.end(errDropped)
}

// small writes a small file, encrypted where that is wanted.
func (a *Archive) small(dir, name string, role backup.Role, data []byte) (backup.Stored, error) {
	data, err := a.keys.sealed(data)
	if err != nil {
		return backup.Stored{}, err
	}
	return a.plain(dir, a.keys.name(name), role, data)
}

// plain writes a small file as it is.
func (a *Archive) plain(dir, name string, role backup.Role, data []byte) (backup.Stored, error) {
	f, err := a.fs.Create(a.path(dir, name), 0o600)
	if err != nil {
		return backup.Stored{}, err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return backup.Stored{}, err
	}
	sum := sha256.Sum256(data)
	return backup.Stored{Name: name, Role: role, Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}, nil
}
