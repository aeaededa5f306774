package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Restore empties the database and loads the archive in ONE transaction of one
// psql session, whose input we write ourselves:
//
//	BEGIN; drop everything; what pg_restore prints; COMMIT;
//
// COMMIT is written only after the archive was read to its end without an error
// and pg_restore exited with 0. If we are killed, psql's input ends before that
// line, and the server throws the transaction away; if psql or the server is
// killed, likewise. So there is no moment at which another session could see,
// or a crash could leave, anything but the old or the new content.
//
// Only objects are replaced, never the database itself: an owner that may not
// create databases can restore, and settings and privileges attached to the
// database stay. Extensions that the dump has are kept as they are (an ordinary
// owner could not make them anew); others are dropped.
//
// One transaction needs a lock for each object: with many thousands of tables
// the server's max_locks_per_transaction must be raised, and the error says so.
func (db *DB) Restore(ctx context.Context, r io.Reader) error {
	const what = "restore the database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return err
	}
	defer l.close()
	tools, err := db.tools.find(ctx, l.major)
	if err != nil {
		return fmt.Errorf("cannot %s: %s: %w", what, l.where, err)
	}
	contents, r, err := readContents(ctx, tools, r)
	if err != nil {
		return fmt.Errorf("cannot %s: %s: %w", what, l.where, err)
	}
	if _, err := l.end(ctx, what, "application_name = $1", AppName(db.config.OpID)); err != nil {
		return err // what an earlier, killed attempt left
	}
	keep, skip, err := l.extensions(ctx, contents)
	if err != nil {
		return l.fail(ctx, what, err)
	}
	if db.inside != "" {
		if err := db.fill(ctx, l, tools, prelude(keep, l.major, db.patience), contents.without(skip), r); err != nil {
			return fmt.Errorf("cannot %s: %s: %w", what, l.where, err)
		}
		return nil
	}
	stop, lonely := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(lonely)
		l.endOthers(stop)
	}()
	asked, err := load(ctx, tools, l.env, prelude(keep, l.major, db.patience), contents.without(skip), r)
	close(stop)
	<-lonely
	if err == nil {
		db.analyze(context.WithoutCancel(ctx))
		return nil
	}
	// The server may not have noticed yet that psql is gone.
	_, endErr := l.end(context.WithoutCancel(ctx), what, "application_name = $1", AppName(db.config.OpID))
	after := "its content is as it was before"
	if asked || endErr != nil {
		after = "whether its content was replaced is not known: restore again"
	}
	return fmt.Errorf("cannot %s: %s: %w; %s", what, l.where, err, after)
}

// extensions says which extensions stay, and which entries of the archive must
// be left out because they are about something that is not ours to change.
func (l *link) extensions(ctx context.Context, c contents) (keep []string, skip func(entry) bool, err error) {
	rows, err := l.Query(ctx, `SELECT extname, pg_has_role(extowner, 'USAGE') FROM pg_catalog.pg_extension`)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	foreign := map[string]bool{}
	for rows.Next() {
		var name string
		var mine bool
		if err := rows.Scan(&name, &mine); err != nil {
			return nil, nil, err
		}
		if c.has("EXTENSION", name) || name == "plpgsql" {
			keep = append(keep, name)
		}
		if !mine {
			foreign[name] = true
		}
	}
	return keep, func(e entry) bool {
		// A subscription connects elsewhere and cannot be dropped in a transaction.
		return e.kind == "SUBSCRIPTION" || e.kind == "COMMENT" && strings.HasPrefix(e.name, "EXTENSION ") && foreign[strings.TrimPrefix(e.name, "EXTENSION ")]
	}, rows.Err()
}

// endOthers ends the sessions of everybody else in this database until told to
// stop: a restore waits for their locks, and an application reconnects. What
// may not be ended is left: then the restore's lock timeout tells. A round is
// never cancelled: the server would go on with it by itself.
func (l *link) endOthers(stop <-chan struct{}) {
	for {
		_, _ = l.Exec(context.Background(), `DO $$ DECLARE p int; BEGIN
			FOR p IN SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
				AND pid <> pg_backend_pid() AND application_name <> current_setting('application_name') LOOP
				BEGIN PERFORM pg_catalog.pg_terminate_backend(p); EXCEPTION WHEN insufficient_privilege THEN NULL; END;
			END LOOP; END $$`)
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// load runs pg_restore into psql. asked is whether the server was told to
// commit: only then may an error leave the new content.
func load(ctx context.Context, tools kit, env []string, before string, list []byte, r io.Reader) (asked bool, _ error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	args := []string{"--format=custom", "--file=-"}
	if list != nil {
		name, remove, err := temporary(list)
		if err != nil {
			return false, err
		}
		defer remove()
		args = append(args, "--use-list="+name)
	}
	unpack := program(ctx, tools.path("pg_restore"), []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}, args...)
	apply := program(ctx, tools.path("psql"), env, "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=verbose", "--file=-")
	unpackIn, err1 := unpack.cmd.StdinPipe()
	unpackOut, err2 := unpack.cmd.StdoutPipe()
	applyIn, err3 := apply.cmd.StdinPipe()
	if err := errors.Join(err1, err2, err3); err != nil {
		return false, err
	}
	if err := apply.cmd.Start(); err != nil {
		return false, fmt.Errorf("psql: %w", err)
	}
	if err := unpack.cmd.Start(); err != nil {
		stop(err)
		_ = apply.wait() // it was just told to end
		return false, fmt.Errorf("pg_restore: %w", err)
	}

	fed := make(chan error, 1)
	go func() { fed <- feed(ctx, unpackIn, r) }()

	_, applyErr := io.WriteString(applyIn, before)
	if applyErr == nil {
		_, applyErr = io.CopyBuffer(onlyWriter{applyIn}, onlyReader{unpackOut}, make([]byte, 256<<10))
	}
	if applyErr != nil {
		stop(applyErr) // psql has gone: pg_restore need not go on
	}
	feedErr := <-fed
	unpackErr := unpack.wait()
	if applyErr == nil && feedErr == nil && unpackErr == nil && ctx.Err() == nil {
		asked = true
		_, applyErr = io.WriteString(applyIn, "\nCOMMIT;\n")
	}
	_ = applyIn.Close() // without COMMIT the server throws all of it away
	psqlErr := apply.wait()
	switch {
	case asked && psqlErr == nil && applyErr == nil:
		return true, nil // committed, whatever was cancelled meanwhile
	case feedErr != nil:
		return asked, fmt.Errorf("the dump cannot be read: %w", feedErr)
	case psqlErr != nil:
		return asked, psqlErr
	case unpackErr != nil:
		return asked, unpackErr
	case ctx.Err() != nil:
		return asked, context.Cause(ctx)
	}
	return asked, applyErr
}

// feed gives the whole archive to pg_restore. If that stops reading early, the
// rest is still read: its end is where a wrong sum shows.
func feed(ctx context.Context, to io.WriteCloser, r io.Reader) error {
	watched := &failing{r: r}
	_, _ = io.CopyBuffer(onlyWriter{to}, watched, make([]byte, 256<<10)) // pg_restore's own status tells of a broken pipe
	_ = to.Close()
	if watched.err == nil && ctx.Err() == nil {
		_, _ = io.Copy(io.Discard, watched)
	}
	return watched.err
}

// failing remembers a read error, apart from errors of writing.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// The wrappers hide ReadFrom and WriteTo, so that our buffer is used.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// temporary writes a file that only we can read; it holds no data of the
// product, just names.
func temporary(data []byte) (string, func(), error) {
	f, err := os.CreateTemp("", "upkeep-list-*")
	if err != nil {
		return "", nil, fmt.Errorf("cannot make a temporary file: %w", err)
	}
	remove := func() { _ = os.Remove(f.Name()) } // the system clears its temporary folder
	_, err = io.Copy(f, bytes.NewReader(data))
	if err := errors.Join(err, f.Close()); err != nil {
		remove()
		return "", nil, fmt.Errorf("cannot write a temporary file: %w", err)
	}
	return f.Name(), remove, nil
}

// analyze renews the planner's statistics, which no dump has: without them the
// product would be slow at first. Autovacuum does it later if this fails.
func (db *DB) analyze(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	l, err := db.connect(ctx, "renew statistics")
	if err != nil {
		return
	}
	defer l.close()
	_, _ = l.Exec(ctx, "ANALYZE")
}
