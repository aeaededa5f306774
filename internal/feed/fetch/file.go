package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"upkeep/internal/durable"
)

const (
	// Part ends the name of a file that is not whole yet.
	Part = ".part"
	// spare stays free on the volume.
	spare = 64 << 20
	// retries are made of a transfer that breaks off, in a row without a single
	// new byte, each after a pause.
	retries = 3
	pause   = time.Second
)

// File fetches a file of a known length and SHA-256 (in hexadecimal digits) to
// the absolute path dest, where it appears whole and durable, or not at all. What has come before an
// error, the end of ctx, or a kill, stays beside it as dest.part, and the next
// call goes on there: what it holds counts only once the sum of the whole is
// right. Each mirror is asked in turn. If dest is there with that sum, there is nothing to do.
func (f *Fetcher) File(ctx context.Context, name string, length int64, sum, dest string) error {
	t := &transfer{Fetcher: f, name: name, length: length, sum: sum, dest: dest}
	if err := t.run(ctx); err != nil {
		return &Error{Name: name, Err: err}
	}
	return nil
}

// transfer is one call of File.
type transfer struct {
	*Fetcher
	name      string
	length    int64
	sum, dest string

	part durable.File
	done int64     // bytes in the part
	hash hash.Hash // of them
}

func (t *transfer) run(ctx context.Context) error {
	if raw, err := hex.DecodeString(t.sum); err != nil || len(raw) != sha256.Size || t.length < 0 {
		return fmt.Errorf("a file of %d bytes with the SHA-256 %q cannot be", t.length, t.sum)
	}
	if there, err := t.there(ctx); there || err != nil {
		return err
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	err := t.mirrors(ctx)
	if err == nil {
		return t.finish()
	}
	return errors.Join(err, t.keep())
}

// keep ends a try that was in vain. What has come stays, also over a power cut.
func (t *transfer) keep() error {
	if t.done == 0 {
		_ = t.part.Close() // it goes away
		return t.FS.Remove(t.dest + Part)
	}
	if err := t.part.Sync(); err != nil {
		_ = t.part.Close() // see above
		return err
	}
	return t.part.Close()
}

// there says whether the file has been fetched before.
func (t *transfer) there(ctx context.Context) (bool, error) {
	i, err := t.FS.Lstat(t.dest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !i.IsRegular():
		return false, fmt.Errorf("%s is there and no regular file: move it away", t.dest)
	case i.Size != t.length:
		return false, nil
	}
	h := sha256.New()
	if _, err := t.read(ctx, t.dest, h); err != nil {
		return false, err
	}
	if hex.EncodeToString(h.Sum(nil)) != t.sum {
		return false, nil
	}
	// Whoever put it there may have died before it had a durable name.
	return true, t.FS.SyncDir(filepath.Dir(t.dest))
}

func (t *transfer) read(ctx context.Context, path string, h hash.Hash) (int64, error) {
	r, err := t.FS.OpenNoFollow(path)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(h, stopping{ctx, r})
}

// begin opens the part, with what is in it.
func (t *transfer) begin(ctx context.Context) (err error) {
	path := t.dest + Part
	t.hash = sha256.New()
	i, err := t.FS.Lstat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing:
	case err != nil:
		return err
	case !i.IsRegular():
		return fmt.Errorf("%s is there and no regular file: move it away", path)
	case i.Size <= t.length: // or it is of another file
		if t.done, err = t.read(ctx, path, t.hash); err != nil {
			return err
		}
	}
	if err := t.room(); err != nil {
		return err
	}
	if missing {
		if t.part, err = t.FS.Create(path, 0o644); err == nil {
			err = t.FS.SyncDir(filepath.Dir(path))
		}
	} else if t.part, err = t.FS.Append(path); err == nil && t.done != i.Size {
		err = t.part.Truncate(t.done)
	}
	if err != nil && t.part != nil {
		_ = t.part.Close() // nothing was written
	}
	return t.explain(err)
}

// room refuses to begin what cannot end.
func (t *transfer) room() error {
	dir := filepath.Dir(t.dest)
	v, err := t.FS.Free(dir)
	if err != nil {
		return err
	}
	if need := t.length - t.done; need+spare > v.Free {
		return fmt.Errorf("%w on the volume of %s: %d MiB are needed and %d MiB are free; make room there, and give the command again", ErrNoRoom, dir, (need+spare)>>20, v.Free>>20)
	}
	return nil
}

// explain says what to do about a volume that cannot be written to.
func (t *transfer) explain(err error) error {
	dir := filepath.Dir(t.dest)
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w on the volume of %s; make room there, and give the command again: it goes on where it was: %w", ErrNoRoom, dir, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be written to; mount it writable, or run Upkeep with an account that may write there: %w", dir, err)
	}
	return err
}

// here is a fault of this computer: another mirror would not help.
type here struct{ error }

func (h here) Unwrap() error { return h.error }

// mirrors asks each mirror for what is missing, until the file is whole and is
// the right one.
func (t *transfer) mirrors(ctx context.Context) error {
	var errs several
	for _, s := range Split(t.Source) {
		err := t.mirror(ctx, s)
		if err == nil {
			return nil
		}
		if own, ok := errors.AsType[here](err); ok {
			return t.explain(own.error)
		}
		if ctx.Err() != nil || errors.Is(err, errWindow) {
			return fmt.Errorf("stopped after %d bytes of %d; the next try goes on there: %w", t.done, t.length, err)
		}
		errs = append(errs, fmt.Errorf("%s: %w", named(s), err))
	}
	return errs.err()
}

// mirror tries one mirror. What turns out to be wrong is thrown away; if some
// of it was there before, that may have been at fault, and not the mirror.
func (t *transfer) mirror(ctx context.Context, s Source) error {
	for {
		earlier := t.done > 0
		if err := t.transfer(ctx, s); err != nil {
			return err
		}
		got := hex.EncodeToString(t.hash.Sum(nil))
		if got == t.sum {
			return nil
		}
		if err := t.restart(); err != nil {
			return err
		}
		if !earlier {
			return fmt.Errorf("%w: its SHA-256 is %s and should be %s; tell whoever runs the mirror", ErrWrong, got, t.sum)
		}
	}
}

func (t *transfer) restart() error {
	if err := t.part.Truncate(0); err != nil {
		return here{err}
	}
	t.done = 0
	t.hash.Reset()
	return nil
}

// transfer fetches what is missing; a connection that breaks is opened anew as
// long as that brings something.
func (t *transfer) transfer(ctx context.Context, s Source) error {
	for failed := 0; t.done < t.length; {
		before := t.done
		err := t.piece(ctx, s)
		if errors.Is(err, ErrWhole) && t.done > 0 {
			if err := t.restart(); err != nil {
				return err
			}
			continue
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrBroken) || ctx.Err() != nil {
			return err
		}
		if failed++; t.done > before {
			failed = 0
		}
		if failed >= retries {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if t.Progress != nil {
		t.Progress(t.done, t.length)
	}
	return nil
}

// piece is one connection.
func (t *transfer) piece(ctx context.Context, s Source) error {
	r, total, err := t.open(ctx, s, t.name, t.done)
	if err != nil {
		return err
	}
	defer r.Close()
	if total >= 0 && total != t.length {
		return fmt.Errorf("%w: it has %d bytes and should have %d; tell whoever runs the mirror", ErrWrong, total, t.length)
	}
	buf := make([]byte, 4*chunk)
	for {
		// one byte more than is missing would show that it is too long
		n, err := r.Read(buf[:min(int64(len(buf)), t.length-t.done+1)])
		if int64(n) > t.length-t.done {
			return fmt.Errorf("%w: it does not end after its %d bytes; tell whoever runs the mirror", ErrTooLong, t.length)
		}
		if n > 0 {
			if _, err := t.part.WriteAt(buf[:n], t.done); err != nil {
				return here{err}
			}
			t.hash.Write(buf[:n])
			t.done += int64(n)
			if t.Progress != nil && t.done < t.length {
				t.Progress(t.done, t.length)
			}
		}
		switch {
		case err == io.EOF && t.done < t.length:
			return fmt.Errorf("%w after %d bytes of %d", ErrBroken, t.done, t.length)
		case err == io.EOF || err == nil && t.done == t.length && total >= 0:
			return nil
		case err != nil:
			return err
		}
	}
}

// finish gives the file its name.
func (t *transfer) finish() error {
	if err := t.part.Sync(); err != nil {
		_ = t.part.Close() // it is not durable anyway
		return t.explain(err)
	}
	if err := t.part.Close(); err != nil {
		return t.explain(err)
	}
	return t.explain(t.FS.Replace(t.dest+Part, t.dest))
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
