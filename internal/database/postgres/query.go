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
	l, err := db.connect(ctx, what)
	if err != nil {
		return "", err
	}
	defer l.close()
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
