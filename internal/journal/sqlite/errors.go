package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"upkeep/internal/journal"
)

// damaged says that the file does not hold what was written to it.
func (j *Journal) damaged(err error) error {
	return fmt.Errorf("%w: %s: %w; nothing was changed; restore this file from a backup of the computer, or see docs/explanation/recovery.md on going on without it", journal.ErrDamaged, j.path, err)
}

// fault explains an error of the driver: a file that is not what was
// written, or one that cannot be read or written just now. Errors of the
// journal's own stay as they are.
func (j *Journal) fault(what string, err error) error {
	var open *journal.OpenRunError
	switch {
	case err == nil, errors.Is(err, journal.ErrDamaged), errors.Is(err, journal.ErrStale), errors.Is(err, journal.ErrNewer), errors.As(err, &open):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, sql.ErrConnDone):
		return fmt.Errorf("cannot %s the journal %s: %w", what, j.path, err)
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("cannot %s the journal %s: %w", what, j.path, err)
	}
	switch e.Code() & 0xff { // the extended codes keep the plain one there
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH:
		return j.damaged(err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("cannot %s the journal %s: the disk is full; nothing was written; make room and start again: %w", what, j.path, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("cannot %s the journal %s: another process has held it for too long: %w", what, j.path, err)
	}
	return fmt.Errorf("cannot %s the journal %s: %w", what, j.path, err)
}

// busy says that another process has the file.
func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}
