package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/lab"
)

func prove(t *testing.T, db *DB, look func(database.Database) error) error {
	t.Helper()
	return database.Copied(t.Context(), db, func(_ database.Report, d database.Database) error {
		if look == nil {
			return nil
		}
		return look(d)
	})
}

func (s *server) scratches(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(s.Psql(t, "postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'upkeep_scratch_%'"))
}

// TestScratchDiskFull: the server's volume becomes full while a dump is proven.
// It is told apart, the copy goes, and the product's database is as it was.
func TestScratchDiskFull(t *testing.T) {
	lab.Root(t)
	s := start(t)
	small := filepath.Join(lab.Dir(t), "small")
	if err := os.Mkdir(small, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "mode=777,size=40m"); err != nil {
		t.Skipf("cannot mount a small volume here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(small, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	place := filepath.Join(small, "space")
	if err := os.Mkdir(place, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Account.Own(place); err != nil {
		t.Fatal(err)
	}
	name := s.fresh(t)
	s.Psql(t, "postgres", fmt.Sprintf("CREATE TABLESPACE tight LOCATION '%s'", place))
	s.Psql(t, "postgres", fmt.Sprintf("ALTER DATABASE %q SET TABLESPACE tight", name))
	t.Cleanup(func() {
		s.Psql(t, "postgres", fmt.Sprintf("DROP DATABASE %q", name))
		s.Psql(t, "postgres", "DROP TABLESPACE tight")
	})
	s.Psql(t, name, "CREATE TABLE big AS SELECT i, repeat('x', 1000) FROM generate_series(1, 15000) i")
	db := s.open(name)
	before := databasetest.Fingerprint(t, db)
	info, err := db.Inspect(t.Context())
	if err != nil || info.Scratch.Dir != place || info.Scratch.Bytes < 15<<20 {
		t.Errorf("the need is %+v, %v", info.Scratch, err)
	}
	if err := prove(t, db, nil); !errors.Is(err, database.ErrDiskFull) {
		t.Errorf("on a full disk: %v; want ErrDiskFull", err)
	}
	if n := s.scratches(t); n != "0" {
		t.Errorf("%s copies are left on the full disk", n)
	}
	databasetest.Same(t, "a full disk", before, databasetest.Fingerprint(t, db))
}

// TestScratchClosed: a database that was made read-only for the upgrade is
// proven all the same, and migrations find the settings that they will find.
func TestScratchClosed(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, name, databasetest.Fill+"; CREATE SCHEMA app")
	s.Psql(t, "postgres", fmt.Sprintf("ALTER DATABASE %q SET default_transaction_read_only = on; ALTER DATABASE %[1]q SET search_path = app, public", name))
	if err := prove(t, s.open(name), func(d database.Database) error {
		if err := databasetest.Apply(t.Context(), d, database.Script{Name: "m.sql", SQL: "CREATE TABLE here (x int); INSERT INTO here SELECT id FROM users"}); err != nil {
			return err
		}
		if got, err := d.Query(t.Context(), "SELECT count(*) FROM app.here"); got != "3" {
			t.Errorf("the search path is not that of the product's database: %s, %v", got, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := s.scratches(t); n != "0" {
		t.Errorf("%s copies are left", n)
	}
}

// TestScratchFindsWhatADumpHides: a dump that the server's tools call good, and
// that cannot be restored.
func TestScratchFindsWhatADumpHides(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, name, "CREATE TABLE t (x int); INSERT INTO t VALUES (1); CREATE MATERIALIZED VIEW share AS SELECT 100 / sum(x) AS s FROM t; UPDATE t SET x = 0")
	db := s.open(name)
	if _, report := databasetest.Dump(t, db); report.Bytes == 0 {
		t.Fatal("no dump")
	}
	if err := prove(t, db, nil); err == nil || !strings.Contains(err.Error(), "share") {
		t.Errorf("a view that cannot be refreshed: %v", err)
	}
}

// TestStandby: a server in recovery is read, and nothing is made on it.
func TestStandby(t *testing.T) {
	pg := lab.Postgres(t)
	pg.CreateDB("shop")
	pg.Psql("shop", databasetest.Fill)
	data := strings.TrimSpace(pg.Psql("shop", "SHOW data_directory"))
	if err := pg.Halt(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := pg.Again(t.Context()); err != nil {
		t.Fatal(err)
	}
	db := open(pg.DSN("shop"))
	info, err := db.Inspect(t.Context())
	if err != nil || !info.InRecovery || info.Rights.Restore || info.Scratch.Problem != "the server is a standby, on which nothing can be made" {
		t.Fatalf("%+v, %v", info, err)
	}
	if _, err := db.Scratch(t.Context()); !errors.Is(err, database.ErrScratch) {
		t.Errorf("made all the same: %v", err)
	}
	if _, err := db.EndSessions(t.Context(), "run-1/backup/do"); err != nil {
		t.Errorf("recovery ends sessions: %v", err)
	}
}

// onFirst calls f with the first bytes that are written.
type onFirst struct {
	bytes.Buffer
	once sync.Once
	f    func()
}

func (w *onFirst) Write(p []byte) (int, error) {
	w.once.Do(w.f)
	return w.Buffer.Write(p)
}

// TestDisappears: the database goes while it is dumped: that is no dump.
func TestDisappears(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, name, "CREATE TABLE big AS SELECT i, repeat('x', 1000) FROM generate_series(1, 60000) i")
	w := &onFirst{f: func() {
		if err := s.DropDB(context.Background(), name); err != nil {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
	}}
	if report, err := s.open(name).Dump(t.Context(), w); err == nil {
		t.Errorf("a dump of %d bytes is reported of a database that went away", report.Bytes)
	} else if !errors.Is(err, database.ErrUnreachable) && !errors.Is(err, database.ErrNoDatabase) {
		t.Errorf("%v", err)
	}
}

// TestLargeValue dumps and proves a value of 300 MB. PostgreSQL itself ends at
// a row whose text has 1 GB, which for bytea is about half of that.
func TestLargeValue(t *testing.T) {
	lab.Slow(t)
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, name, "CREATE TABLE files (id int PRIMARY KEY, content bytea); ALTER TABLE files ALTER content SET STORAGE EXTERNAL")
	s.Psql(t, name, "INSERT INTO files SELECT 1, decode(repeat(md5('x'), 300 << 16), 'hex')")
	if size := strings.TrimSpace(s.Psql(t, name, "SELECT length(content) >> 20 FROM files")); size != "300" {
		t.Fatalf("the value has %s MB", size)
	}
	if err := prove(t, s.open(name), nil); err != nil {
		t.Fatal(err)
	}
	s.Psql(t, name, "TRUNCATE files")
}
