package mariadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/database"
)

// Fingerprint reads everything in one snapshot.
func (db *DB) Fingerprint(ctx context.Context) (database.Fingerprint, error) {
	const what = "read the whole database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return database.Fingerprint{}, err
	}
	defer l.close()
	f, err := db.read(ctx, l, nil)
	if err != nil {
		return database.Fingerprint{}, l.fail(ctx, what, err)
	}
	return f, nil
}

// read reads everything at one moment, and writes it to w if there is one.
// Definitions are not part of a snapshot: they are read again at the end, and a
// change in between is an error. AUTO_INCREMENT counters are content, as
// sequences are, and those that the dump has are those of the fingerprint.
func (db *DB) read(ctx context.Context, l *link, w *writer) (database.Fingerprint, error) {
	f := database.Fingerprint{Objects: map[string]string{}, Tables: map[string]database.Rows{}}
	relations, err := l.relations(ctx)
	if err != nil {
		return f, err
	}
	if err := l.readable(ctx, relations); err != nil {
		return f, err
	}
	unlock, err := db.lock(ctx, l, relations)
	if err != nil {
		return f, err
	}
	defer unlock()
	if err := l.run(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"); err != nil {
		return f, err
	}
	defer func() { _ = l.run(context.WithoutCancel(ctx), "ROLLBACK") }() // it only read
	defs, err := l.definitions(ctx, relations)
	if err != nil {
		return f, err
	}
	for _, d := range defs {
		f.Object(strings.TrimSpace(d.Kind+" "+d.Name), d.String())
		if err := w.define(d); err != nil {
			return f, err
		}
		switch d.Kind {
		case "sequence":
			err = l.sequence(ctx, d.Name, &f, w)
		case "table":
			err = l.content(ctx, d, &f, w)
		}
		if err != nil {
			return f, fmt.Errorf("%s %s: %w", d.Kind, d.Name, err)
		}
	}
	return f, l.unchanged(ctx, relations, defs)
}

// readable refuses what cannot be read whole.
func (l *link) readable(ctx context.Context, relations []relation) error {
	if slices.ContainsFunc(relations, func(r relation) bool { return r.name == begun }) {
		return fmt.Errorf("%w: a restore was interrupted before its end: restore again", database.ErrDamaged)
	}
	may, err := l.privileges(ctx)
	if err != nil {
		return err
	}
	account, err := l.text(ctx, "SELECT current_user()")
	if err != nil {
		return err
	}
	info := database.Info{Name: l.schema, Account: account}
	if lacks := lacking(info, may, reads(relations)); lacks != nil {
		return fmt.Errorf("%w: %s", database.ErrPermission, lacks[0])
	}
	if problems := unreadable(relations); problems != nil {
		return errors.New(problems[0])
	}
	return nil
}

// lock holds those tables that a snapshot does not show as of one moment, in a
// session of its own.
func (db *DB) lock(ctx context.Context, l *link, relations []relation) (func(), error) {
	var names []string
	for _, r := range relations {
		if r.locked() && !ours(r.name) {
			names = append(names, quote(r.name)+" READ")
		}
	}
	if names == nil {
		return func() {}, nil
	}
	holder, err := db.connect(ctx, "lock tables")
	if err != nil {
		return nil, err
	}
	if err := holder.run(ctx, "LOCK TABLES "+strings.Join(names, ", ")); err != nil {
		holder.close()
		return nil, err
	}
	return holder.close, nil
}

// sequence takes in where a sequence stands.
func (l *link) sequence(ctx context.Context, name string, f *database.Fingerprint, w *writer) error {
	rows, err := l.table(ctx, "SELECT next_not_cached_value AS v, cycle_count AS c FROM "+quote(name))
	if err != nil || len(rows) != 1 {
		return fmt.Errorf("reading where it stands: %w", err)
	}
	v, c := rows[0]["v"], rows[0]["c"]
	f.Table("sequence "+name, database.Rows{Count: 1, Sum: v + " " + c})
	return w.statement(tag{Kind: "value", Name: name}, fmt.Sprintf("DO setval(%s, %s, 0, %s)", quote(name), v, c))
}

// content takes in a table's rows and its counter.
func (l *link) content(ctx context.Context, d definition, f *database.Fingerprint, w *writer) error {
	if d.counter != "" {
		f.Table("auto_increment "+d.Name, database.Rows{Count: 1, Sum: d.counter})
	}
	columns, err := l.columns(ctx, d.Name)
	if err != nil {
		return err
	}
	each := func([]sql.RawBytes) error { return nil }
	end := func() error { return nil }
	if w != nil {
		each, end = w.rows(d.Name, columns)
	}
	rows, err := l.rows(ctx, d.Name, columns, each)
	if err != nil {
		return err
	}
	f.Table(d.Name, rows)
	return end()
}

// unchanged compares the definitions with those of now.
func (l *link) unchanged(ctx context.Context, relations []relation, defs []definition) error {
	now, err := l.relations(ctx)
	if err != nil {
		return err
	}
	again, err := l.definitions(ctx, now)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(defs, again, func(a, b definition) bool { return a.Kind == b.Kind && a.Name == b.Name && a.String() == b.String() }) {
		return fmt.Errorf("%w: its tables or views were changed while it was read", database.ErrInUse)
	}
	return nil
}
