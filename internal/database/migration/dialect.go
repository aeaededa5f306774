package migration

import (
	"fmt"
	"strings"

	"upkeep/internal/database"
)

// dialect is how one kind of server is spoken to. Its fields are never changed.
type dialect struct {
	database.Dialect
	begin string
	name  string // type of a column for a script's name
	place string // asks where the journal is, or would be: a prefix of its tables
	has   string // asks whether there is a table
	agg   string // all rows of a table as one text
	cell  string // a column as text
	tab   string // between two cells
	// sign asks for the definitions in short: equal, and no statement that
	// changes definitions has taken effect in between.
	sign string
	// invalid asks for indexes that were left half made.
	invalid string
	// waits asks which sessions a session waits for; progress how far it is. Each
	// is a list because older servers do not know all.
	waits, progress []string
}

// dialects by kind.
var dialects = map[string]dialect{
	"postgres": {Dialect: database.Postgres, begin: "BEGIN", name: "TEXT",
		place: "SELECT coalesce((SELECT quote_ident(n.nspname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass('" + scripts + "')), quote_ident(current_schema())) || '.'",
		has:   "SELECT to_regclass('%s%s')",
		agg:   "SELECT string_agg(%s, chr(10)) FROM %s", cell: "coalesce(%s::text, '')", tab: " || chr(9) || ",
		sign: `SELECT md5(concat_ws(chr(10),
			(SELECT string_agg(concat_ws(' ', c.oid, c.relname, c.relnamespace, c.relkind, c.relowner, c.reloptions, c.relhastriggers, c.relrowsecurity, c.relacl), ',' ORDER BY c.oid) FROM pg_catalog.pg_class c
				LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE coalesce(i.indisvalid, true) AND c.relkind <> 't' AND c.relname NOT LIKE 'pg\_toast%' AND c.relnamespace <> 'pg_catalog'::regnamespace),
			(SELECT string_agg(concat_ws(' ', attrelid, attname, atttypid, atttypmod, attnotnull, attisdropped, atthasdef, attoptions), ',' ORDER BY attrelid, attnum) FROM pg_catalog.pg_attribute a
				JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE attnum > 0 AND c.relkind IN ('r', 'v', 'm', 'p', 'c', 'f') AND c.relnamespace <> 'pg_catalog'::regnamespace),
			(SELECT string_agg(concat_ws(' ', adrelid, adnum, pg_get_expr(adbin, adrelid)), ',' ORDER BY adrelid, adnum) FROM pg_catalog.pg_attrdef),
			(SELECT string_agg(concat_ws(' ', oid, conname, convalidated, pg_get_constraintdef(oid)), ',' ORDER BY oid) FROM pg_catalog.pg_constraint),
			(SELECT string_agg(concat_ws(' ', oid, enumlabel, enumsortorder), ',' ORDER BY oid) FROM pg_catalog.pg_enum),
			(SELECT string_agg(concat_ws(' ', oid, proname, md5(prosrc), proconfig, proacl), ',' ORDER BY oid) FROM pg_catalog.pg_proc WHERE pronamespace <> 'pg_catalog'::regnamespace),
			(SELECT string_agg(concat_ws(' ', oid, tgname, tgenabled), ',' ORDER BY oid) FROM pg_catalog.pg_trigger),
			(SELECT string_agg(concat_ws(' ', oid, md5(ev_action::text)), ',' ORDER BY oid) FROM pg_catalog.pg_rewrite WHERE oid >= 16384),
			(SELECT string_agg(concat_ws(' ', oid, typname, typtype), ',' ORDER BY oid) FROM pg_catalog.pg_type WHERE oid >= 16384 AND typtype IN ('d', 'e', 'r')),
			(SELECT string_agg(concat_ws(' ', oid, nspname, nspowner, nspacl), ',' ORDER BY oid) FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\_%'),
			(SELECT string_agg(concat_ws(' ', oid, extname, extversion), ',' ORDER BY oid) FROM pg_catalog.pg_extension),
			(SELECT string_agg(concat_ws(' ', oid, datname), ',' ORDER BY oid) FROM pg_catalog.pg_database)))`,
		invalid: "SELECT string_agg(indexrelid::regclass::text, chr(10) ORDER BY indexrelid) FROM pg_catalog.pg_index WHERE NOT indisvalid",
		waits: []string{`SELECT string_agg(format('session %s, account %s%s, since %s: %s', pid, usename, coalesce(', ' || nullif(application_name, ''), ''), to_char(coalesce(xact_start, backend_start), 'HH24:MI:SS TZ'),
			coalesce(nullif(left(regexp_replace(query, '\s+', ' ', 'g'), 160), ''), 'no query')), '; ' ORDER BY pid) FROM pg_catalog.pg_stat_activity WHERE pid = ANY(pg_catalog.pg_blocking_pids(SESSION_ID))`},
		progress: []string{
			`SELECT string_agg(t, '; ') FROM (SELECT format('%s, %s of %s blocks', phase, blocks_done, blocks_total) AS t FROM pg_catalog.pg_stat_progress_create_index WHERE pid = SESSION_ID
			UNION ALL SELECT format('%s, %s of %s blocks', phase, heap_blks_scanned, heap_blks_total) FROM pg_catalog.pg_stat_progress_vacuum WHERE pid = SESSION_ID
			UNION ALL SELECT format('%s, %s of %s blocks', phase, heap_blks_scanned, heap_blks_total) FROM pg_catalog.pg_stat_progress_cluster WHERE pid = SESSION_ID) AS p`,
			"SELECT format('%s rows copied', tuples_processed) FROM pg_catalog.pg_stat_progress_copy WHERE pid = SESSION_ID"},
	},
	"mariadb": {Dialect: database.MariaDB, begin: "START TRANSACTION", name: "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
		place: "SELECT concat('`', replace(database(), '`', '``'), '`.')",
		has:   "SELECT table_name FROM information_schema.tables WHERE concat('`', replace(table_schema, '`', '``'), '`.') = '%s' AND table_name = '%s'",
		agg:   `SELECT group_concat(%s SEPARATOR '\n') FROM %s`, cell: "coalesce(%s, '')", tab: `, '\t', `,
		sign: `SELECT md5(concat_ws('\n',
			(SELECT group_concat(concat_ws(' ', table_name, table_type, engine, row_format, table_collation, create_options, table_comment) ORDER BY table_name) FROM information_schema.tables WHERE table_schema = database()),
			(SELECT group_concat(concat_ws(' ', table_name, column_name, column_default, is_nullable, column_type, collation_name, extra, column_comment, generation_expression) ORDER BY table_name, ordinal_position) FROM information_schema.columns WHERE table_schema = database()),
			(SELECT group_concat(concat_ws(' ', table_name, index_name, non_unique, seq_in_index, column_name, sub_part, index_type, ignored) ORDER BY table_name, index_name, seq_in_index) FROM information_schema.statistics WHERE table_schema = database()),
			(SELECT group_concat(concat_ws(' ', table_name, constraint_name, check_clause) ORDER BY table_name, constraint_name) FROM information_schema.check_constraints WHERE constraint_schema = database()),
			(SELECT group_concat(concat_ws(' ', table_name, constraint_name, referenced_table_name, update_rule, delete_rule) ORDER BY table_name, constraint_name) FROM information_schema.referential_constraints WHERE constraint_schema = database()),
			(SELECT group_concat(concat_ws(' ', table_name, column_name, constraint_name, referenced_column_name) ORDER BY table_name, constraint_name, ordinal_position) FROM information_schema.key_column_usage WHERE constraint_schema = database()),
			(SELECT group_concat(concat_ws(' ', table_name, partition_name, partition_method, partition_expression, partition_description) ORDER BY table_name, partition_ordinal_position) FROM information_schema.partitions WHERE table_schema = database()),
			(SELECT group_concat(concat_ws(' ', table_name, view_definition, definer, security_type) ORDER BY table_name) FROM information_schema.views WHERE table_schema = database()),
			(SELECT group_concat(concat_ws(' ', routine_type, routine_name, created, last_altered, definer) ORDER BY routine_type, routine_name) FROM information_schema.routines WHERE routine_schema = database()),
			(SELECT group_concat(concat_ws(' ', trigger_name, event_object_table, action_order, created, action_statement) ORDER BY trigger_name) FROM information_schema.triggers WHERE trigger_schema = database()),
			(SELECT group_concat(concat_ws(' ', event_name, created, last_altered, status) ORDER BY event_name) FROM information_schema.events WHERE event_schema = database())))`,
		waits: []string{`SELECT group_concat(concat('session ', t.trx_mysql_thread_id, coalesce(concat(', account ', p.user), ''), ', since ', t.trx_started, ': ', coalesce(left(t.trx_query, 160), 'no query at the moment')) SEPARATOR '; ')
			FROM information_schema.innodb_lock_waits w JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id JOIN information_schema.innodb_trx t ON t.trx_id = w.blocking_trx_id
			LEFT JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE r.trx_mysql_thread_id = SESSION_ID`,
			`SELECT concat('one of ', group_concat(concat('session ', o.id, ', account ', o.user, ', for ', o.time, ' s: ', coalesce(left(o.info, 160), lower(o.command))) ORDER BY o.time DESC SEPARATOR '; '))
			FROM information_schema.processlist o JOIN information_schema.processlist w ON w.id = SESSION_ID AND w.state LIKE 'Waiting for table%lock%'
			WHERE o.id NOT IN (SESSION_ID, connection_id()) AND o.db = database() AND (o.command <> 'Sleep' OR o.id IN (SELECT trx_mysql_thread_id FROM information_schema.innodb_trx))`,
			`SELECT concat('one of ', group_concat(concat('session ', o.id, ', account ', o.user, ', for ', o.time, ' s: ', coalesce(left(o.info, 160), lower(o.command))) ORDER BY o.time DESC SEPARATOR '; '))
			FROM information_schema.processlist o JOIN information_schema.processlist w ON w.id = SESSION_ID AND w.state LIKE 'Waiting for table%lock%'
			WHERE o.id NOT IN (SESSION_ID, connection_id()) AND o.db = database()`},
		progress: []string{"SELECT concat(state, if(max_stage > 0, concat(', stage ', stage, ' of ', max_stage, ', ', round(progress), ' %'), '')) FROM information_schema.processlist WHERE id = SESSION_ID AND max_stage > 0"},
	},
	"sqlite": {Dialect: database.SQLite, begin: "BEGIN IMMEDIATE", name: "TEXT",
		place: "SELECT ''",
		has:   "SELECT name FROM sqlite_master WHERE type = 'table' AND '%s' = '' AND name = '%s'",
		agg:   "SELECT group_concat(%s, char(10)) FROM %s", cell: "coalesce(%s, '')", tab: " || char(9) || ",
		sign: "SELECT coalesce(group_concat(sql, char(10)), '') FROM (SELECT sql FROM sqlite_master ORDER BY type, name)"},
}

// row is the query for all cells of a table, in one text.
func (d dialect) rows(table string, columns []string) string {
	var cells []string
	for _, c := range columns {
		cells = append(cells, fmt.Sprintf(d.cell, c))
	}
	one := strings.Join(cells, d.tab)
	if d.Dialect == database.MariaDB {
		one = "concat(" + one + ")"
	}
	return fmt.Sprintf(d.agg, one, table)
}

// quote writes a text as a literal. What could end a line or a cell becomes a
// space, and a backslash, which MariaDB reads as more, a slash.
func quote(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return "'" + strings.ReplaceAll(strings.ReplaceAll(text, `\`, "/"), "'", "''") + "'"
}
