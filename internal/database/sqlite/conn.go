package sqlite

import (
	"context"
	"fmt"
	"time"

	"upkeep/internal/database"
)

// conn carries out scripts.
type conn struct {
	*handle
	db *DB
}

const carrying = "carry out scripts"

// Connect implements database.Database. SQLite's own locks let one transaction
// write; who else has the file open cannot be told.
func (db *DB) Connect(ctx context.Context, limits database.Limits) (database.Conn, error) {
	path, err := db.path()
	if err != nil {
		return nil, db.fail(ctx, carrying, err)
	}
	patience := db.patience
	if limits.Lock > 0 {
		patience = min(patience, max(limits.Lock, time.Millisecond))
	}
	h, err := open(ctx, path, patience, "mode=rw", "_pragma=synchronous(full)")
	if err != nil {
		return nil, db.fail(ctx, carrying, err)
	}
	return &conn{h, db}, nil
}

// ID implements database.Conn.
func (c *conn) ID() string { return "" }

// Exec implements database.Conn.
func (c *conn) Exec(ctx context.Context, s database.Statement) (int64, error) {
	res, err := c.ExecContext(ctx, s.Text)
	if err != nil {
		if err = c.db.fail(ctx, carrying, err); s.Line > 0 {
			err = &database.LineError{Line: s.Line, Err: err}
		}
		return 0, err
	}
	n := int64(0)
	if len(s.Words) > 0 && (s.Words[0] == "INSERT" || s.Words[0] == "UPDATE" || s.Words[0] == "DELETE" || s.Words[0] == "REPLACE") {
		n, _ = res.RowsAffected() // others give the number of the statement before
	}
	return n, nil
}

// Close implements database.Conn.
func (c *conn) Close() error { return c.close() }

// Native implements database.Database: a shell of SQLite of another version
// than ours could write what ours does not read.
func (db *DB) Native(context.Context) (database.Client, error) {
	return database.Client{}, fmt.Errorf("%w: scripts of SQLite are carried out by Upkeep itself", database.ErrToolMissing)
}
