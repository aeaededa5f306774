package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"upkeep/internal/database"
)

// Inspect asks the catalogs; it does not try anything out.
func (db *DB) Inspect(ctx context.Context) (database.Info, error) {
	const what = "look at the database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return database.Info{}, err
	}
	defer l.close()
	info := database.Info{Server: "PostgreSQL " + l.server, Major: l.major}
	tx, err := l.readOnly(ctx)
	if err != nil {
		return info, l.fail(ctx, what, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it only read
	var super, creates, monitors bool
	err = tx.QueryRow(ctx, `SELECT current_database(), current_user, pg_database_size(current_database()), pg_encoding_to_char(d.encoding), pg_is_in_recovery(),
			(SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND `+ours("n")+` AND `+notOfExtension("pg_class", "c.oid")+`),
			(SELECT rolsuper FROM pg_roles WHERE rolname = current_user), has_database_privilege(current_database(), 'CREATE'),
			has_table_privilege('pg_authid', 'SELECT'), pg_has_role('pg_signal_backend', 'USAGE')
		FROM pg_database d WHERE d.datname = current_database()`).Scan(
		&info.Name, &info.Account, &info.SizeBytes, &info.Encoding, &info.InRecovery, &info.Tables,
		&super, &creates, &info.Rights.Globals, &monitors)
	if err != nil {
		return info, l.fail(ctx, what, err)
	}
	r := &info.Rights
	r.EndOthers = super || monitors
	r.Dump, r.Restore = true, true
	if !super {
		if err := limits(ctx, tx, r, info); err != nil {
			return info, l.fail(ctx, what, err)
		}
		if !creates {
			r.Restore = false
			r.Problems = append(r.Problems, fmt.Sprintf("account %s may not create schemas in database %s: make it the owner of the database", info.Account, info.Name))
		}
	}
	if err := locks(ctx, tx, r); err != nil {
		return info, l.fail(ctx, what, err)
	}
	if _, err := db.tools.find(ctx, l.major); err != nil {
		r.Dump, r.Restore = false, false
		r.Problems = append(r.Problems, err.Error())
	}
	if info.InRecovery {
		r.Restore = false
		r.Problems = append(r.Problems, "the server is a standby: use the address of its primary")
	}
	if info.Scratch, err = l.scratchRoom(ctx, tx, info); err != nil {
		return info, l.fail(ctx, what, err)
	}
	return info, nil
}

// locks foresees whether one transaction can drop and make everything: each
// object takes a lock (PostgreSQL manual, max_locks_per_transaction), the old
// one and the new one.
func locks(ctx context.Context, tx pgx.Tx, r *database.Rights) error {
	var need, have, each int64
	err := tx.QueryRow(ctx, `SELECT
			2 * ((SELECT count(*) FROM pg_class WHERE oid >= 16384) + (SELECT count(*) FROM pg_largeobject_metadata)),
			current_setting('max_locks_per_transaction')::bigint * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint),
			current_setting('max_locks_per_transaction')::bigint`).Scan(&need, &have, &each)
	if err != nil || need <= have {
		return err
	}
	r.Restore = false
	r.Problems = append(r.Problems, fmt.Sprintf("the database has so many objects that a restore needs about %d locks, and the server has %d: set max_locks_per_transaction = %d in postgresql.conf and restart the server",
		need, have, (need/have+1)*each))
	return nil
}

// limits finds what an ordinary account cannot read or replace. One example of
// each kind is named.
func limits(ctx context.Context, tx pgx.Tx, r *database.Rights, info database.Info) error {
	rel := `FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relpersistence <> 't' AND ` + ours("n") + ` AND ` + notOfExtension("pg_class", "c.oid")
	for _, q := range []struct {
		sql      string
		dump     bool // in the way of a dump too
		sentence string
	}{
		{`SELECT c.oid::regclass::text ` + rel + ` AND c.relkind IN ('r', 'S', 'm') AND NOT has_table_privilege(c.oid, 'SELECT')`, true, "may not read %s"},
		{`SELECT c.oid::regclass::text ` + rel + ` AND row_security_active(c.oid)`, true, "sees only some rows of %s (row security)"},
		{`SELECT c.oid::regclass::text || ', which belongs to ' || pg_get_userbyid(c.relowner) ` + rel + ` AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT pg_has_role(c.relowner, 'USAGE')`, false, "may not replace %s"},
		{`SELECT p.oid::regprocedure::text || ', which belongs to ' || pg_get_userbyid(p.proowner) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
			WHERE NOT pg_has_role(p.proowner, 'USAGE') AND ` + ours("n") + ` AND ` + notOfExtension("pg_proc", "p.oid"), false, "may not replace the function %s"},
		{`SELECT quote_ident(n.nspname) || ', which belongs to ' || pg_get_userbyid(n.nspowner) FROM pg_namespace n
			WHERE NOT pg_has_role(n.nspowner, 'USAGE') AND n.nspname <> 'public' AND ` + ours("n") + ` AND ` + notOfExtension("pg_namespace", "n.oid"), false, "may not replace the schema %s"},
		{`SELECT quote_ident(evtname) FROM pg_event_trigger e WHERE ` + notOfExtension("pg_event_trigger", "e.oid"), false, "may not replace the event trigger %s"},
		{`SELECT oid::text FROM pg_largeobject_metadata WHERE NOT pg_has_role(lomowner, 'USAGE')`, true, "may not read and replace the large object %s"},
	} {
		rows, err := tx.Query(ctx, q.sql+" ORDER BY 1")
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if len(names) == 0 {
			continue
		}
		r.Restore = false
		r.Dump = r.Dump && !q.dump
		sentence := "account " + info.Account + " " + fmt.Sprintf(q.sentence, names[0])
		if len(names) > 1 {
			sentence += fmt.Sprintf(" (and %d more)", len(names)-1)
		}
		r.Problems = append(r.Problems, sentence)
	}
	return nil
}
