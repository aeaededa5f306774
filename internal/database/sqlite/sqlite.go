// Package sqlite is the database kind for SQLite files, through
// modernc.org/sqlite: no program is needed.
//
// It may import package database, internal/durable, modernc.org/sqlite and the
// standard library.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	driver "modernc.org/sqlite"

	"upkeep/internal/database"
	"upkeep/internal/durable"
)

// Config says which file.
type Config struct {
	Path string // absolute path of the database file
	FS   durable.FS
	// Temp is a folder with room for one copy of the database; a dump of a
	// database in use and a look at one whose owner crashed need it. Empty: the
	// system's.
	Temp string
	// OpID names the operation, and with it what a restore stages.
	OpID string
}

// DB is a SQLite database. It holds the file open only during a call.
type DB struct {
	config   Config
	patience time.Duration // how long a lock of somebody else is waited for
	made     func() error  // removes a scratch database
}

var _ database.Database = (*DB)(nil)

// New makes the value; it opens nothing.
func New(c Config) *DB {
	if c.Temp == "" {
		c.Temp = os.TempDir()
	}
	return &DB{config: c, patience: 10 * time.Second}
}

// Kind is "sqlite".
func (db *DB) Kind() string { return "sqlite" }

// Close removes a scratch database; nothing stays open between calls.
func (db *DB) Close() error {
	if db.made != nil {
		return db.made()
	}
	return nil
}

// Scratch names a file in a temporary folder, which the next one sweeps if we
// are killed.
func (db *DB) Scratch(ctx context.Context) (database.Database, error) {
	dir, remove, err := db.temp()
	if err != nil {
		return nil, db.fail(ctx, "make a scratch database", fmt.Errorf("%w: %w", database.ErrScratch, explain(err)))
	}
	s := &DB{config: db.config, patience: db.patience, made: remove}
	s.config.Path = filepath.Join(dir, "scratch.db")
	if err := db.config.FS.Unsynced().WriteFile(s.config.Path, nil, 0o600); err != nil {
		return nil, errors.Join(db.fail(ctx, "make a scratch database", fmt.Errorf("%w: %w", database.ErrScratch, explain(err))), remove())
	}
	return s, nil
}

// Sessions is empty: SQLite has no server, and what an operation of ours had
// open ended with its process.
func (db *DB) Sessions(context.Context, string) ([]database.Session, error) { return nil, nil }

// EndSessions has nothing to end.
func (db *DB) EndSessions(context.Context, string) (int, error) { return 0, nil }

// path is the file itself: SQLite keeps its log beside what a link leads to.
func (db *DB) path() (string, error) {
	info, err := db.config.FS.Stat(db.config.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: there is no file %s", database.ErrNoDatabase, db.config.Path)
	}
	if err != nil {
		return "", explain(err)
	}
	if !info.IsRegular() {
		return "", fmt.Errorf("%w: %s is not a regular file", database.ErrNoDatabase, db.config.Path)
	}
	resolved, err := filepath.EvalSymlinks(db.config.Path)
	if err != nil {
		return "", explain(err)
	}
	return resolved, nil
}

// fail words an error of an operation.
func (db *DB) fail(ctx context.Context, what string, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("interrupted: %w", cause)
	}
	return fmt.Errorf("cannot %s: database file %s: %w", what, db.config.Path, explain(err))
}

// size of a file, -1 when there is none.
func (db *DB) size(path string) int64 {
	info, err := db.config.FS.Lstat(path)
	if err != nil {
		return -1
	}
	return info.Size
}

// handle is one open connection.
type handle struct {
	*sql.Conn
	pool *sql.DB
}

// open connects to a file with options of SQLite's URIs.
func open(ctx context.Context, path string, patience time.Duration, options ...string) (*handle, error) {
	options = append(options, fmt.Sprintf("_pragma=busy_timeout(%d)", patience.Milliseconds()))
	pool, err := sql.Open("sqlite", uri(path)+"?"+strings.Join(options, "&"))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &handle{Conn: conn, pool: pool}, nil
}

// uri is the path as SQLite reads it (sqlite.org/uri.html).
func uri(path string) string {
	name := filepath.ToSlash(path)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // a drive letter
	}
	return "file:" + (&url.URL{Path: name}).EscapedPath()
}

func (h *handle) close() error { return errors.Join(h.Conn.Close(), h.pool.Close()) }

// text reads one value.
func (h *handle) text(ctx context.Context, query string) (string, error) {
	var s string
	err := h.QueryRowContext(ctx, query).Scan(&s)
	return s, err
}

// codes maps SQLite's primary result codes (sqlite.org/rescode.html).
var codes = map[int]error{
	3: database.ErrPermission, 5: database.ErrInUse, 6: database.ErrInUse, 8: database.ErrPermission, 11: database.ErrDamaged,
	13: database.ErrDiskFull, 14: database.ErrPermission, 23: database.ErrPermission, 26: database.ErrDamaged,
}

func code(err error) int {
	var s *driver.Error
	if errors.As(err, &s) {
		return s.Code()
	}
	return 0
}

// explain adds what an error means.
func explain(err error) error {
	for _, kind := range []error{database.ErrInUse, database.ErrDamaged, database.ErrDiskFull, database.ErrPermission, database.ErrNoDatabase, database.ErrNoRow, database.ErrScript} {
		if errors.Is(err, kind) {
			return err
		}
	}
	kind := codes[code(err)&0xff]
	switch {
	case kind != nil:
	case errors.Is(err, syscall.ENOSPC):
		kind = database.ErrDiskFull
	case errors.Is(err, fs.ErrPermission):
		kind = database.ErrPermission
	default:
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// TempDir is where a dump needs room for one copy of the database.
func (db *DB) TempDir() string { return db.config.Temp }
