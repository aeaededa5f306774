package mariadb

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
)

// TestScratchExact proves a dump of one of everything as an ordinary account,
// and no event runs in the copy.
func TestScratchExact(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, rich)
	if n := s.SQL(t, name, "SELECT count(*) FROM information_schema.events WHERE event_schema = database() AND status = 'ENABLED'"); n == "0" {
		t.Fatal("there is no event that could run")
	}
	databasetest.Proven(t, sub, func(d database.Database) error {
		at, err := d.Query(t.Context(), "SELECT database()")
		if err != nil || !strings.HasPrefix(at, "upkeep_scratch_") {
			t.Errorf("the scratch database is %s, %v", at, err)
		}
		n, err := d.Query(t.Context(), "SELECT count(*) FROM information_schema.events WHERE event_schema = database() AND status = 'ENABLED'")
		if n != "0" {
			t.Errorf("%s events would run in the copy", n)
		}
		return err
	})
}

// TestScratchRights: what an account lacks is told before, with the statement
// that gives it.
func TestScratchRights(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.SQL(t, "", fmt.Sprintf("CREATE USER IF NOT EXISTS plain@'%%' IDENTIFIED BY 'pw'; GRANT ALL ON `%s`.* TO plain@'%%'", name))
	db := open(s.as(name, "plain"))
	info, err := db.Inspect(t.Context())
	const want = "account plain@% may not make databases of the name upkeep_scratch_…: GRANT ALL PRIVILEGES ON `upkeep\\_scratch\\_%`.* TO 'plain'@'%'"
	if err != nil || info.Scratch.Problem != want {
		t.Fatalf("%q, %v; want %q", info.Scratch.Problem, err, want)
	}
	_, give, _ := strings.Cut(info.Scratch.Problem, ": ")
	s.SQL(t, "", give)
	if info, err = db.Inspect(t.Context()); err != nil || info.Scratch.Problem != "" || info.Scratch.Dir == "" {
		t.Fatalf("after it was given: %+v, %v", info.Scratch, err)
	}
	made, err := db.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Error(err)
	}
}

// TestConsistency names the tables that know no transactions.
func TestConsistency(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, "CREATE TABLE a (x INT PRIMARY KEY) ENGINE=InnoDB")
	if _, report := databasetest.Dump(t, sub.DB); report.Consistency.String() != "a snapshot of one moment" {
		t.Errorf("InnoDB alone: %s", report.Consistency)
	}
	sub.Exec(t, "CREATE TABLE counters (x INT PRIMARY KEY) ENGINE=MyISAM; CREATE TABLE b (x INT PRIMARY KEY) ENGINE=Aria")
	if _, report := databasetest.Dump(t, sub.DB); report.Consistency.String() != "a snapshot of one moment, and locks on tables whose engine knows no transactions: b (Aria), counters (MyISAM)" {
		t.Errorf("with others: %s", report.Consistency)
	}
}

// TestScratchKilled kills the process that proves, at many moments.
func TestScratchKilled(t *testing.T) {
	if dsn, child := databasetest.Proving(); child {
		s, err := open(dsn).Scratch(context.Background())
		if err == nil {
			err = s.Restore(context.Background(), os.Stdin)
		}
		if err == nil {
			_, err = s.Fingerprint(context.Background())
		}
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, databasetest.Fill)
	databasetest.ScratchKilled(t, sub, s.as(name, "shop"), func() string {
		return s.SQL(t, "", "SELECT count(*) FROM information_schema.schemata WHERE schema_name = '"+database.ScratchName("run-1/backup/do", name)+"'")
	})
}

// TestOtherDefiner: an event in the name of another account could not be put
// back by an ordinary one. That is said before, with the right that it takes.
func TestOtherDefiner(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.SQL(t, name, "CREATE TABLE t (x INT PRIMARY KEY); CREATE DEFINER=reader@'%' EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t")
	s.SQL(t, "", "GRANT SELECT ON mysql.* TO shop@'%'")
	t.Cleanup(func() { s.SQL(t, "", "REVOKE SELECT ON mysql.* FROM shop@'%'") })
	db := open(s.as(name, "shop"))
	info, err := db.Inspect(t.Context())
	if err != nil || info.Rights.Restore || !strings.Contains(strings.Join(info.Rights.Problems, "; "), "runs in the name of reader@%, and account shop@% may not make one: GRANT SET USER") || info.Scratch.Problem == "" {
		t.Fatalf("%+v, %v", info, err)
	}
	databasetest.Proven(t, s.subject(t, s.DSN(name), name), nil) // by one who may
}

// TestPacket: a value that the server would not take back is found while it is
// dumped, before anything is closed.
func TestPacket(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, "CREATE TABLE files (id INT PRIMARY KEY, content LONGBLOB); INSERT INTO files VALUES (1, repeat('x', 16776900))")
	_, err := sub.DB.Dump(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "rows files needs a statement of 1677") || !strings.Contains(err.Error(), "raise max_allowed_packet on it") {
		t.Fatalf("a statement of more than 16 MB, and the server takes no more: %v", err)
	}
	s.SQL(t, "", "SET GLOBAL max_allowed_packet = 67108864")
	t.Cleanup(func() { s.SQL(t, "", "SET GLOBAL max_allowed_packet = 16777216") })
	databasetest.Proven(t, sub, nil)
}
