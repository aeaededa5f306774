package crashfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"upkeep/internal/durable"
)

var errNegative = errors.New("negative offset")

// file is an open file. Handles keep an inode alive without a name.
type file struct {
	v      *volume
	n      *node
	path   string
	at     int64
	closed bool
}

// fill writes into a file as far as there is room.
func (v *volume) fill(n *node, p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if off+int64(len(p)) > maxData {
		return 0, syscall.EFBIG
	}
	var full error
	for {
		body := n.now.body.covered(off, off+int64(len(p)))
		more, room := body.alloc()-n.now.body.alloc(), v.room()
		if more <= room {
			v.used += more
			break
		}
		full = syscall.ENOSPC
		// leave out what needs the last blocks
		end := max(off, (blocks(off+int64(len(p)))-max(1, blocks(more-room)))*block)
		if p = p[:end-off]; len(p) == 0 {
			return 0, full
		}
	}
	n.now.body = n.now.body.written(p, off)
	v.wrote(n)
	return len(p), full
}

func (v *volume) truncate(n *node, size int64) error {
	switch {
	case size < 0:
		return syscall.EINVAL
	case size > maxSize:
		return syscall.EFBIG
	}
	before := n.now.body.alloc()
	n.now.body = n.now.body.truncated(size)
	v.used += n.now.body.alloc() - before
	v.wrote(n)
	return nil
}

func (v *volume) wrote(n *node) {
	n.dropCapability()
	v.touch(n, data)
	n.now.mtime = n.now.ctime
}

// use is one call on an open file.
func (f *file) use(op string, effect func() error) error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if f.closed {
		return fail(op, f.path, os.ErrClosed)
	}
	return fail(op, f.path, effect())
}

func (f *file) Write(p []byte) (n int, err error) {
	err = f.use("write", func() (err error) {
		n, err = f.v.fill(f.n, p, f.at)
		f.at += int64(n)
		return err
	})
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.use("write", func() (err error) {
		if off < 0 {
			return errNegative
		}
		n, err = f.v.fill(f.n, p, off)
		return err
	})
	return n, err
}

func (f *file) Truncate(size int64) error {
	return f.use("truncate", func() error { return f.v.truncate(f.n, size) })
}

func (f *file) Sync() error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if f.closed {
		return failSync("sync", f.path, os.ErrClosed)
	}
	f.n.sync()
	return nil
}

func (f *file) Close() error {
	return f.use("close", func() error {
		f.close()
		return nil
	})
}

func (f *file) close() {
	f.closed = true
	f.n.opens--
	f.v.release(f.n)
}

// reader is a file opened for reading. As in durable its errors are those of os.File, but Stat's.
type reader struct{ file }

func (r *reader) use(op string, effect func() error) error {
	r.v.mu.Lock()
	defer r.v.mu.Unlock()
	err := error(os.ErrClosed)
	if !r.closed {
		err = effect()
	}
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: op, Path: r.path, Err: err}
}

func (r *reader) Read(p []byte) (n int, err error) {
	err = r.use("read", func() error {
		n, err = r.readAt(p, r.at)
		r.at += int64(n)
		if n > 0 {
			return nil
		}
		return err
	})
	return n, err
}

func (r *reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "readat", Path: r.path, Err: errNegative}
	}
	err = r.use("read", func() error {
		n, err = r.readAt(p, off)
		return err
	})
	return n, err
}

// readAt gives io.EOF with fewer bytes than asked for.
func (r *reader) readAt(p []byte, off int64) (int, error) {
	if r.n.isDir() {
		return 0, syscall.EISDIR
	}
	n := r.n.now.body.read(p, off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (r *reader) Seek(offset int64, whence int) (at int64, err error) {
	err = r.use("seek", func() error {
		switch whence {
		case io.SeekStart:
		case io.SeekCurrent:
			offset += r.at
		case io.SeekEnd:
			offset += r.n.now.body.size
		default:
			return syscall.EINVAL
		}
		if offset < 0 {
			return syscall.EINVAL
		}
		r.at, at = offset, offset
		return nil
	})
	return at, err
}

func (r *reader) Stat() (durable.Info, error) {
	var i durable.Info
	err := r.file.use("stat", func() error {
		i = r.n.info(filepath.Base(r.path))
		return nil
	})
	return i, err
}

func (r *reader) Close() error {
	return r.use("close", func() error {
		r.close()
		return nil
	})
}
