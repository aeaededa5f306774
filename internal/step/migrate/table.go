package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/plan"
)

// table is where a product's database holds which scripts were applied.
const table = "upkeep_migrations"

// applied reads the table: script to the sum that it had. A database without
// the table has had none.
func applied(ctx context.Context, db database.Database) (map[string]string, error) {
	exists := "SELECT to_regclass('" + table + "')"
	all := "SELECT string_agg(name || chr(9) || sha256, chr(10) ORDER BY name) FROM " + table
	switch db.Kind() {
	case "mariadb":
		exists = "SELECT table_name FROM information_schema.tables WHERE table_schema = database() AND table_name = '" + table + "'"
		all = `SELECT group_concat(name, '\t', sha256 ORDER BY name SEPARATOR '\n') FROM ` + table
	case "sqlite":
		exists = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = '" + table + "'"
		all = "SELECT group_concat(name || char(9) || sha256, char(10)) FROM " + table
	}
	out := map[string]string{}
	if _, err := db.Query(ctx, exists); errors.Is(err, database.ErrNoRow) {
		return out, nil
	} else if err != nil {
		return nil, err
	}
	text, err := db.Query(ctx, all)
	if errors.Is(err, database.ErrNoRow) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(text, "\n") {
		name, sum, ok := strings.Cut(line, "\t")
		if !ok {
			return nil, fmt.Errorf("%w: %s has the row %q", database.ErrDamaged, table, line)
		}
		out[name] = sum
	}
	return out, nil
}

// note is what goes before a script into its transaction: that it is applied.
// It has no line break, so that errors name the lines of the script. It comes
// first, since a script may change where unqualified names lead.
func (w *work) note(sc plan.Script) string {
	first, name := "", "TEXT"
	switch w.db.Kind() {
	case "postgres":
		// the product is stopped: what still holds a lock would hold it for long
		first = "SET LOCAL lock_timeout = '60s'; "
	case "mariadb":
		name = "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	}
	// a script that makes no table is cheaper to MariaDB
	if len(w.applied) == 0 || w.db.Kind() != "mariadb" {
		first += "CREATE TABLE IF NOT EXISTS " + table + " (name " + name + " PRIMARY KEY, sha256 TEXT NOT NULL, applied_at TEXT NOT NULL); "
	}
	return first +
		fmt.Sprintf("INSERT INTO %s (name, sha256, applied_at) VALUES ('%s', '%s', '%s'); ", table, sc.Name, strings.ToLower(sc.SHA256),
			time.Now().UTC().Format(time.RFC3339))
}
