package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"upkeep/internal/database"
)

// Query uses the extended protocol, which takes one statement only: a text
// cannot step out of the read-only transaction.
func (db *DB) Query(ctx context.Context, sql string) (string, error) {
	const what = "ask the database"
	if l := db.kept; l != nil {
		db.kept = nil
		value, err := db.ask(ctx, l, what, sql)
		if !l.IsClosed() || err == nil || ctx.Err() != nil {
			return value, err
		}
		// The server has ended the session since the last question.
	}
	l, err := db.connect(ctx, what)
	if err != nil {
		return "", err
	}
	return db.ask(ctx, l, what, sql)
}

// Keep lets the questions that follow share a connection, until Close. Each
// finds it as if it were new.
func (db *DB) Keep() { db.keep = true }

// ask asks on a connection, and ends or keeps it.
func (db *DB) ask(ctx context.Context, l *link, what, sql string) (string, error) {
	value, err := l.ask(ctx, what, sql)
	if db.keep && ctx.Err() == nil && !l.IsClosed() {
		if _, clean := l.PgConn().Exec(ctx, "DISCARD ALL").ReadAll(); clean == nil {
			db.kept = l
			return value, err
		}
	}
	l.close()
	return value, err
}

func (l *link) ask(ctx context.Context, what, sql string) (string, error) {
	tx, err := l.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return "", l.fail(ctx, what, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it only read
	rows := l.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil)
	var value []byte
	null := true
	for i := 0; rows.NextRow(); i++ {
		if cells := rows.Values(); i == 0 && len(cells) > 0 && cells[0] != nil {
			value, null = append([]byte{}, cells[0]...), false
		}
	}
	if _, err := rows.Close(); err != nil {
		return "", l.fail(ctx, what, err)
	}
	if null {
		return "", fmt.Errorf("cannot %s: %s: %w", what, l.where, database.ErrNoRow)
	}
	return string(value), nil
}

// Apply runs the script in one transaction.
func (db *DB) Apply(ctx context.Context, script database.Script) error {
	what := "apply " + script.Name
	if err := script.Check(database.Postgres); err != nil {
		return fmt.Errorf("cannot apply %w", err)
	}
	l, err := db.connect(ctx, what)
	if err != nil {
		return err
	}
	defer l.close()
	tx, err := l.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadWrite})
	if err != nil {
		return l.fail(ctx, what, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing to undo after the commit
	if _, err := l.PgConn().Exec(ctx, script.SQL).ReadAll(); err != nil {
		return l.fail(ctx, what, atLine(script.SQL, err))
	}
	if status := l.PgConn().TxStatus(); status != 'T' {
		return fmt.Errorf("cannot %s: %s: %w: it ended the transaction", what, l.where, database.ErrScript)
	}
	if err := tx.Commit(ctx); err != nil {
		return l.fail(ctx, what, err)
	}
	return nil
}

// atLine adds the line that the server complains about.
func atLine(sql string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Position <= 0 {
		return err
	}
	line, at := 1, int32(1) // Position counts characters from 1
	for _, r := range sql {
		if at >= pg.Position {
			break
		}
		if r == '\n' {
			line++
		}
		at++
	}
	said := *pg
	said.Message = fmt.Sprintf("line %d: %s", line, strings.TrimSpace(pg.Message))
	return &said
}
