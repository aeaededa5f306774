package mariadb

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/lab"
)

// cutter passes a number of packets of clients on to a server, and then cuts
// everything off, as the death of the client does.
type cutter struct {
	net.Listener
	to    string
	left  atomic.Int64
	alive context.Context
	kill  func()
}

func cut(t *testing.T, to string, after int) *cutter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, to: to}
	c.left.Store(int64(after))
	c.alive, c.kill = context.WithCancel(context.Background())
	t.Cleanup(func() { c.kill(); _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go c.pass(from)
		}
	}()
	return c
}

func (c *cutter) pass(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", c.to)
	if err != nil || c.alive.Err() != nil {
		return
	}
	defer to.Close()
	stop := context.AfterFunc(c.alive, func() { _ = from.Close(); _ = to.Close() })
	defer stop()
	go func() { _, _ = io.Copy(from, to); _ = from.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		left := c.left.Add(-1)
		if left >= 0 {
			_, _ = to.Write(buf[:n])
		}
		if left <= 0 {
			c.kill()
			return
		}
	}
}

// TestCutOff cuts a restore, and a script, off after every packet: once
// EndSessions was called the content is from before or from after, nothing of
// ours is left, and a second try succeeds.
func TestCutOff(t *testing.T) {
	lab.Slow(t)
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, databasetest.Fill)
	sub.Exec(t, "CREATE TRIGGER noted BEFORE INSERT ON posts FOR EACH ROW SET NEW.body = coalesce(NEW.body, 'none'); CREATE FUNCTION one() RETURNS INT DETERMINISTIC RETURN 1; CREATE SEQUENCE sq; CREATE VIEW ones AS SELECT one() AS o FROM names")
	home := databasetest.Content(t, sub.DB)
	dump, _ := databasetest.Dump(t, sub.DB)
	script := database.Script{Name: "s.sql", SQL: "ALTER TABLE users ADD COLUMN more INT; UPDATE users SET more = 7; DROP VIEW ones; CREATE TABLE newer (x INT); INSERT INTO newer VALUES (1)"}
	if err := databasetest.Apply(t.Context(), sub.DB, script); err != nil {
		t.Fatal(err)
	}
	away := databasetest.Content(t, sub.DB)
	if err := sub.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	direct := "127.0.0.1:" + strconv.Itoa(s.Port)
	for _, c := range []struct {
		what       string
		from, to   database.Fingerprint
		act, reset func(db database.Database) error
	}{
		{"restore", away, home, func(db database.Database) error { return db.Restore(t.Context(), bytes.NewReader(dump)) }, func(db database.Database) error { return databasetest.Apply(t.Context(), db, script) }},
		{"apply", home, away, func(db database.Database) error { return databasetest.Apply(t.Context(), db, script) }, func(db database.Database) error { return db.Restore(t.Context(), bytes.NewReader(dump)) }},
	} {
		seen := map[string]int{}
		at := c.to.Digest()
		for n := 1; ; n++ {
			if at == c.to.Digest() {
				if err := c.reset(sub.DB); err != nil {
					t.Fatal(err)
				}
			}
			through := cut(t, direct, n)
			err := c.act(open(strings.Replace(s.as(name, "shop"), direct, through.Addr().String(), 1)))
			if err == nil {
				t.Logf("%s: %d packets, %v", c.what, n, seen)
				break
			}
			if _, err := sub.DB.EndSessions(t.Context(), "run-1/backup/do"); err != nil {
				t.Fatalf("%s, packet %d: %v", c.what, n, err)
			}
			got := databasetest.Content(t, sub.DB)
			at = got.Digest()
			switch at {
			case c.to.Digest():
				seen["after"]++
			case c.from.Digest():
				seen["before"]++
			default:
				t.Fatalf("%s, packet %d: neither before nor after: %s", c.what, n, database.Summary(database.Compare(c.from, got)))
			}
			if left := s.SQL(t, name, `SHOW TABLES LIKE '\_upkeep%'`); left != "" {
				t.Fatalf("%s, packet %d: left behind: %s", c.what, n, left)
			}
		}
		// only the answer to a script's last statement can be lost after it took effect
		if seen["before"] == 0 || seen["after"] == 0 && c.what == "restore" {
			t.Errorf("%s: ends seen: %v", c.what, seen)
		}
		databasetest.Same(t, "in the end", c.to, databasetest.Content(t, sub.DB))
	}
}

// TestKilled kills the process that restores, with signal 9, at many moments.
func TestKilled(t *testing.T) {
	if dsn, child := databasetest.Restoring(); child {
		if err := open(dsn).Restore(t.Context(), os.Stdin); err != nil {
			t.Fatal(err)
		}
		return
	}
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	big(t, sub)
	databasetest.Killed(t, sub, s.as(name, "shop"), "run-1/backup/do")
}

func big(t *testing.T, sub databasetest.Subject) {
	sub.Exec(t, databasetest.Fill)
	sub.Exec(t, "CREATE TABLE big AS SELECT seq AS i, repeat('x', 500) AS t FROM seq_1_to_4000; CREATE TRIGGER tr AFTER INSERT ON users FOR EACH ROW INSERT INTO posts (id, author) VALUES (NEW.id, NEW.id)")
}

// TestServerKilled crashes the server at many moments of a restore.
func TestServerKilled(t *testing.T) {
	lab.Slow(t)
	m, err := lab.StartMariaDB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	s, name := &server{MariaDB: m}, "shop"
	s.SQL(t, "", "CREATE DATABASE shop")
	db := New(Config{Address: func() (string, error) { return m.DSN(name), nil }, OpID: "run-1/backup/do"})
	sub := s.subject(t, m.DSN(name), name)
	sub.DB = db
	big(t, sub)
	want := databasetest.Fingerprint(t, db)
	dump, _ := databasetest.Dump(t, db)
	sub.Exec(t, databasetest.Harm)
	began := time.Now()
	if err := db.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(began)
	sub.Exec(t, databasetest.Harm)
	before := databasetest.Fingerprint(t, db)
	seen := map[string]int{}
	const rounds = 12
	for i := range rounds {
		done := make(chan error, 1)
		go func() { done <- db.Restore(context.Background(), bytes.NewReader(dump)) }()
		time.Sleep(whole * time.Duration(i+rounds/2) / rounds) // the end is where it matters
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
		<-done
		if err := m.Again(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := db.EndSessions(t.Context(), "run-1/backup/do"); err != nil {
			t.Fatal(err)
		}
		switch got := databasetest.Fingerprint(t, db); got.Digest() {
		case want.Digest():
			seen["new"]++
			if err := s.subject(t, m.DSN(name), name).Do(t.Context(), databasetest.Harm); err != nil {
				t.Fatal(err)
			}
		case before.Digest():
			seen["old"]++
		default:
			t.Fatalf("crashed in round %d: neither old nor new: %s", i, database.Summary(database.Compare(before, got)))
		}
	}
	t.Logf("ended %v", seen)
	if err := db.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	databasetest.Same(t, "run again", want, databasetest.Fingerprint(t, db))
}
