package mariadb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Mark is how far InnoDB's log has come, and a sum of the definitions that are
// not in InnoDB. Every change of a row moves the log when it is made, and again
// when it is committed; of other databases too, and the server's own cleaning
// afterwards. Where a table has another engine, there is no sign.
func (db *DB) Mark(ctx context.Context) (string, error) {
	const what = "look at the database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return "", err
	}
	defer l.close()
	sign, err := l.mark(ctx)
	if err != nil {
		return "", l.fail(ctx, what, err)
	}
	return sign, nil
}

func (l *link) mark(ctx context.Context) (string, error) {
	relations, err := l.relations(ctx)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, r := range relations {
		if r.locked() {
			return "", nil
		}
		fmt.Fprintf(h, "%q %q\n", r.kind, r.name)
	}
	for _, q := range []string{
		"SELECT concat_ws(' ', table_name, view_definition, check_option, definer, security_type) AS d FROM information_schema.views WHERE table_schema = database() ORDER BY 1",
		"SELECT concat_ws(' ', routine_type, routine_name, created, last_altered, definer) AS d FROM information_schema.routines WHERE routine_schema = database() ORDER BY 1",
		"SELECT concat_ws(' ', trigger_name, event_object_table, action_statement, action_order, created, definer) AS d FROM information_schema.triggers WHERE trigger_schema = database() ORDER BY 1",
		"SELECT concat_ws(' ', event_name, created, last_altered, status, definer) AS d FROM information_schema.events WHERE event_schema = database() ORDER BY 1",
	} {
		rows, err := l.table(ctx, q)
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			fmt.Fprintf(h, "%q\n", row["d"])
		}
	}
	rows, err := l.table(ctx, "SHOW GLOBAL STATUS LIKE 'Innodb\\_lsn\\_current'")
	if err != nil || len(rows) != 1 || strings.Trim(rows[0]["value"], "0") == "" {
		return "", err // this server does not tell
	}
	server, err := l.text(ctx, "SELECT concat_ws(' ', @@hostname, @@port, @@datadir)")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s %s", server, rows[0]["value"], hex.EncodeToString(h.Sum(nil)[:12])), nil
}
