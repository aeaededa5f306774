package mariadb

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"upkeep/internal/database"
	"upkeep/internal/drift"
)

// Objects reads each definition as the server writes it. There is no snapshot of
// definitions: what is changed meanwhile is seen in one state or the other.
func (db *DB) Objects(ctx context.Context) (drift.Schema, error) {
	const what = "read the definitions of the database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return drift.Schema{}, err
	}
	defer l.close()
	s, err := l.objects(ctx)
	if err != nil {
		return drift.Schema{}, l.fail(ctx, what, err)
	}
	return s, nil
}

func (l *link) objects(ctx context.Context) (drift.Schema, error) {
	parts := strings.SplitN(l.server, ".", 3) // at least two, see begin
	s := drift.Schema{Kind: "mariadb", Server: parts[0] + "." + parts[1]}
	if err := l.seesAll(ctx); err != nil {
		return s, err
	}
	relations, err := l.relations(ctx)
	if err != nil {
		return s, err
	}
	var all []definition
	for _, r := range relations {
		if !ours(r.name) && !strings.HasPrefix(r.name, "upkeep_migration") && !strings.HasPrefix(r.name, "upkeep_statements") {
			all = append(all, definition{Kind: r.kind, Name: r.name})
		}
	}
	orders := map[string]string{} // of triggers that are not the first of their kind
	rows, err := l.table(ctx, `SELECT lower(routine_type) AS k, routine_name AS n, '' AS t, 0 AS o FROM information_schema.routines WHERE routine_schema = database()
		UNION ALL SELECT 'trigger', trigger_name, event_object_table, action_order FROM information_schema.triggers WHERE trigger_schema = database()
		UNION ALL SELECT 'event', event_name, '', 0 FROM information_schema.events WHERE event_schema = database()`)
	if err != nil {
		return s, err
	}
	for _, row := range rows {
		if row["k"] == "trigger" && row["o"] > "1" {
			orders[row["n"]] = "\n  ORDER " + row["o"]
		}
		all = append(all, definition{Kind: row["k"], Name: row["n"], table: row["t"]})
	}
	for _, d := range all {
		table := d.table
		if d, err = l.show(ctx, d.Kind, d.Name); err != nil {
			return s, err
		}
		if d.sql == "" {
			return s, hiddenBody(d.Kind, d.Name)
		}
		o := drift.Object{Kind: d.Kind, Name: written(d.Name), Definition: l.plain(d, table)}
		if d.Kind == "trigger" {
			o.On = written(table)
			o.Definition += orders[d.Name]
		}
		s.Objects = append(s.Objects, o)
	}
	s.Sort()
	return s, nil
}

// seesAll refuses an account from which the server would hide something.
func (l *link) seesAll(ctx context.Context) error {
	may, err := l.privileges(ctx)
	if err != nil {
		return err
	}
	account, err := l.text(ctx, "SELECT current_user()")
	if err != nil {
		return err
	}
	if lacks := lacking(database.Info{Name: l.schema, Account: account}, may, reading); lacks != nil {
		return fmt.Errorf("%w: %s", database.ErrPermission, lacks[0])
	}
	return nil
}

const anyName = "(?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|\\w+)"

var (
	// a routine's quotes are those of the mode in which it was made
	madeBy = regexp.MustCompile("^(CREATE (?:OR REPLACE )?(?:ALGORITHM=\\w+ )?)DEFINER=(?:" + anyName + "(?:@" + anyName + ")?) ")
	starts = regexp.MustCompile(`^((?s:CREATE EVENT .*? ON SCHEDULE EVERY .*?) STARTS )'[^']*'`)
	bare   = regexp.MustCompile(`^[A-Za-z0-9_$]*[A-Za-z_$][A-Za-z0-9_$]*$`)
)

// plain is a definition without what the site chooses or time changes: who made
// the object, the database's name, the next number of a table, and from when on
// an event recurs, which is the moment when it was made if nobody said another.
func (l *link) plain(d definition, table string) string {
	d.table = table
	text := d.sql
	switch d.Kind {
	case "trigger":
		d.table = quote(table)
		text = d.onTable()
	case "table":
		text = lined(text)
	}
	text = madeBy.ReplaceAllString(text, "$1")
	if m := starts.FindStringSubmatch(text); m != nil {
		text = strings.TrimSuffix(m[1], " STARTS ") + text[len(m[0]):]
	}
	return unqualified(text, l.schema)
}

// unqualified takes the database's name away where names are qualified by it.
func unqualified(text, schema string) string {
	name := quote(schema) + "."
	if !strings.Contains(text, name) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\'' || c == '"':
			end := quotedEnd(text, i)
			b.WriteString(text[i:end])
			i = end
		case strings.HasPrefix(text[i:], name):
			i += len(name)
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

// quotedEnd is where a quoted text ends that begins at i.
func quotedEnd(text string, i int) int {
	q := text[i]
	for i++; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
		case text[i] == q && i+1 < len(text) && text[i+1] == q:
			i++
		case text[i] == q:
			return i + 1
		}
	}
	return len(text)
}

// lined puts the lines of a table in an order that does not depend on how it
// came about: columns by name, for whoever came here by upgrades has them in
// another order than a fresh install; then keys and constraints.
func lined(text string) string {
	lines := strings.Split(text, "\n")
	end := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, ")") })
	if end < 0 {
		return text
	}
	body := lines[1:end]
	for i := range body {
		body[i] = strings.TrimSuffix(body[i], ",")
	}
	place := func(line string) int {
		return slices.IndexFunc([]string{"  `", "  PRIMARY KEY", "  UNIQUE KEY", "  KEY", ""}, func(p string) bool { return strings.HasPrefix(line, p) })
	}
	slices.SortStableFunc(body, func(a, b string) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) })
	return strings.Join(lines, "\n")
}

// written is a name as an administrator writes it.
func written(name string) string {
	if bare.MatchString(name) {
		return name
	}
	return quote(name)
}
