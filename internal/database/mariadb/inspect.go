package mariadb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	info, err := l.inspect(ctx)
	if err != nil {
		return info, l.fail(ctx, what, err)
	}
	return info, nil
}

func (l *link) inspect(ctx context.Context) (database.Info, error) {
	info := database.Info{Server: "MariaDB " + l.server, Major: l.major, Name: l.schema}
	rows, err := l.table(ctx, `SELECT current_user() AS account, @@global.read_only AS standby, @@character_set_database AS encoding,
		@@log_bin AS logged, @@log_bin AND NOT @@log_bin_trust_function_creators AS binlog,
		(SELECT coalesce(sum(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = database()) AS size`)
	if err != nil {
		return info, err
	}
	row := rows[0] // one row, by the statement
	info.Account, info.Encoding, info.InRecovery = row["account"], row["encoding"], row["standby"] == "1"
	info.SizeBytes, _ = strconv.ParseInt(row["size"], 10, 64) // digits, by the server's own word
	relations, err := l.relations(ctx)
	if err != nil {
		return info, err
	}
	for _, r := range relations {
		if r.kind == "table" && !ours(r.name) {
			info.Tables++
		}
	}
	may, err := l.privileges(ctx)
	if err != nil {
		return info, err
	}
	r := &info.Rights
	r.EndOthers = may["CONNECTION ADMIN"] && may["PROCESS"]
	problems := unreadable(relations)
	lacks := lacking(info, may, reads(relations)) != nil
	if !lacks { // broken views, bodies that are hidden
		_, err := l.definitions(ctx, relations)
		switch err = explain(ctx, err); {
		case ctx.Err() != nil || errors.Is(err, database.ErrUnreachable):
			return info, err
		case err != nil:
			problems = append(problems, err.Error())
		}
	}
	r.Dump = len(problems) == 0 && !lacks
	more, err := l.irreplaceable(ctx, info, may, row["binlog"] == "1")
	if err != nil {
		return info, err
	}
	need := append(reads(relations), writing...)
	// one sentence for all that it lacks
	r.Problems = slices.Concat(lacking(info, may, need), problems, more)
	r.Restore = len(r.Problems) == 0
	info.Scratch, err = l.scratchRoom(ctx, info, row["logged"] == "1")
	return info, err
}

// reading is what an account needs to see everything: a server hides what an
// account may not use, and tells nobody that it does.
var reading = []string{"SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "EXECUTE"}

// writing is what a restore needs beyond that.
var writing = []string{"INSERT", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES", "CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE"}

// engines are those whose tables can be read at one moment: from a snapshot, or
// under a lock.
var engines = []string{"InnoDB", "Aria", "MyISAM", "MEMORY"}

// reads is what an account needs to read these.
func reads(relations []relation) []string {
	if slices.ContainsFunc(relations, relation.locked) {
		return append(slices.Clone(reading), "LOCK TABLES")
	}
	return slices.Clone(reading)
}

// unreadable says in sentences which tables cannot be read as of one moment.
func unreadable(relations []relation) []string {
	var out []string
	for _, r := range relations {
		if r.engine != "" && !slices.Contains(engines, r.engine) {
			out = append(out, fmt.Sprintf("the table %s has the engine %s, which cannot be read at one moment", r.name, r.engine))
		}
		if r.versioned {
			out = append(out, fmt.Sprintf("the table %s keeps old versions of its rows (WITH SYSTEM VERSIONING), which a dump would lose", r.name))
		}
	}
	return out
}

// lacking says in a sentence what the account may not do.
func lacking(info database.Info, may map[string]bool, need []string) []string {
	var missing []string
	for _, n := range need {
		if !may[n] {
			missing = append(missing, n)
		}
	}
	if missing == nil {
		return nil
	}
	return []string{fmt.Sprintf("account %s lacks %s on database %s: GRANT %[2]s ON %[4]s.* TO %[5]s", info.Account, strings.Join(missing, ", "), info.Name, quote(info.Name), grantee(info.Account))}
}

// irreplaceable says in sentences what stands in the way of a restore only.
func (l *link) irreplaceable(ctx context.Context, info database.Info, may map[string]bool, binlog bool) ([]string, error) {
	var out []string
	if info.InRecovery {
		out = append(out, "the server is read-only, as a replica is: use the address of its primary")
	}
	rows, err := l.table(ctx, `SELECT DISTINCT definer AS d FROM (
		SELECT definer FROM information_schema.views WHERE table_schema = database() UNION SELECT definer FROM information_schema.triggers WHERE trigger_schema = database()
		UNION SELECT definer FROM information_schema.routines WHERE routine_schema = database() UNION SELECT definer FROM information_schema.events WHERE event_schema = database()) d
		WHERE definer <> current_user() ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	if len(rows) > 0 && !may["SET USER"] {
		out = append(out, fmt.Sprintf("a view, trigger, routine or event runs in the name of %s, and account %s may not make one: GRANT SET USER ON *.* TO %s", rows[0]["d"], info.Account, grantee(info.Account)))
	}
	rows, err = l.table(ctx, `SELECT concat(constraint_schema, '.', table_name) AS t, referenced_table_name AS r FROM information_schema.referential_constraints
		WHERE unique_constraint_schema = database() AND constraint_schema <> database() LIMIT 1`)
	if err != nil {
		return nil, err
	}
	if len(rows) > 0 {
		out = append(out, fmt.Sprintf("the table %s of another database refers to %s, which a restore replaces: take that foreign key away", rows[0]["t"], rows[0]["r"]))
	}
	if binlog && !may["SUPER"] {
		n, err := l.text(ctx, `SELECT (SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = database()) +
			(SELECT count(*) FROM information_schema.routines WHERE routine_schema = database() AND routine_type = 'FUNCTION')`)
		if err != nil {
			return nil, err
		}
		if n != "0" {
			out = append(out, "the server writes a binary log, and lets only SUPER make triggers and functions: set log_bin_trust_function_creators = 1 on it")
		}
	}
	return out, nil
}

// privileges reads what the account may do in this database, in the words of
// GRANT. What it may do with single tables does not count.
func (l *link) privileges(ctx context.Context) (map[string]bool, error) {
	return l.privilegesOn(ctx, l.schema)
}

func (l *link) privilegesOn(ctx context.Context, schema string) (map[string]bool, error) {
	rows, err := l.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	may := map[string]bool{}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		grant(may, line, schema)
	}
	return may, rows.Err()
}

// serverWide are privileges that only ON *.* gives.
var serverWide = []string{"SUPER", "SET USER", "CONNECTION ADMIN", "PROCESS"}

// grant reads one line of SHOW GRANTS.
func grant(may map[string]bool, line, schema string) {
	list, ok := strings.CutPrefix(line, "GRANT ")
	list, scope, on := strings.Cut(list, " ON ")
	scope, _, to := strings.Cut(scope, " TO ")
	if !ok || !on || !to {
		return // a role
	}
	server := scope == "*.*"
	pattern, whole := strings.CutSuffix(scope, ".*")
	if !server && (!whole || !matches(strings.ReplaceAll(strings.Trim(pattern, "`"), "``", "`"), schema)) {
		return
	}
	given := strings.Split(list, ", ")
	if list == "ALL PRIVILEGES" {
		given = slices.Concat(reading, writing, []string{"LOCK TABLES"})
		if server {
			given = append(given, serverWide...)
		}
	}
	for _, g := range given {
		may[g] = true
	}
}

// matches compares a database's name with the pattern of a grant: _ stands for
// one sign, % for any, unless a backslash is before it.
func matches(pattern, name string) bool {
	if pattern == "" {
		return name == ""
	}
	switch c := pattern[0]; {
	case c == '%':
		for i := 0; i <= len(name); i++ {
			if matches(pattern[1:], name[i:]) {
				return true
			}
		}
		return false
	case c == '\\' && len(pattern) > 1:
		return name != "" && name[0] == pattern[1] && matches(pattern[2:], name[1:])
	case name == "" || c != '_' && c != name[0]:
		return false
	}
	return matches(pattern[1:], name[1:])
}

// grantee writes an account as GRANT takes it.
func grantee(account string) string {
	user, host, _ := strings.Cut(account, "@")
	return "'" + user + "'@'" + host + "'"
}
