package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	driver "modernc.org/sqlite"

	"upkeep/internal/database"
)

// Dump writes the database file as of one moment: first a copy in the temporary
// folder, which can be made again if somebody opens the database meanwhile, then
// that to w. When nobody has it open, the copy is a plain one; else it is made by
// SQLite's online backup, which keeps page for page (VACUUM INTO would renumber
// rows), while writers go on.
func (db *DB) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	begin := time.Now()
	report := database.Report{Kind: db.Kind(), Format: database.FormatSQLite, LeftOut: []string{"the planner's statistics are in the dump, but not compared"}}
	dir, remove, err := db.temp()
	if err != nil {
		return database.Report{}, db.fail(ctx, "dump the database", err)
	}
	copied := filepath.Join(dir, "dump.db")
	report.Mark, err = db.Mark(ctx)
	if err != nil {
		return database.Report{}, errors.Join(err, remove())
	}
	err = db.look(ctx, func(v view) error {
		if err := db.remove(copied); err != nil {
			return err
		}
		report.Consistency.By = database.BySnapshot
		if v.still {
			report.Consistency.By = database.ByRest
			return copyFile(ctx, db.config.FS.Unsynced(), v.path, copied)
		}
		return v.copyTo(ctx, copied)
	})
	if err == nil {
		err = db.stream(ctx, copied, w, &report)
	}
	if err := errors.Join(err, remove()); err != nil {
		return database.Report{}, db.fail(ctx, "dump the database", err)
	}
	report.Duration = time.Since(begin)
	return report, nil
}

// copyTo runs SQLite's online backup. An open read transaction keeps the moment
// over all of its steps.
func (h *handle) copyTo(ctx context.Context, to string) error {
	if _, err := h.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	defer func() { _, _ = h.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") }() // it only read
	if _, err := h.text(ctx, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return err
	}
	return h.Raw(func(conn any) error {
		source, ok := conn.(interface {
			NewBackup(string) (*driver.Backup, error)
		})
		if !ok {
			return fmt.Errorf("the driver (%T) has no online backup", conn)
		}
		b, err := source.NewBackup(uri(to))
		if err != nil {
			return err
		}
		const pages = 4096
		for more := true; more; {
			if err := context.Cause(ctx); err != nil {
				return errors.Join(err, b.Finish())
			}
			if more, err = b.Step(pages); err != nil {
				return errors.Join(err, b.Finish())
			}
		}
		return b.Finish()
	})
}

// stream copies a file that nobody changes to w, and takes its fingerprint at
// the same time.
func (db *DB) stream(ctx context.Context, path string, w io.Writer, report *database.Report) (err error) {
	h, err := open(ctx, path, db.patience, "mode=ro", "immutable=1")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	version, err := h.text(ctx, "SELECT sqlite_version()")
	if err != nil {
		return err
	}
	report.Server, report.Tool = "SQLite "+version, "SQLite "+version
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	type printed struct {
		f   database.Fingerprint
		err error
	}
	done := make(chan printed, 1)
	go func() {
		f, err := h.fingerprint(ctx)
		done <- printed{f, err}
	}()
	n, err := db.send(ctx, path, w)
	if err != nil {
		stop(err)
	}
	p := <-done
	report.Bytes, report.Fingerprint = n, p.f
	if err != nil {
		return err
	}
	return p.err
}

func (db *DB) send(ctx context.Context, path string, w io.Writer) (int64, error) {
	r, err := db.config.FS.Open(path)
	if err != nil {
		return 0, err
	}
	n, err := io.CopyBuffer(plainWriter{w}, &cancelled{ctx: ctx, r: r}, make([]byte, 256<<10))
	return n, errors.Join(err, r.Close())
}
