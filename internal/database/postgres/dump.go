package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"upkeep/internal/database"
)

// Dump runs pg_dump on a snapshot and, on that same snapshot and at the same
// time, sums up every table, so that the report describes exactly what was
// dumped even while others write. The format is pg_dump's own (-Fc),
// uncompressed: whoever stores it compresses faster than pg_dump does.
func (db *DB) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	const what = "dump the database"
	begin := time.Now()
	l, err := db.connect(ctx, what)
	if err != nil {
		return database.Report{}, err
	}
	defer l.close()
	tools, err := db.tools.find(ctx, l.major)
	if err != nil {
		return database.Report{}, fmt.Errorf("cannot %s: %s: %w", what, l.where, err)
	}
	mark, err := l.mark(ctx)
	if err != nil {
		return database.Report{}, l.fail(ctx, what, err)
	}
	tx, err := l.readOnly(ctx)
	if err != nil {
		return database.Report{}, l.fail(ctx, what, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it only read
	var snapshot string
	if err := tx.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&snapshot); err != nil {
		return database.Report{}, l.fail(ctx, what, err)
	}

	// Either half failing stops the other.
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	count := &counter{w: w}
	dumped := make(chan error, 1)
	go func() {
		err := pgDump(ctx, tools, l.env, snapshot, db.patience, count)
		if err != nil {
			stop(err)
		}
		dumped <- err
	}()
	sums, sumErr := fingerprint(ctx, tx, l.major)
	if sumErr != nil {
		stop(sumErr)
	}
	dumpErr := <-dumped
	switch {
	case count.err != nil:
		return database.Report{}, fmt.Errorf("cannot %s: %s: the dump cannot be stored: %w", what, l.where, count.err)
	case sumErr != nil && (dumpErr == nil || !errors.Is(context.Cause(ctx), dumpErr)):
		return database.Report{}, l.fail(context.WithoutCancel(ctx), what, sumErr)
	case dumpErr != nil:
		return database.Report{}, l.fail(context.WithoutCancel(ctx), what, dumpErr)
	}
	report := database.Report{
		Kind: db.Kind(), Server: "PostgreSQL " + l.server, Tool: "pg_dump " + tools.version, Format: database.FormatCustom,
		Bytes: count.n, Duration: time.Since(begin), Fingerprint: sums, Mark: mark, Consistency: database.Consistency{By: database.BySnapshot},
		LeftOut: []string{
			"roles and tablespaces, which belong to the whole server",
			"settings attached to the database or to roles (ALTER DATABASE … SET, ALTER ROLE … SET)",
			"the rows of materialised views and foreign tables (a restore refreshes the views)",
		},
	}
	return report, nil
}

// pgDump writes the archive to w. Whatever fails gives an error: an exit
// status, a write, a cut. A table that is locked is waited for as long as
// patience is.
func pgDump(ctx context.Context, tools kit, env []string, snapshot string, patience time.Duration, w io.Writer) error {
	c := program(ctx, tools.path("pg_dump"), env, "--format=custom", "--compress=0", "--no-password",
		fmt.Sprintf("--lock-wait-timeout=%dms", patience.Milliseconds()), "--snapshot="+snapshot)
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("pg_dump: %w", err)
	}
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("pg_dump: %w", err)
	}
	_, copyErr := io.CopyBuffer(w, out, make([]byte, 256<<10))
	if copyErr != nil {
		_ = c.cmd.Process.Kill() // nobody reads what it still has to say
	}
	waitErr := c.wait()
	if copyErr != nil {
		return copyErr
	}
	return waitErr
}

// Globals writes the server's roles and tablespaces as SQL (pg_dumpall
// --globals-only). They hold password hashes, and are for a rebuilt server;
// Restore never reads them. It needs the right to read pg_authid: see
// Rights.Globals.
func (db *DB) Globals(ctx context.Context, w io.Writer) error {
	const what = "dump the roles of the server"
	l, err := db.connect(ctx, what)
	if err != nil {
		return err
	}
	defer l.close()
	tools, err := db.tools.find(ctx, l.major)
	if err != nil {
		return fmt.Errorf("cannot %s: %s: %w", what, l.where, err)
	}
	c := program(ctx, tools.path("pg_dumpall"), l.env, "--globals-only", "--no-password", "--database="+l.Config().Database)
	count := &counter{w: w}
	c.cmd.Stdout = count
	if err := c.explain(c.cmd.Run()); err != nil {
		return fmt.Errorf("cannot %s: %s: %w", what, l.where, errors.Join(count.err, err))
	}
	return nil
}

// counter counts what was written and remembers why it stopped.
type counter struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}
