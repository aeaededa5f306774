package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/lab"
)

// TestDiskFull restores onto a volume of the server's that is too small: told
// apart, and the old content is untouched.
func TestDiskFull(t *testing.T) {
	lab.Root(t)
	s := start(t)
	dir := lab.Dir(t)
	small := filepath.Join(dir, "small")
	if err := os.Mkdir(small, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "mode=777,size=12m"); err != nil {
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
	big, name := s.fresh(t), s.fresh(t)
	s.Psql(t, big, "CREATE TABLE big AS SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i")
	dump, _ := databasetest.Dump(t, s.open(big))
	s.Psql(t, "postgres", fmt.Sprintf("CREATE TABLESPACE small LOCATION '%s'", place))
	s.Psql(t, "postgres", fmt.Sprintf("ALTER DATABASE %q SET TABLESPACE small", name))
	t.Cleanup(func() {
		s.Psql(t, "postgres", fmt.Sprintf("DROP DATABASE %q", name))
		s.Psql(t, "postgres", "DROP TABLESPACE small")
	})
	s.Psql(t, name, databasetest.Fill)
	before := databasetest.Fingerprint(t, s.open(name))
	if err := s.open(name).Restore(t.Context(), bytes.NewReader(dump)); !errors.Is(err, database.ErrDiskFull) {
		t.Errorf("on a full disk: %v; want ErrDiskFull", err)
	}
	databasetest.Same(t, "a full disk", before, databasetest.Fingerprint(t, s.open(name)))
}

// TestClosedDatabase: a product's database that was made read-only for the
// upgrade can be restored and migrated all the same, and stays read-only.
func TestClosedDatabase(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, name, databasetest.Fill)
	want := databasetest.Fingerprint(t, s.open(name))
	dump, _ := databasetest.Dump(t, s.open(name))
	s.Psql(t, name, "DROP TABLE posts")
	s.Psql(t, "postgres", fmt.Sprintf("ALTER DATABASE %q SET default_transaction_read_only = on", name))
	if err := s.open(name).Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	databasetest.Same(t, "restored", want, databasetest.Fingerprint(t, s.open(name)))
	if err := databasetest.Apply(t.Context(), s.open(name), database.Script{Name: "m.sql", SQL: "CREATE TABLE more (x int)"}); err != nil {
		t.Error(err)
	}
	if got, err := s.open(name).Query(t.Context(), "SHOW default_transaction_read_only"); got != "on" || err != nil {
		t.Errorf("read-only is %q, %v", got, err)
	}
}

// TestManyObjects: what one transaction cannot lock says what to raise. The
// content stays.
func TestManyObjects(t *testing.T) {
	lab.Slow(t)
	s := start(t)
	name := s.fresh(t)
	for i := range 10 { // in parts: a transaction cannot make so many either
		s.Psql(t, name, fmt.Sprintf("DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE t%%s_%d (x int)', i); END LOOP; END $$", i))
	}
	db := s.open(name)
	info, err := db.Inspect(t.Context())
	if err != nil || info.Rights.Restore || !strings.Contains(strings.Join(info.Rights.Problems, " "), "max_locks_per_transaction") {
		t.Errorf("not foreseen: %+v, %v", info.Rights, err)
	}
	small := s.fresh(t)
	dump, _ := databasetest.Dump(t, s.open(small))
	if err := db.Restore(t.Context(), bytes.NewReader(dump)); err == nil || !strings.Contains(err.Error(), "max_locks_per_transaction") {
		t.Errorf("dropped 20,000 tables: %v", err)
	}
	if got, err := db.Query(t.Context(), "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 't%\\_%' AND relnamespace = 'public'::regnamespace"); got != "20000" || err != nil {
		t.Errorf("%s tables, %v", got, err)
	}
}
