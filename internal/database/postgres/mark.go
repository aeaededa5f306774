package postgres

import "context"

// Mark is the server's snapshot in words, and where the sequences stand. Every
// transaction that changes something has a number of its own; the snapshot
// names the next one and those under way, so it is another as soon as one is
// begun or has ended. Numbers are the whole server's: other databases move the
// mark, too, and so does ANALYZE. Sequences may go on without a number.
func (db *DB) Mark(ctx context.Context) (string, error) {
	const what = "look at the database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return "", err
	}
	defer l.close()
	mark, err := l.mark(ctx)
	if err != nil {
		return "", l.fail(ctx, what, err)
	}
	return mark, nil
}

func (l *link) mark(ctx context.Context) (mark string, err error) {
	err = l.QueryRow(ctx, `SELECT concat_ws(' ', (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
		pg_catalog.txid_current_snapshot(),
		(SELECT md5(string_agg(concat_ws(' ', schemaname, sequencename, last_value), ',' ORDER BY schemaname, sequencename)) FROM pg_catalog.pg_sequences))`).Scan(&mark)
	return mark, err
}
