package mariadb

import (
	"context"
	"fmt"
	"io"
)

// applying is the line in the list by which a script that was left half done is
// known: the staged copy is then put back.
const applying = "applying"

// Guard implements database.Guard. Where tables are changed, each statement is
// final to the server; so the whole content is staged first, as for a restore,
// and put back when f fails, or by whoever comes next when we are killed.
func (db *DB) Guard(ctx context.Context, f func() error) error {
	const what = "carry out a script so that it can be taken back"
	l, err := db.connect(ctx, what)
	if err != nil {
		return err
	}
	defer l.close()
	if err := db.guarded(ctx, l, f); err != nil {
		return l.fail(ctx, what, err)
	}
	return nil
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
