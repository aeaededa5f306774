package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"upkeep/internal/database"
)

// conn carries out scripts.
type conn struct{ *link }

// lockKey names the lock of who carries out scripts. Advisory locks belong to
// one database, so the same number does for all.
const lockKey = 0x75706b656570 // "upkeep"

// justEnded is how long the server may need to notice that a session has gone.
const justEnded = 3 * time.Second

// Connect implements database.Database.
func (db *DB) Connect(ctx context.Context, limits database.Limits) (database.Conn, error) {
	const what = "carry out scripts"
	l, err := db.connect(ctx, what)
	if err != nil {
		return nil, err
	}
	if err := l.work(ctx, limits); err != nil {
		l.close()
		return nil, l.fail(ctx, what, err)
	}
	return &conn{l}, nil
}

func (l *link) work(ctx context.Context, limits database.Limits) error {
	var got bool
	for end := time.Now().Add(justEnded); ; {
		if err := l.QueryRow(ctx, "SELECT pg_catalog.pg_try_advisory_lock($1)", int64(lockKey)).Scan(&got); err != nil {
			return err
		}
		if got || time.Now().After(end) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	if !got {
		var who string
		err := l.QueryRow(ctx, `SELECT coalesce(string_agg(format('session %s, %s, account %s, since %s', a.pid, coalesce(nullif(a.application_name, ''), 'without a name'), a.usename,
			to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ')), '; '), 'it has just ended')
			FROM pg_catalog.pg_locks k JOIN pg_catalog.pg_stat_activity a USING (pid)
			WHERE k.locktype = 'advisory' AND k.granted AND k.objsubid = 1 AND k.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
			AND (k.classid::bigint << 32) + k.objid::bigint = $1`, int64(lockKey)).Scan(&who)
		if err != nil {
			who = "who, the server does not say"
		}
		return fmt.Errorf("%w: another Upkeep carries out scripts (%s)", database.ErrInUse, who)
	}
	if limits.Lock == 0 {
		limits.Lock = time.Minute // the product is stopped: what still holds a lock would hold it for long
	}
	_, err := l.Exec(ctx, fmt.Sprintf("SET lock_timeout = %d; SET statement_timeout = %d; SET default_transaction_read_only = off", limits.Lock.Milliseconds(), limits.Statement.Milliseconds()))
	return err
}

// ID implements database.Conn.
func (c *conn) ID() string { return fmt.Sprint(c.PgConn().PID()) }

// Exec implements database.Conn. The protocol that it uses takes one statement
// only: what the scanner might take for a part of one cannot step out of the
// transaction.
func (c *conn) Exec(ctx context.Context, s database.Statement) (int64, error) {
	before := c.PgConn().TxStatus()
	tag, err := c.PgConn().ExecParams(ctx, s.Text, nil, nil, nil, nil).Close()
	switch {
	case err != nil:
		return 0, atLine(s, err, c.fail(ctx, "carry out scripts", err))
	case before == 'T' && c.PgConn().TxStatus() != 'T' && s.Line > 0:
		return 0, atLine(s, nil, c.fail(ctx, "carry out scripts", fmt.Errorf("%w: it ended the transaction", database.ErrScript)))
	}
	return tag.RowsAffected(), nil
}

// Close implements database.Conn.
func (c *conn) Close() error {
	c.close()
	return nil
}

// atLine adds to an error the line of the script that the server complains
// about, as far as it says where.
func atLine(s database.Statement, said, err error) error {
	if s.Line == 0 {
		return err
	}
	line := s.Line
	var pg *pgconn.PgError
	if errors.As(said, &pg) && pg.Position > 0 {
		line = s.Begin
		at := int32(1) // Position counts characters from 1
		for _, r := range s.Text {
			if at >= pg.Position {
				break
			}
			if r == '\n' {
				line++
			}
			at++
		}
	}
	return &database.LineError{Line: line, Err: err}
}

// Native implements database.Database: psql stops at the first error, reads no
// file of its account, and keeps all of its script in one transaction.
func (db *DB) Native(ctx context.Context) (database.Client, error) {
	const what = "carry out a script with psql"
	l, err := db.connect(ctx, what)
	if err != nil {
		return database.Client{}, err
	}
	defer l.close()
	tools, err := db.tools.find(ctx, l.major)
	if err != nil {
		return database.Client{}, l.fail(ctx, what, err)
	}
	return database.Client{Env: l.env,
		Args: []string{tools.path("psql"), "--no-psqlrc", "--no-password", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", "--file=-"}}, nil
}
