// Package sqlite keeps the journal of record in one SQLite file: WAL,
// synchronous=FULL, one connection, immediate transactions. It imports the
// model, package journal and the SQLite driver.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver

	"upkeep/internal/journal"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// Version is the version of the file's layout, kept in user_version.
const Version = 1

const layout = `
CREATE TABLE entries (
  seq INTEGER PRIMARY KEY, run TEXT NOT NULL, at TEXT NOT NULL, kind TEXT NOT NULL, step TEXT NOT NULL,
  dir TEXT NOT NULL, body BLOB NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL);
CREATE INDEX entries_run ON entries(run, seq);
CREATE TABLE plans (digest TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE runs (
  id TEXT PRIMARY KEY, plan TEXT NOT NULL, by TEXT NOT NULL, trig TEXT NOT NULL, from_version TEXT NOT NULL,
  to_version TEXT NOT NULL, opened TEXT NOT NULL, closed TEXT, result TEXT NOT NULL DEFAULT '',
  version TEXT NOT NULL DEFAULT '', outage INTEGER NOT NULL DEFAULT 0, work INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX one_open_run ON runs((1)) WHERE closed IS NULL;
CREATE TABLE record (
  component TEXT NOT NULL, instance TEXT NOT NULL, version TEXT NOT NULL, release TEXT NOT NULL, bundle TEXT NOT NULL,
  run TEXT NOT NULL, PRIMARY KEY (component, instance));
CREATE TABLE once (marker TEXT PRIMARY KEY, run TEXT NOT NULL);
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL);
INSERT INTO head VALUES (1, 0, '');
`

// Journal is an open journal. It is safe for concurrent use; several
// processes may have the same file open.
type Journal struct {
	db     *sql.DB
	path   string
	now    func() time.Time
	around []Around
}

// Around is called around every transaction that writes, and calls write
// itself; what names the transaction. It is for tests that end the process, or
// have the disk fail, at that moment.
type Around func(what string, write func() error) error

// Open opens the journal at path, and makes it when it is not there. The
// folder must exist. The errors ErrNewer and ErrDamaged of package journal
// tell a journal that cannot be used.
func Open(ctx context.Context, path string, now func() time.Time, around ...Around) (*Journal, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err == nil {
			err = f.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("cannot make the journal: %w", err)
		}
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("cannot open the journal %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	j := &Journal{db: db, path: path, now: now, around: around}
	if err := j.prepare(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return j, nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.db.Close() }

// prepare asserts the pragmas that durability rests on, and the layout.
func (j *Journal) prepare(ctx context.Context) error {
	var mode string
	var sync, version int
	read := func() error {
		return errors.Join(
			j.db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode),
			j.db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync),
			j.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version))
	}
	err := read()
	// SQLite does not wait for others while a new file becomes one with a
	// write-ahead log, whatever busy_timeout says
	for range 100 {
		if !busy(err) || ctx.Err() != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
		err = read()
	}
	if err != nil {
		return j.fault("read", err)
	}
	if mode != "wal" || sync != 2 {
		return fmt.Errorf("cannot use the journal %s: journal_mode is %s and synchronous %d, but they must be wal and 2", j.path, mode, sync)
	}
	if version > Version {
		return fmt.Errorf("%w: %s has layout %d, this Upkeep knows %d; use the Upkeep that wrote it, or a newer one", journal.ErrNewer, j.path, version, Version)
	}
	if version == Version {
		return j.shape(ctx)
	}
	return j.transact(ctx, "layout", func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil || version == Version {
			return err
		}
		var tables int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master").Scan(&tables); err != nil {
			return err
		}
		if tables > 0 {
			return j.damaged(errors.New("it is a database, but no journal"))
		}
		if _, err := tx.ExecContext(ctx, layout); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", Version))
		return err
	})
}

// shape checks that the file has the tables and indexes of the layout and
// nothing else: a trigger could take out what is written, a view never end.
func (j *Journal) shape(ctx context.Context) error {
	want := map[string]bool{}
	for s := range strings.SplitSeq(layout, ";") {
		if s = plain(s); strings.HasPrefix(s, "CREATE ") {
			want[s] = true
		}
	}
	rows, err := j.db.QueryContext(ctx, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
	if err != nil {
		return j.fault("read", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, sql string
		if err := rows.Scan(&name, &sql); err != nil {
			return j.damaged(err)
		}
		if sql = plain(sql); !want[sql] {
			return j.damaged(fmt.Errorf("%q is not as this Upkeep makes it", name))
		}
		delete(want, sql)
	}
	if err := rows.Err(); err != nil {
		return j.fault("read", err)
	}
	for sql := range want {
		return j.damaged(fmt.Errorf("something is missing: %.40s", sql))
	}
	return nil
}

// plain leaves out how a statement is set in lines.
func plain(s string) string { return strings.Join(strings.Fields(s), " ") }

// transact calls f in a transaction that is committed when f gives no error.
func (j *Journal) transact(ctx context.Context, what string, f func(*sql.Tx) error) error {
	write := func() error { return j.commit(ctx, f) }
	for _, a := range j.around {
		inner := write
		write = func() error { return a(what, inner) }
	}
	return write()
}

func (j *Journal) commit(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return j.fault("write to", err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return j.fault("write to", err)
	}
	return j.fault("write to", tx.Commit())
}

// OpenRun opens a run of the plan: its row, the plan itself and the entry
// RunOpened are one transaction. An *journal.OpenRunError tells that another
// run is open.
func (j *Journal) OpenRun(ctx context.Context, id string, p *plan.Plan, opened run.Opened) (run.Entry, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return run.Entry{}, fmt.Errorf("cannot keep the plan: %w", err)
	}
	var e run.Entry
	err = j.transact(ctx, "RunOpened", func(tx *sql.Tx) error {
		var open string
		switch err := tx.QueryRowContext(ctx, "SELECT id FROM runs WHERE closed IS NULL").Scan(&open); {
		case err == nil:
			return &journal.OpenRunError{Run: open}
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO plans(digest, body) VALUES (?, ?)", p.Digest, body); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO runs(id, plan, by, trig, from_version, to_version, opened) VALUES (?,?,?,?,?,?,?)",
			id, p.Digest, opened.By, opened.Trigger, p.From, p.To, stamp(j.now()))
		if err != nil {
			return err
		}
		e, err = j.append(ctx, tx, run.Entry{Run: id, Kind: run.RunOpened}, opened)
		return err
	})
	return e, err
}

// Append adds one entry; it is durable on return. After is the Seq of the
// last entry that the caller has folded: when another process has appended
// to the run since, the error is journal.ErrStale and nothing is written.
func (j *Journal) Append(ctx context.Context, after int64, e run.Entry, body any) (run.Entry, error) {
	err := j.transact(ctx, strings.TrimSpace(string(e.Kind)+" "+string(e.Dir)+" "+e.Step), func(tx *sql.Tx) error {
		if err := fresh(ctx, tx, e.Run, after); err != nil {
			return err
		}
		var err error
		e, err = j.append(ctx, tx, e, body)
		return err
	})
	return e, err
}

// fresh checks that the run is open and has no entry after the given one.
func fresh(ctx context.Context, tx *sql.Tx, id string, after int64) error {
	var last int64
	var kind run.Kind
	err := tx.QueryRowContext(ctx, "SELECT seq, kind FROM entries WHERE run = ? ORDER BY seq DESC LIMIT 1", id).Scan(&last, &kind)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("there is no run %s", id)
	case err != nil:
		return err
	case last != after:
		return journal.ErrStale
	case kind == run.RunClosed:
		return fmt.Errorf("run %s is closed", id)
	}
	return nil
}

// CloseRun appends RunClosed and brings the projection up to date, in one
// transaction.
func (j *Journal) CloseRun(ctx context.Context, after int64, id string, c journal.Closing) (run.Entry, error) {
	e := run.Entry{Run: id, Kind: run.RunClosed}
	err := j.transact(ctx, "RunClosed", func(tx *sql.Tx) error {
		if err := fresh(ctx, tx, id, after); err != nil {
			return err
		}
		var err error
		if e, err = j.append(ctx, tx, e, c.Body); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE runs SET closed=?, result=?, version=?, outage=?, work=? WHERE id=?",
			stamp(e.At), c.Body.Result, c.Body.Version, int64(c.Outage), len(c.Body.Work), id)
		if err != nil {
			return err
		}
		for _, r := range c.Forget {
			if _, err := tx.ExecContext(ctx, "DELETE FROM once WHERE run = ?", r); err != nil {
				return err
			}
		}
		for _, m := range c.Once {
			if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO once(marker, run) VALUES (?,?)", m, id); err != nil {
				return err
			}
		}
		for _, r := range c.Record { // an instance that is not there any more has no row
			if _, err := tx.ExecContext(ctx, "DELETE FROM record WHERE component=?", r.Component); err != nil {
				return err
			}
		}
		for _, component := range c.Gone {
			if _, err := tx.ExecContext(ctx, "DELETE FROM record WHERE component=?", component); err != nil {
				return err
			}
		}
		for _, r := range c.Record {
			_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO record(component, instance, version, release, bundle, run) VALUES (?,?,?,?,?,?)",
				r.Component, r.Instance, r.Version, r.Release, r.Bundle, id)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return e, err
}

// append chains the entry to the last one. The head holds the last one's
// place and hash once more, so that a journal that lost its end is noticed.
func (j *Journal) append(ctx context.Context, tx *sql.Tx, e run.Entry, body any) (run.Entry, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return e, fmt.Errorf("cannot write the entry %s: %w", e.Kind, err)
	}
	err = tx.QueryRowContext(ctx, "SELECT seq, hash FROM head").Scan(&e.Seq, &e.Prev)
	if errors.Is(err, sql.ErrNoRows) {
		return e, j.damaged(errors.New("it does not say which entry is its last"))
	}
	if err != nil {
		return e, err
	}
	e.Seq++
	// without the monotonic clock, as it is read back
	e.At, e.Body = j.now().UTC().Round(0), raw
	e.Hash = e.Sum()
	_, err = tx.ExecContext(ctx, "INSERT INTO entries(seq, run, at, kind, step, dir, body, prev, hash) VALUES (?,?,?,?,?,?,?,?,?)",
		e.Seq, e.Run, stamp(e.At), e.Kind, e.Step, e.Dir, []byte(e.Body), e.Prev, e.Hash)
	if err != nil {
		return e, err
	}
	_, err = tx.ExecContext(ctx, "UPDATE head SET seq = ?, hash = ?", e.Seq, e.Hash)
	return e, err
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
