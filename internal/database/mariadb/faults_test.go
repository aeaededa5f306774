package mariadb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/lab"
)

// TestErrors tells causes apart, and shows no password.
func TestErrors(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.SQL(t, name, "CREATE TABLE secret (x INT)")
	s.SQL(t, "", fmt.Sprintf("CREATE USER busy@'%%' IDENTIFIED BY 'pw' WITH MAX_CONNECTIONS_PER_HOUR 1; GRANT SELECT ON `%s`.* TO busy@'%%'; GRANT SHOW VIEW ON `%[1]s`.* TO alone@'%%'", name))
	if _, err := open(s.as(name, "busy")).Query(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	good := s.DSN(name)
	url := fmt.Sprintf("mariadb://%s:%s@127.0.0.1:%d/%s", s.User, s.Password, s.Port, name)
	for _, c := range []struct {
		name, dsn string
		want      error
	}{
		{"good", good, nil},
		{"a URL", url, nil},
		{"a socket", "mysql://" + s.User + ":" + s.Password + "@localhost/" + name + "?socket=" + s.Socket, nil},
		{"a socket of Go's driver", s.User + ":" + s.Password + "@unix(" + s.Socket + ")/" + name + "?parseTime=true&loc=UTC", nil},
		{"nobody listens", strings.Replace(good, fmt.Sprint(s.Port), fmt.Sprint(lab.FreePort(t)), 1), database.ErrUnreachable},
		{"no such host", strings.Replace(good, "127.0.0.1", "nowhere.invalid", 1), database.ErrUnreachable},
		{"no such socket", "a:pw-77@unix(/nowhere)/" + name, database.ErrUnreachable},
		{"wrong password", strings.Replace(good, s.Password, "guess-77", 1), database.ErrAuth},
		{"no such account", strings.Replace(good, s.User+":", "nobody:", 1), database.ErrAuth},
		{"no such database", s.DSN("other"), database.ErrNoDatabase},
		{"a database of others", s.as(name, "reader"), database.ErrNoDatabase},
		{"no connection left", s.as(name, "busy"), database.ErrBusy},
		{"no right", s.as(name, "alone"), database.ErrPermission},
		{"not an address", "hello pw-77", database.ErrAddress},
		{"bad escape", "mariadb://a:pw-77%zz@h/d", database.ErrAddress},
		{"no database", "mariadb://a:pw-77@h", database.ErrAddress},
		{"no account", "mariadb://h/d", database.ErrAddress},
		{"bad choice", "mariadb://a:pw-77@h/d?tls=pw-77", database.ErrAddress},
		{"empty", " ", database.ErrAddress},
	} {
		db := open(c.dsn)
		_, err := db.Query(t.Context(), "SELECT count(*) FROM secret")
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: Query: %v; want %v", c.name, err, c.want)
		}
		_, dumpErr := db.Dump(t.Context(), io.Discard)
		if !errors.Is(dumpErr, c.want) || (dumpErr == nil) != (c.want == nil) {
			t.Errorf("%s: Dump: %v; want %v", c.name, dumpErr, c.want)
		}
		for _, word := range []string{s.Password, "guess-77", "pw-77", ":pw@"} {
			if err := errors.Join(err, dumpErr); err != nil && strings.Contains(err.Error(), word) {
				t.Errorf("%s: the message shows %q: %v", c.name, word, err)
			}
		}
	}
}

// TestQuestions: what a read-only transaction of MariaDB would let pass.
func TestQuestions(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.DSN(name), name)
	sub.Exec(t, "CREATE TABLE t (x INT); INSERT INTO t VALUES (1); CREATE SEQUENCE sq; CREATE TABLE m (x INT) ENGINE=MyISAM; CREATE PROCEDURE p() BEGIN COMMIT; DELETE FROM t; END; CREATE FUNCTION f() RETURNS INT MODIFIES SQL DATA BEGIN DELETE FROM m; RETURN 1; END")
	before := databasetest.Fingerprint(t, sub.DB)
	for _, sql := range []string{
		"CREATE TABLE escaped (x INT)", "DROP TABLE t", "TRUNCATE t", "CALL p()", "SELECT f()", "SELECT NEXTVAL(sq)", "/*!50000 DROP TABLE t */", "SET GLOBAL max_connections = 7",
		"SELECT 1 INTO OUTFILE '" + s.Socket + ".out'", "SELECT 1 INTO/**/DUMPFILE '" + s.Socket + ".out'", "/*M!100000 DELETE FROM t */", "ALTER TABLE t ADD y INT", "RENAME TABLE t TO u", "# SELECT\nDELETE FROM m", "EXECUTE IMMEDIATE 'DROP TABLE t'",
	} {
		if got, err := sub.DB.Query(t.Context(), sql); err == nil {
			t.Errorf("Query(%q) = %q: want an error", sql, got)
		}
	}
	databasetest.Same(t, "refused", before, databasetest.Fingerprint(t, sub.DB))
	if got := s.SQL(t, "", "SELECT @@global.max_connections"); got == "10" || got == "7" { // the server takes 10 at least
		t.Errorf("a question has changed a setting of the server to %s", got)
	}
	if _, err := os.Stat(s.Socket + ".out"); err == nil {
		t.Error("a question has written a file")
	}
	for sql, want := range map[string]string{
		"(SELECT 1) UNION SELECT 2": "1", "WITH a AS (SELECT 7 AS x) SELECT x FROM a": "7", "VALUES (3)": "3", "SELECT 'a''b\\\\;c'": `a'b\;c`, "/* ; */ SELECT version FROM (SELECT '1.2' AS version) v;": "1.2",
		"SELECT CAST('2026-01-02' AS DATE)": "2026-01-02", "SELECT 0.1e0 + 0.2e0": "0.30000000000000004",
	} {
		if got, err := sub.DB.Query(t.Context(), sql); got != want || err != nil {
			t.Errorf("Query(%q) = %q, %v; want %q", sql, got, err, want)
		}
	}
}

// TestRights says beforehand what an account cannot do, and fails closed where
// the server would hide things from it.
func TestRights(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.SQL(t, name, "CREATE TABLE t (x INT); CREATE USER IF NOT EXISTS part@'%' IDENTIFIED BY 'pw'; CREATE USER IF NOT EXISTS definer@'%'")
	db := open(s.as(name, "part"))
	inspect := func(db *DB) database.Rights {
		t.Helper()
		info, err := db.Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info.Rights
	}
	grant := func(what string) { s.SQL(t, "", fmt.Sprintf("GRANT %s ON `%s`.* TO part@'%%'", what, name)) }
	grant("SELECT, SHOW VIEW, TRIGGER")
	if r := inspect(db); r.Dump || r.Restore || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "account part@% lacks EVENT, EXECUTE, INSERT, DELETE, CREATE, ") {
		t.Errorf("without the right to see events and routines: %+v", r)
	}
	if _, err := db.Fingerprint(t.Context()); !errors.Is(err, database.ErrPermission) {
		t.Errorf("a fingerprint of what is half hidden: %v", err)
	}
	grant("EVENT, EXECUTE")
	if r := inspect(db); !r.Dump || r.Restore || len(r.Problems) != 1 {
		t.Errorf("a reader: %+v", r)
	}
	databasetest.Fingerprint(t, db)
	grant("ALL PRIVILEGES")
	if r := inspect(db); !r.Dump || !r.Restore || len(r.Problems) > 0 || r.EndOthers {
		t.Errorf("one that may do everything with its database: %+v", r)
	}
	if r := inspect(open(s.DSN(name))); !r.Dump || !r.Restore || !r.EndOthers {
		t.Errorf("one that may do everything: %+v", r)
	}
	s.SQL(t, name, "CREATE DEFINER=definer@'%' PROCEDURE hidden() SELECT 'body'")
	if r := inspect(db); r.Dump || r.Restore || len(r.Problems) != 2 || !strings.Contains(r.Problems[0], "the body of procedure hidden is hidden") || !strings.Contains(r.Problems[1], "in the name of definer@%") {
		t.Errorf("a procedure of another: %+v", r)
	}
	for what, err := range map[string]error{
		"Fingerprint": func() error { _, err := db.Fingerprint(t.Context()); return err }(),
		"Dump":        func() error { _, err := db.Dump(t.Context(), io.Discard); return err }(),
	} {
		if !errors.Is(err, database.ErrPermission) || !strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s of a hidden body: %v", what, err)
		}
	}
	sub := s.subject(t, s.DSN(name), name)
	before := databasetest.Fingerprint(t, sub.DB)
	dump, _ := databasetest.Dump(t, sub.DB)
	if err := db.Restore(t.Context(), bytes.NewReader(dump)); !errors.Is(err, database.ErrPermission) || !strings.Contains(err.Error(), "its content is as it was before") {
		t.Errorf("a restore of what the account may not make: %v", err)
	}
	databasetest.Same(t, "refused", before, databasetest.Fingerprint(t, sub.DB))
	s.SQL(t, name, "CREATE VIEW v AS SELECT x FROM t; DROP TABLE t")
	if _, err := sub.DB.Dump(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "the view v is broken") {
		t.Errorf("a dump with a broken view: %v", err)
	}
	if r := inspect(open(s.DSN(name))); r.Dump || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "the view v is broken") {
		t.Errorf("a broken view: %+v", r)
	}
	s.SQL(t, name, "DROP VIEW v; CREATE TABLE vs (x INT) WITH SYSTEM VERSIONING")
	if r := inspect(open(s.DSN(name))); r.Dump || !strings.Contains(strings.Join(r.Problems, ""), "the table vs keeps old versions") {
		t.Errorf("a table with its history: %+v", r)
	}
}

// TestSessions finds and ends the sessions of an operation, and nobody else's.
func TestSessions(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.SQL(t, name, "CREATE TABLE big AS SELECT seq, repeat('x', 1000) AS t FROM seq_1_to_5000; CREATE TABLE other (x INT) ENGINE=Aria")
	db := open(s.as(name, "shop"))
	bystander, err := New(Config{Address: db.config.Address, OpID: "run-1/backup/undo"}).connect(t.Context(), "stand by")
	if err != nil {
		t.Fatal(err)
	}
	defer bystander.close()
	r, w := io.Pipe() // nobody reads: the dump hangs
	done := make(chan error, 1)
	go func() {
		_, err := db.Dump(t.Context(), w)
		done <- err
	}()
	asking := New(Config{Address: db.config.Address, OpID: "recovery"})
	var list []database.Session
	for range 500 {
		if list, err = asking.Sessions(t.Context(), db.config.OpID); err != nil || len(list) == 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil || len(list) != 2 || list[0].State == "" || list[0].Started.IsZero() {
		t.Fatalf("sessions %+v, %v; want the dump's and that which holds the locks", list, err)
	}
	if n, err := asking.EndSessions(t.Context(), db.config.OpID); err != nil || n != 2 {
		t.Errorf("ended %d, %v; want 2", n, err)
	}
	_ = r.CloseWithError(errors.New("gone"))
	if err := <-done; err == nil {
		t.Error("a dump whose sessions were ended succeeded")
	}
	if err := bystander.run(t.Context(), "DO 1"); err != nil {
		t.Errorf("another operation's session was ended: %v", err)
	}
	var many []*link
	for range 40 { // of one operation
		l, err := db.connect(t.Context(), "be one of many")
		if err != nil {
			t.Fatal(err)
		}
		many = append(many, l)
	}
	if list, err := asking.Sessions(t.Context(), db.config.OpID); err != nil || len(list) != 40 {
		t.Errorf("%d sessions, %v; want 40", len(list), err)
	}
	for _, l := range many {
		l.close()
	}
}

// TestInUse puts out who may be put out, and names the cause where it may not.
func TestInUse(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, databasetest.Fill)
	want := databasetest.Fingerprint(t, sub.DB)
	dump, _ := databasetest.Dump(t, sub.DB)
	hold := func(dsn string) *link {
		l, err := New(Config{Address: func() (string, error) { return dsn, nil }, OpID: "somebody"}).connect(t.Context(), "hold a lock")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.close)
		if err := l.run(t.Context(), "START TRANSACTION", "UPDATE users SET note = 'late'"); err != nil {
			t.Fatal(err)
		}
		return l
	}
	hold(s.as(name, "shop"))
	if err := sub.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatalf("the product's own session was in the way: %v", err)
	}
	databasetest.Same(t, "restored", want, databasetest.Fingerprint(t, sub.DB))

	admin := hold(s.DSN(name))
	impatient := open(s.as(name, "shop"))
	impatient.patience = time.Second
	if err := impatient.Restore(t.Context(), bytes.NewReader(dump)); !errors.Is(err, database.ErrInUse) || !strings.Contains(err.Error(), "as it was before") {
		t.Errorf("an administrator's lock: %v; want ErrInUse", err)
	}
	if err := admin.run(t.Context(), "ROLLBACK"); err != nil {
		t.Errorf("the administrator's session was ended: %v", err)
	}
	databasetest.Same(t, "refused", want, databasetest.Fingerprint(t, sub.DB))
	if left := s.SQL(t, name, `SHOW TABLES LIKE '\_upkeep%'`); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// TestChangedWhileRead: definitions belong to no snapshot, so a change of one
// ends a dump.
func TestChangedWhileRead(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, databasetest.Fill)
	sub.Exec(t, "CREATE TABLE big AS SELECT seq, repeat('x', 1000) AS t FROM seq_1_to_3000")
	w := &trigger{at: 600 << 10, do: func() { sub.Exec(t, "CREATE PROCEDURE late() SELECT 1") }}
	if _, err := sub.DB.Dump(t.Context(), w); !errors.Is(err, database.ErrInUse) || !strings.Contains(err.Error(), "were changed while it was read") {
		t.Errorf("a procedure was made meanwhile: %v", err)
	}
}

// trigger does something once, when so much was written.
type trigger struct {
	at int
	do func()
}

func (w *trigger) Write(p []byte) (int, error) {
	if w.at -= len(p); w.at <= 0 && w.do != nil {
		w.do()
		w.do = nil
	}
	return len(p), nil
}

// A transaction that was under way when the mark was taken moves it when it is
// committed; a view moves it, too; and a table that InnoDB knows nothing of
// leaves no mark.
func TestMarkMovesByWhatWasUnderWay(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.SQL(t, name, "CREATE TABLE t (x INT)")
	db := open(s.as(name, "shop"))
	mark := func() string {
		t.Helper()
		m, err := db.Mark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	l, err := db.connect(t.Context(), "write")
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if err := l.run(t.Context(), "START TRANSACTION", "INSERT INTO t VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	before := mark()
	if err := l.run(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if mark() == before {
		t.Errorf("the mark is still %q after the commit", before)
	}
	for _, sql := range []string{"CREATE VIEW v AS SELECT x FROM t", "CREATE OR REPLACE VIEW v AS SELECT x + 1 FROM t", "CREATE PROCEDURE p() SELECT 1", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t", "ALTER EVENT e DISABLE"} {
		before := strings.Fields(mark())
		s.SQL(t, name, sql)
		if after := strings.Fields(mark()); after[len(after)-1] == before[len(before)-1] {
			t.Errorf("the sum of definitions has not moved by %s", sql)
		}
	}
	s.SQL(t, name, "CREATE TABLE a (x INT) ENGINE=Aria")
	if m := mark(); m != "" {
		t.Errorf("with a table of Aria the mark is %q", m)
	}
}

// TestApplyRows: a script that only changes rows makes no copy, and is taken
// back by its transaction; one with bodies of its own is read as the server
// reads it.
func TestApplyRows(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, databasetest.Fill)
	if err := databasetest.Apply(t.Context(), sub.DB, database.Script{Name: "0", SQL: "SELECT 1"}); err != nil { // makes the journal
		t.Fatal(err)
	}
	created := s.SQL(t, "", "SHOW GLOBAL STATUS LIKE 'Com_create_table'")
	before := databasetest.Content(t, sub.DB)
	if err := databasetest.Apply(t.Context(), sub.DB, database.Script{Name: "a", SQL: "UPDATE users SET note = 'x'; INSERT INTO posts VALUES (1, 1, 'twice')"}); err == nil {
		t.Error("a script that fails was applied")
	}
	databasetest.Same(t, "taken back", before, databasetest.Content(t, sub.DB))
	if err := databasetest.Apply(t.Context(), sub.DB, database.Script{Name: "b", SQL: "-- rows; only\nUPDATE users SET note = 'x'; DELETE FROM posts"}); err != nil {
		t.Fatal(err)
	}
	if now := s.SQL(t, "", "SHOW GLOBAL STATUS LIKE 'Com_create_table'"); now != created {
		t.Errorf("tables were made: %s, before %s", now, created)
	}
	if got := s.SQL(t, name, "SELECT count(*), max(note) FROM users WHERE NOT EXISTS (SELECT * FROM posts)"); got != "3\tx" {
		t.Errorf("after the script: %q", got)
	}
	body := "CREATE PROCEDURE more() BEGIN\n IF 1 THEN INSERT INTO posts VALUES (9, 1, 'a;b'); END IF;\nEND;\nCALL more();"
	if err := databasetest.Apply(t.Context(), sub.DB, database.Script{Name: "c", SQL: body}); err != nil {
		t.Fatal(err)
	}
	if got := s.SQL(t, name, "SELECT body FROM posts"); got != "a;b" {
		t.Errorf("after the script with a body: %q", got)
	}
}

// TestOneMoment: a dump shows all tables as of one moment; those that no
// snapshot shows like that are locked while they are read.
func TestOneMoment(t *testing.T) {
	s := start(t)
	for _, c := range []struct{ engine, write string }{
		{"InnoDB", "START TRANSACTION; INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); COMMIT;"},
		{"Aria", "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);"},
	} {
		name := s.fresh(t)
		sub := s.subject(t, s.as(name, "shop"), name)
		sub.Exec(t, strings.ReplaceAll("CREATE TABLE a (x INT) ENGINE=E; CREATE TABLE b (x INT) ENGINE=E; INSERT INTO a SELECT seq FROM seq_1_to_20000; INSERT INTO b SELECT seq FROM seq_1_to_20000", "E;", c.engine+";"))
		ctx, stop := context.WithCancel(t.Context())
		wrote := make(chan int)
		go func() {
			n := 0
			for ctx.Err() == nil {
				if sub.Do(context.WithoutCancel(ctx), strings.Repeat(c.write, 50)) == nil {
					n++
				}
			}
			wrote <- n
		}()
		for range 4 {
			_, report := databasetest.Dump(t, sub.DB)
			if a, b := report.Fingerprint.Tables["a"].Count, report.Fingerprint.Tables["b"].Count; a != b && (a != b+1 || c.engine == "InnoDB") {
				t.Errorf("%s: a has %d rows, and b, which gets one with it or after it, %d", c.engine, a, b)
			}
		}
		stop()
		if n := <-wrote; n == 0 {
			t.Error("nothing was written meanwhile")
		}
	}
}

// TestHalfATrigger: a server that is killed while it makes a trigger leaves a
// file of it; that stands in no restore's way.
func TestHalfATrigger(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, databasetest.Fill)
	sub.Exec(t, "CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET NEW.note = 'made'")
	want := databasetest.Fingerprint(t, sub.DB)
	dump, _ := databasetest.Dump(t, sub.DB)
	file := filepath.Join(filepath.Dir(s.Socket), "data", name, "tr.TRN")
	half, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sub.Exec(t, "DROP TRIGGER tr")
	if err := errors.Join(os.WriteFile(file, half, 0o660), s.Account.Own(file)); err != nil {
		t.Fatal(err)
	}
	if err := sub.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	databasetest.Same(t, "restored", want, databasetest.Fingerprint(t, sub.DB))
}
