package mariadb

import (
	"context"
	"fmt"
	"strings"

	"upkeep/internal/database"
)

// finish does what is left after the exchange. Each of its steps may be done
// again, since a kill may come between any two.
func (db *DB) finish(ctx context.Context, l *link) error {
	list, err := l.list(ctx, begun)
	if err != nil {
		return err
	}
	relations, err := l.relations(ctx)
	if err != nil {
		return err
	}
	// views first: they read the tables
	drop := []string{settings}
	for _, kind := range []string{"view", "table", "sequence"} {
		for _, r := range relations {
			if r.kind == kind && (strings.HasPrefix(r.name, old) || kind == "view" && !ours(r.name)) {
				drop = append(drop, "DROP "+strings.ToUpper(kind)+" IF EXISTS "+quote(r.name))
			}
		}
	}
	surplus, err := l.surplus(ctx, list)
	if err != nil {
		return err
	}
	if err := l.run(ctx, append(drop, surplus...)...); err != nil {
		return err
	}
	own := ""
	for _, d := range list {
		switch d.Kind {
		case "place":
			continue
		case "database":
			own = d.sql
			err = l.run(ctx, d.sql)
		case "alter":
			err = l.alter(ctx, d)
		default:
			err = l.remake(ctx, d)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", d.Kind, d.Name, err)
		}
	}
	if own != "" {
		if err := l.run(ctx, own); err != nil { // routines may have needed another for a moment
			return err
		}
	}
	return l.run(ctx, "DROP TABLE "+begun)
}

// surplus gives statements that drop routines and events which the new content
// has not. Those that it has are replaced, for a routine that is dropped loses
// the rights that were given for it.
func (l *link) surplus(ctx context.Context, list []definition) ([]string, error) {
	want := map[string]bool{}
	for _, d := range list {
		want[d.Kind+" "+strings.ToLower(d.Name)] = true
	}
	rows, err := l.table(ctx, `SELECT lower(routine_type) AS k, routine_name AS n FROM information_schema.routines WHERE routine_schema = database()
		UNION ALL SELECT 'event', event_name FROM information_schema.events WHERE event_schema = database()`)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, row := range rows {
		if !want[row["k"]+" "+strings.ToLower(row["n"])] {
			out = append(out, "DROP "+strings.ToUpper(row["k"])+" IF EXISTS "+quote(row["n"]))
		}
	}
	return out, nil
}

// alter adds foreign keys or a default. With foreign keys off it reads no row.
func (l *link) alter(ctx context.Context, d definition) error {
	if strings.Contains(d.sql, " ADD CONSTRAINT ") {
		n, err := l.text(ctx, "SELECT count(*) FROM information_schema.referential_constraints WHERE constraint_schema = database() AND table_name = ?", d.Name)
		if err != nil || n != "0" {
			return err // one statement adds all of a table's
		}
	}
	return l.run(ctx, settings, d.sql)
}

// remake makes a view, routine, trigger or event as it was, in the place of one
// of that name.
func (l *link) remake(ctx context.Context, d definition) error {
	rest, ok := strings.CutPrefix(d.sql, "CREATE ")
	if !ok {
		return fmt.Errorf("%w: its definition is not understood", database.ErrDamaged)
	}
	if d.Database != "" {
		if err := l.run(ctx, inCollation(d)); err != nil {
			return err
		}
	}
	if d.Kind == "event" && l.asleep != nil {
		rest = strings.TrimPrefix(l.asleep.send(d), "CREATE ")
	}
	make := []string{d.session(), "CREATE OR REPLACE " + rest}
	if d.Kind == "trigger" {
		// one that a kill has left half made can be dropped, and not replaced
		make = []string{d.session(), "DROP TRIGGER IF EXISTS " + quote(d.Name), d.sql}
	}
	if err := l.run(ctx, make...); err != nil {
		return err
	}
	return l.run(ctx, "SET SESSION character_set_client = utf8mb4, collation_connection = utf8mb4_general_ci", settings)
}
