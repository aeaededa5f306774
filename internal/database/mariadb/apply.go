package mariadb

import (
	"context"
	"fmt"
	"io"
	"slices"

	"upkeep/internal/database"
)

// applying is the line in the list by which a script that was left half done is
// known: the staged copy is then put back.
const applying = "applying"

// changing are the words of statements that a transaction can take back.
var changing = []string{"INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH", "VALUES", "DO"}

// Apply runs the script so that all of it is there afterwards, or nothing. A
// script that only changes rows runs in a transaction. Where it changes tables,
// each of its statements is final to the server; so the whole content is staged
// first, as for a restore, and put back when the script fails, or by whoever
// comes next when we are killed. That costs room and time for a copy.
func (db *DB) Apply(ctx context.Context, script database.Script) error {
	what := "apply " + script.Name
	if err := script.Check(database.MariaDB); err != nil {
		return fmt.Errorf("cannot apply %w", err)
	}
	l, err := db.connect(ctx, what)
	if err != nil {
		return err
	}
	defer l.close()
	relations, err := l.relations(ctx)
	if err != nil {
		return l.fail(ctx, what, err)
	}
	onlyRows := !slices.ContainsFunc(relations, relation.locked) && !slices.ContainsFunc(database.Commands(script.SQL, database.MariaDB),
		func(words []string) bool { return !slices.Contains(changing, words[0]) })
	if onlyRows {
		err = db.script(ctx, what, "START TRANSACTION", script.SQL, "COMMIT")
	} else {
		err = db.guarded(ctx, l, func() error { return db.script(ctx, what, script.SQL) })
	}
	if err != nil {
		return l.fail(ctx, what, err)
	}
	return nil
}

// script runs texts of statements in a session with the server's own settings.
func (db *DB) script(ctx context.Context, what string, texts ...string) error {
	l, err := db.open(ctx, what, true)
	if err != nil {
		return err
	}
	defer l.close() // which takes back what is not committed
	return l.run(ctx, append([]string{"SET SESSION sql_mode = DEFAULT, time_zone = DEFAULT"}, texts...)...)
}

// guarded calls f, and puts the content back if it fails.
func (db *DB) guarded(ctx context.Context, l *link, f func() error) error {
	release, err := db.alone(ctx, l)
	if err != nil {
		return err
	}
	defer release()
	err = db.copy(ctx)
	if err == nil {
		_, err = l.ExecContext(ctx, "INSERT INTO "+todo+" VALUES (0, ?, '')", applying)
	}
	if err == nil {
		if err = f(); err == nil {
			_, err = l.ExecContext(context.WithoutCancel(ctx), "DROP TABLE "+todo) // from here on it is applied
		}
	}
	if err == nil {
		_ = db.tidy(context.WithoutCancel(ctx), l) // what is left does not count, and the next one removes it
		return nil
	}
	err = explain(ctx, err)
	if _, endErr := l.end(context.WithoutCancel(ctx), db.config.OpID); endErr != nil {
		return fmt.Errorf("%w; what it has done is not taken back yet: %w", err, endErr)
	}
	if backErr := db.tidy(context.WithoutCancel(ctx), l); backErr != nil {
		return fmt.Errorf("%w; what it has done is not taken back yet: %w", err, backErr)
	}
	return err
}

// copy stages what is there.
func (db *DB) copy(ctx context.Context) error {
	from, err := db.connect(ctx, "copy the database")
	if err != nil {
		return err
	}
	defer from.close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r, w := io.Pipe()
	dumped := make(chan struct{})
	go func() {
		defer close(dumped)
		_, _, err := db.dump(ctx, from, w)
		_ = w.CloseWithError(err) // never fails (io.Pipe)
	}()
	err = db.load(ctx, r)
	_ = r.Close() // never fails (io.Pipe)
	stop(err)
	<-dumped
	return err
}
