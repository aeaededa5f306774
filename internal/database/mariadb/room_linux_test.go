package mariadb

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

// TestDiskFull restores, and applies a script, on a volume of the server's that
// is too small: told apart, and the old content is untouched.
func TestDiskFull(t *testing.T) {
	lab.Root(t)
	s := start(t)
	big, name := s.fresh(t), s.fresh(t)
	sub := s.subject(t, s.as(big, "shop"), big)
	sub.Exec(t, "CREATE TABLE big AS SELECT seq AS i, repeat(md5(seq), 30) AS t FROM seq_1_to_20000")
	dump, _ := databasetest.Dump(t, sub.DB)
	place := filepath.Join(filepath.Dir(s.Socket), "data", name)
	options, err := os.ReadFile(filepath.Join(place, "db.opt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", place, "tmpfs", 0, "mode=777,size=12m"); err != nil {
		t.Skipf("cannot mount a small volume here: %v", err)
	}
	t.Cleanup(func() {
		s.SQL(t, "", fmt.Sprintf("DROP TABLE IF EXISTS `%s`.posts, `%[1]s`.users, `%[1]s`.half", name))
		if err := unix.Unmount(place, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(os.WriteFile(filepath.Join(place, "db.opt"), options, 0o660), s.Account.Own(filepath.Join(place, "db.opt"))); err != nil {
		t.Fatal(err)
	}
	small := s.subject(t, s.as(name, "shop"), name)
	small.Exec(t, databasetest.Fill)
	before := databasetest.Content(t, small.DB)
	if err := small.DB.Restore(t.Context(), bytes.NewReader(dump)); !errors.Is(err, database.ErrDiskFull) || !strings.Contains(err.Error(), "as it was before") {
		t.Errorf("on a full disk: %v; want ErrDiskFull", err)
	}
	databasetest.Same(t, "a full disk", before, databasetest.Content(t, small.DB))
	fill := "DROP VIEW names; CREATE TABLE half AS SELECT seq AS i, repeat(md5(seq), 30) AS t FROM seq_1_to_20000"
	if err := databasetest.Apply(t.Context(), small.DB, database.Script{Name: "s", SQL: fill}); !errors.Is(err, database.ErrDiskFull) {
		t.Errorf("a script on a full disk: %v; want ErrDiskFull", err)
	}
	databasetest.Same(t, "a script on a full disk", before, databasetest.Content(t, small.DB))
}

// TestManyObjects: one statement exchanges all that a large product has.
func TestManyObjects(t *testing.T) {
	lab.Slow(t)
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	var sql strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&sql, "CREATE TABLE t%d (x INT, KEY (x)); INSERT INTO t%[1]d VALUES (%[1]d);", i)
	}
	sub.Exec(t, sql.String())
	want := databasetest.Fingerprint(t, sub.DB)
	dump, _ := databasetest.Dump(t, sub.DB)
	sub.Exec(t, "DROP TABLE t7; UPDATE t8 SET x = 0")
	if err := sub.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	databasetest.Same(t, "restored", want, databasetest.Fingerprint(t, sub.DB))
}
