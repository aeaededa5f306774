package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

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
