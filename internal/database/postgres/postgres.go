// Package postgres is the database kind for PostgreSQL 12 and later: questions
// through pgx, dumps and restores through the server's own pg_dump, pg_restore
// and psql.
//
// It may import package database, pgx and the standard library.
package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"upkeep/internal/database"
)

// Config says which database, and in whose name.
type Config struct {
	// Address gives the URL or key=value string, password included. It is
	// called when a connection is made and its result is never kept, printed or
	// put in an argument: child programs get the password in their environment.
	Address func() (string, error)
	// OpID names the operation; every session carries it (see AppName).
	OpID string
	// Tools is the folder of pg_dump, pg_restore and psql. Empty: looked up.
	Tools string
}

// DB is a PostgreSQL database. It holds no connection between calls, so that
// it never stands in the way of the product, unless Keep was called.
type DB struct {
	config   Config
	tools    toolbox
	patience time.Duration // how long a dump or a restore waits for a lock
	keep     bool          // a connection may outlive its question, until Close
	kept     *link         // that does
	inside   string        // a scratch database: this one, and none that the address names
	settings [][2]string   // that sessions in the product's database have from it
	made     func() error  // removes it
}

var _ database.Database = (*DB)(nil)

// New makes the value; it connects to nothing.
func New(c Config) *DB {
	return &DB{config: c, tools: toolbox{dir: c.Tools}, patience: 30 * time.Second}
}

// Kind is "postgres".
func (db *DB) Kind() string { return "postgres" }

// Close ends the connection that was kept; no other outlives a call. A scratch
// database is removed.
func (db *DB) Close() error {
	if db.kept != nil {
		db.kept.close()
		db.kept = nil
	}
	if db.made != nil {
		return db.made()
	}
	return nil
}

// AppName is the application_name of the sessions of an operation:
// "upkeep/" and its id. PostgreSQL cuts names at 63 bytes without a word, so a
// longer one ends in a hash instead.
func AppName(opID string) string {
	const most = 63
	name := "upkeep/" + opID
	if len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(opID))
	tail := "#" + hex.EncodeToString(sum[:8])
	return strings.ToValidUTF8(name[:most-len(tail)], "") + tail
}

// link is one connection with what messages and child programs need to know.
type link struct {
	*pgx.Conn
	env    []string // for child programs; holds the password
	where  string   // database "shop" at 127.0.0.1:5432
	server string   // "15.18"
	major  int
}

// connect opens a connection for what, a verb for messages.
func (db *DB) connect(ctx context.Context, what string) (*link, error) {
	address, err := db.config.Address()
	if err != nil {
		return nil, fmt.Errorf("cannot %s: cannot read the database address: %w", what, err)
	}
	target, err := parse(address)
	if err != nil {
		return nil, fmt.Errorf("cannot %s: %w", what, err)
	}
	if db.inside != "" {
		target.enter(db.inside)
	}
	target.config.RuntimeParams["application_name"] = AppName(db.config.OpID)
	conn, err := pgx.ConnectConfig(ctx, target.config)
	if err != nil {
		return nil, fmt.Errorf("cannot %s: %s: %w", what, target.where, explain(ctx, err))
	}
	l := &link{Conn: conn, where: target.where, env: target.environment(AppName(db.config.OpID))}
	l.server = conn.PgConn().ParameterStatus("server_version")
	l.server, _, _ = strings.Cut(l.server, " ")
	l.major = majorOf(l.server)
	if db.inside != "" {
		var at string
		if err := conn.QueryRow(ctx, "SELECT current_database()").Scan(&at); err != nil || at != db.inside {
			l.close()
			return nil, fmt.Errorf("cannot %s: %s: the server leads to the database %q: %w", what, l.where, at, errors.Join(database.ErrScratch, err))
		}
		for _, s := range db.settings {
			if _, err := conn.Exec(ctx, "SELECT set_config($1, $2, false)", s[0], s[1]); err != nil {
				l.close()
				return nil, l.fail(ctx, what, fmt.Errorf("%s is set for the product's database: %w", s[0], err))
			}
		}
	}
	const oldest = 12
	if l.major < oldest {
		l.close()
		return nil, fmt.Errorf("cannot %s: %s: the server is PostgreSQL %s, and %d is the oldest that can be upgraded safely", what, l.where, l.server, oldest)
	}
	return l, nil
}

// close says goodbye, within a bound.
func (l *link) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = l.Conn.Close(ctx) // the session ends with the socket in any case
}

// fail words an error of an operation on l.
func (l *link) fail(ctx context.Context, what string, err error) error {
	return fmt.Errorf("cannot %s: %s: %w", what, l.where, explain(ctx, err))
}

// readOnly begins a transaction that sees one moment and cannot write, with
// everything fixed that the text form of a value depends on.
func (l *link) readOnly(ctx context.Context) (pgx.Tx, error) {
	tx, err := l.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `SELECT set_config(name, value, true) FROM (VALUES
		('search_path', 'pg_catalog'), ('row_security', 'off'), ('DateStyle', 'ISO, YMD'),
		('IntervalStyle', 'postgres'), ('TimeZone', 'UTC'), ('extra_float_digits', '3'),
		('bytea_output', 'hex'), ('xmloption', 'content'), ('lc_monetary', 'C'),
		('statement_timeout', '0'), ('quote_all_identifiers', 'off')) AS s(name, value)`)
	if err != nil {
		_ = tx.Rollback(ctx)
		return nil, err
	}
	return tx, nil
}
