package sqlite

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"upkeep/internal/durable"
	"upkeep/internal/scratch"
)

// view is an open database that is certain not to be changed by looking at it.
type view struct {
	*handle
	path string
	// still is true when nobody has the file open and all of the content is in
	// it: it may be copied as it is.
	still bool
}

// look opens the database for reading and calls f, without writing a byte
// beside the product's file or into it:
//
//   - A log (-wal) with its index (-shm): the ordinary read-only way, with the
//     index read-only too; works beside a living writer.
//   - WAL mode without a log, or with one that holds nothing: SQLite would make an
//     empty log to read it (and read-only connections wait in vain, for ten
//     seconds, where a crash left the log's header alone), so it is opened as
//     immutable, and read again if it was opened meanwhile. A product that opens
//     and closes it all the time makes and removes logs all the time: then it is
//     read like that, too.
//   - No WAL: the ordinary read-only way; its lock keeps writers waiting.
//   - A crash left a journal to be rolled back, or a log without index, or with
//     one that it had not made yet: only a writer can read that, so a private copy
//     is recovered and read.
func (db *DB) look(ctx context.Context, f func(view) error) error {
	path, err := db.path()
	if err != nil {
		return err
	}
	const tries = 3
	for range tries {
		changed, err := db.lookOnce(ctx, path, f)
		if err != nil || !changed {
			return err
		}
	}
	return db.with(ctx, path, f, false, "mode=ro")
}

// lookOnce says whether the file may have changed under an immutable view.
func (db *DB) lookOnce(ctx context.Context, path string, f func(view) error) (changed bool, _ error) {
	wal, shm := db.size(path+"-wal"), db.index(path)
	switch {
	case wal > logHeader && shm < 0:
		return false, db.copied(ctx, path, f)
	case shm < 0 || wal <= logHeader:
		logged, err := db.walMode(ctx, path)
		if err != nil {
			return false, err
		}
		if !logged {
			break
		}
		before, err := db.config.FS.Lstat(path)
		if err != nil {
			return false, err
		}
		err = db.with(ctx, path, f, true, "mode=ro", "immutable=1")
		after, statErr := db.config.FS.Lstat(path)
		opened := statErr == nil && (after != before || db.index(path) != shm || db.size(path+"-wal") > logHeader)
		return opened, errors.Join(statErr, ignoreIf(opened, err))
	}
	err := db.with(ctx, path, f, false, "mode=ro", "readonly_shm=1")
	const readOnly, cannotOpen = 8, 14
	if c := code(err) & 0xff; c == readOnly || c == cannotOpen && shm >= 0 {
		return false, db.copied(ctx, path, f)
	}
	return false, err
}

// logHeader is the length of a log without content, indexPage the least that
// its index has (sqlite.org/walformat.html).
const (
	logHeader = 32
	indexPage = 32 << 10
)

// index is the size of the log's index; -1 when there is none, or an opener
// died before it had made one: read-only connections would wait for it in vain.
func (db *DB) index(path string) int64 {
	if n := db.size(path + "-shm"); n >= indexPage {
		return n
	}
	return -1
}

func ignoreIf(yes bool, err error) error {
	if yes {
		return nil
	}
	return err
}

// with opens path, makes sure that it can be read, and calls f. Errors of f
// that are about what f wants, such as a write, are marked by look's callers
// themselves: they keep their code hidden from lookOnce.
func (db *DB) with(ctx context.Context, path string, f func(view) error, still bool, options ...string) error {
	h, err := open(ctx, path, db.patience, options...)
	if err != nil {
		return err
	}
	_, err = h.text(ctx, "SELECT count(*) FROM sqlite_schema")
	if err == nil {
		if err = f(view{handle: h, path: path, still: still}); err != nil {
			err = wanted{err}
		}
	}
	return errors.Join(err, h.close())
}

// wanted hides the result code of an error of the caller's own statements from
// the choice of how to open, and shows it to explain.
type wanted struct{ err error }

func (w wanted) Error() string   { return w.err.Error() }
func (w wanted) Unwrap() []error { return []error{explain(w.err)} }

// walMode reads the format numbers in the header. It goes through SQLite,
// since closing a file of our own would drop the locks that SQLite holds on it
// in this process.
func (db *DB) walMode(ctx context.Context, path string) (bool, error) {
	if db.size(path) == 0 {
		return false, nil
	}
	h, err := open(ctx, path, db.patience, "mode=ro", "immutable=1")
	if err != nil {
		return false, err
	}
	versions, err := h.text(ctx, "SELECT hex(substr(data, 19, 2)) FROM sqlite_dbpage WHERE pgno = 1")
	return versions == "0202", errors.Join(err, h.close())
}

// copied recovers a private copy and reads that.
func (db *DB) copied(ctx context.Context, path string, f func(view) error) (err error) {
	dir, remove, err := db.temp()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	to := filepath.Join(dir, "copy.db")
	for _, part := range []string{"", "-wal", "-journal"} {
		if db.size(path+part) < 0 {
			continue
		}
		if err := copyFile(ctx, db.config.FS, path+part, to+part); err != nil {
			return err
		}
	}
	return db.with(ctx, to, f, false, "mode=rw")
}

// temp makes a private folder.
func (db *DB) temp() (string, func() error, error) {
	d, err := scratch.New(db.config.FS, db.config.Temp, "sqlite")
	if err != nil {
		return "", nil, err
	}
	return d.Path, d.Close, nil
}

func copyFile(ctx context.Context, fsys durable.FS, from, to string) (err error) {
	r, err := fsys.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := fsys.Create(to, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	_, err = io.CopyBuffer(plainWriter{w}, &cancelled{ctx: ctx, r: r}, make([]byte, 256<<10))
	return err
}

// plainWriter hides ReadFrom, so that our buffer is used.
type plainWriter struct{ io.Writer }

// cancelled ends reading when its context ends.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// quote quotes a name.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
