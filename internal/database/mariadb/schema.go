package mariadb

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"upkeep/internal/database"
)

// definition is one object with all that its meaning depends on.
type definition struct {
	Kind string `json:"kind"` // database, sequence, table, function, procedure, package, package body, view, trigger, event
	Name string `json:"name,omitempty"`
	// what the server kept of the session that made it; empty where it keeps none
	Mode      string `json:"mode,omitempty"`      // sql_mode
	Client    string `json:"client,omitempty"`    // character_set_client
	Collation string `json:"collation,omitempty"` // collation_connection
	Database  string `json:"database,omitempty"`  // collation of the database
	Zone      string `json:"zone,omitempty"`      // time_zone, of events

	sql string
	// counter is the next AUTO_INCREMENT value of a table, empty for none. It is
	// content, not definition.
	counter string
	table   string // of a trigger
}

// String is the definition as the fingerprint has it. A server that renames a
// table writes its name anew in the texts of its triggers, quoted, and leaves it
// so when it takes the renaming back.
func (d definition) String() string {
	return strings.Join([]string{d.Mode, d.Client, d.Collation, d.Database, d.Zone, d.onTable()}, "\x00")
}

// onTable is the text with the name of a trigger's table as it is now.
func (d definition) onTable() string {
	if at := onTable.FindStringIndex(d.sql); d.Kind == "trigger" && at != nil {
		return d.sql[:at[0]] + "ON " + d.table + " FOR EACH" + d.sql[at[1]:]
	}
	return d.sql
}

// create is the statement that makes the object.
func (d definition) create() string {
	if d.counter == "" {
		return d.sql
	}
	at := engineLine.FindStringIndex(d.sql)
	return d.sql[:at[1]] + " AUTO_INCREMENT=" + d.counter + d.sql[at[1]:]
}

var (
	engineLine  = regexp.MustCompile(`\n\) ENGINE=\w+`)
	onTable     = regexp.MustCompile(`(?is)\bON\s.*?\sFOR\s+EACH\b`)
	counterWord = regexp.MustCompile(`(\n\) ENGINE=\w+) AUTO_INCREMENT=(\d+)`)
)

// definitions reads every object, in the order in which they can be made.
func (l *link) definitions(ctx context.Context, relations []relation) ([]definition, error) {
	database, err := l.table(ctx, "SELECT default_character_set_name AS c, default_collation_name AS l, schema_comment AS m FROM information_schema.schemata WHERE schema_name = database()")
	if err != nil || len(database) != 1 {
		return nil, fmt.Errorf("reading what the database itself is: %w", err)
	}
	out := []definition{{Kind: "database", sql: fmt.Sprintf("CHARACTER SET %s COLLATE %s COMMENT %s", database[0]["c"], database[0]["l"], literal([]byte(database[0]["m"])))}}
	var views []definition
	for _, kind := range []string{"sequence", "table", "view"} {
		for _, r := range relations {
			if r.kind != kind || ours(r.name) {
				continue
			}
			d, err := l.define(ctx, kind, r.name)
			if err != nil {
				return nil, err
			}
			if kind == "view" {
				views = append(views, d)
			} else {
				out = append(out, d)
			}
		}
	}
	for i, q := range []string{
		"SELECT lower(routine_type) AS k, routine_name AS n, '' AS t FROM information_schema.routines WHERE routine_schema = database() ORDER BY routine_type = 'PACKAGE BODY', routine_type, routine_name",
		"SELECT 'trigger' AS k, trigger_name AS n, event_object_table AS t FROM information_schema.triggers WHERE trigger_schema = database() ORDER BY event_object_table, action_timing, event_manipulation, action_order",
		"SELECT 'event' AS k, event_name AS n, '' AS t FROM information_schema.events WHERE event_schema = database() ORDER BY event_name",
	} {
		if i == 1 {
			out = append(out, byNeed(views)...)
		}
		rows, err := l.table(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			d, err := l.define(ctx, row["k"], row["n"])
			if err != nil {
				return nil, err
			}
			d.table = row["t"]
			out = append(out, d)
		}
	}
	return out, nil
}

// hiddenBody says what to do about a body that the server does not show.
func hiddenBody(kind, name string) error {
	return fmt.Errorf("%w: the body of %s %s is hidden from this account, for another account made it: GRANT SELECT ON mysql.* to it, or make its definer this account", database.ErrPermission, kind, name)
}

// show reads one object as the server shows it.
func (l *link) show(ctx context.Context, kind, name string) (definition, error) {
	d := definition{Kind: kind, Name: name}
	rows, err := l.table(ctx, "SHOW CREATE "+strings.ToUpper(kind)+" "+quote(name))
	if err != nil {
		return d, fmt.Errorf("reading %s %s: %w", kind, name, err)
	}
	if len(rows) != 1 {
		return d, fmt.Errorf("reading %s %s: %d definitions", kind, name, len(rows))
	}
	row := rows[0]
	d.Mode, d.Client, d.Collation, d.Database, d.Zone = row["sql_mode"], row["character_set_client"], row["collation_connection"], row["database collation"], row["time_zone"]
	for _, column := range []string{"create " + kind, "create table", "sql original statement"} {
		if d.sql == "" {
			d.sql = row[column]
		}
	}
	if kind == "table" {
		// a default from a sequence names the database, which may be another one day
		d.sql = strings.ReplaceAll(d.sql, "nextval("+quote(l.schema)+".", "nextval(")
		if m := counterWord.FindStringSubmatch(d.sql); m != nil {
			d.counter, d.sql = m[2], counterWord.ReplaceAllString(d.sql, "$1")
		}
		if !engineLine.MatchString(d.sql) {
			return d, fmt.Errorf("the definition of table %s is not understood", name)
		}
	}
	if kind == "event" {
		d.sql = l.asleep.awake(d)
	}
	return d, nil
}

// define reads one object, and refuses what could not be made again.
func (l *link) define(ctx context.Context, kind, name string) (definition, error) {
	d, err := l.show(ctx, kind, name)
	if err != nil {
		return d, err
	}
	if kind == "view" {
		// one that leads nowhere could not be made again
		if err := l.run(ctx, "SELECT 1 FROM "+quote(name)+" LIMIT 0"); err != nil {
			return d, fmt.Errorf("the view %s is broken, and could not be restored; repair or drop it: %w", name, err)
		}
	}
	switch {
	case d.sql == "":
		return d, hiddenBody(kind, name)
	case !strings.HasPrefix(d.sql, "CREATE "):
		return d, fmt.Errorf("the definition of %s %s is not understood", kind, name)
	case strings.Contains(d.sql, delimiter):
		return d, fmt.Errorf("the definition of %s %s holds %s, which ends statements of a dump", kind, name, delimiter)
	case d.Client != "" && !strings.HasPrefix(d.Client, "utf8") && strings.ContainsFunc(d.sql, func(r rune) bool { return r >= utf8.RuneSelf }):
		return d, fmt.Errorf("the %s %s was made in the character set %s with letters beyond ASCII, and could not be restored exactly", kind, name, d.Client)
	}
	return d, nil
}

// byNeed puts views that others read before those.
func byNeed(views []definition) []definition {
	var out []definition
	for len(views) > 0 {
		n := slices.IndexFunc(views, func(v definition) bool {
			return !slices.ContainsFunc(views, func(o definition) bool { return o.Name != v.Name && strings.Contains(v.sql, quote(o.Name)) })
		})
		n = max(n, 0) // names that only look like views: any order
		out = append(out, views[n])
		views = slices.Delete(views, n, n+1)
	}
	return out
}
