package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"upkeep/internal/database"
)

// Fingerprint reads everything in one read-only transaction.
func (db *DB) Fingerprint(ctx context.Context) (database.Fingerprint, error) {
	const what = "read the whole database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return database.Fingerprint{}, err
	}
	defer l.close()
	tx, err := l.readOnly(ctx)
	if err != nil {
		return database.Fingerprint{}, l.fail(ctx, what, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it only read
	f, err := fingerprint(ctx, tx, l.major)
	if err != nil {
		return database.Fingerprint{}, l.fail(ctx, what, err)
	}
	return f, nil
}

func fingerprint(ctx context.Context, tx pgx.Tx, major int) (database.Fingerprint, error) {
	f := database.Fingerprint{Objects: map[string]string{}, Tables: map[string]database.Rows{}}
	// The catalog's queries look expensive and are not: compiling them would
	// cost most of the time, and users wait for a dump.
	if _, err := tx.Exec(ctx, "SET LOCAL jit = off"); err != nil {
		return f, err
	}
	for _, q := range catalog {
		if q.since > major {
			continue
		}
		if err := definitions(ctx, tx, &f, q); err != nil {
			return f, err
		}
	}
	parts, err := rowQueries(ctx, tx)
	if err != nil {
		return f, err
	}
	const atOnce = 32 // tables a query: fewer round trips
	for len(parts) > 0 {
		n := min(atOnce, len(parts))
		if err := sums(ctx, tx, &f, parts[:n]); err != nil {
			return f, err
		}
		parts = parts[n:]
	}
	return f, nil
}

// definitions adds what one catalog query finds. A definition has a part taken
// word by word and an expression that is brought to normal form.
func definitions(ctx context.Context, tx pgx.Tx, f *database.Fingerprint, q question) error {
	rows, err := tx.Query(ctx, q.sql)
	if err != nil {
		return fmt.Errorf("reading each %s: %w", q.kind, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, exact, loose string
		if err := rows.Scan(&name, &exact, &loose); err != nil {
			return fmt.Errorf("reading each %s: %w", q.kind, err)
		}
		f.Object(q.kind+" "+name, exact+"\x00"+normal(loose))
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading each %s: %w", q.kind, err)
	}
	return nil
}

// rowQueries gives, for every table and sequence, a query for its name, count and
// sum. Columns are taken in the order of their names: a restore may reorder
// those of an inheriting table.
func rowQueries(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `
		SELECT c.relkind = 'S', format('%I.%I', n.nspname, c.relname),
			coalesce((SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C") FROM pg_attribute a
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), ''),
			coalesce((SELECT e.extcondition[array_position(e.extconfig, c.oid)] FROM pg_extension e WHERE c.oid = ANY (e.extconfig) LIMIT 1), '')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'S') AND c.relpersistence <> 't' AND `+ours("n")+` AND (`+notOfExtension("pg_class", "c.oid")+`
			OR EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)))
		ORDER BY 2`)
	if err != nil {
		return nil, err
	}
	parts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var sequence bool
		var name, columns, condition string
		if err := row.Scan(&sequence, &name, &columns, &condition); err != nil {
			return "", err
		}
		if sequence {
			return fmt.Sprintf("SELECT %s, 1::bigint, concat_ws(' ', last_value, is_called) FROM %s", literal("sequence "+name), name), nil
		}
		return fmt.Sprintf("SELECT %s, count(*), coalesce(sum(hashtextextended(ROW(%s)::text, 0)), 0)::text FROM ONLY %s %s",
			literal(name), columns, name, condition), nil
	})
	if err != nil {
		return nil, err
	}
	return append(parts, `SELECT 'large objects', count(*), coalesce(sum(hashtextextended(concat_ws(' ', oid, pg_get_userbyid(lomowner), lomacl,
		encode(sha256(lo_get(oid)), 'hex')), 0)), 0)::text FROM pg_largeobject_metadata`), nil
}

func sums(ctx context.Context, tx pgx.Tx, f *database.Fingerprint, parts []string) error {
	rows, err := tx.Query(ctx, strings.Join(parts, "\nUNION ALL "))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var r database.Rows
		if err := rows.Scan(&name, &r.Count, &r.Sum); err != nil {
			return err
		}
		f.Table(name, r)
	}
	return rows.Err()
}

// literal quotes a string for SQL.
func literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
