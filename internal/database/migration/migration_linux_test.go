package migration_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/database/mariadb"
	"upkeep/internal/database/migration"
	"upkeep/internal/database/postgres"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// server is a real one, with fresh databases.
type server struct {
	kind string
	open func(t *testing.T) (db database.Database, sql func(string) string, again func() database.Database)
	try  func(db database.Database, q string) // whatever becomes of it
}

func onPostgres(t *testing.T) server {
	if _, err := lab.PGBin(); err != nil {
		t.Skip("needs PostgreSQL: ", err)
	}
	pg, n := lab.Postgres(t), 0
	names := map[database.Database]string{}
	try := func(db database.Database, q string) { _, _ = pg.PG.Psql(context.Background(), names[db], q) }
	return server{"postgres", func(t *testing.T) (database.Database, func(string) string, func() database.Database) {
		n++
		name := fmt.Sprintf("db%d", n)
		pg.CreateDB(name)
		again := func() database.Database {
			return postgres.New(postgres.Config{Address: func() (string, error) { return pg.DSN(name), nil }, OpID: "run-1/migrate/do"})
		}
		db := again()
		names[db] = name
		return db, func(q string) string { return strings.TrimSpace(pg.Psql(name, q)) }, again
	}, try}
}

func onMariaDB(t *testing.T) server {
	m, n := lab.MariaDBServer(t), 0
	names := map[database.Database]string{}
	try := func(db database.Database, q string) { _, _ = m.MariaDB.SQL(context.Background(), names[db], q) }
	return server{"mariadb", func(t *testing.T) (database.Database, func(string) string, func() database.Database) {
		n++
		name := fmt.Sprintf("db%d", n)
		m.SQL("", "CREATE DATABASE "+name)
		again := func() database.Database {
			return mariadb.New(mariadb.Config{Address: func() (string, error) { return m.DSN(name), nil }, OpID: "run-1/migrate/do"})
		}
		db := again()
		names[db] = name
		return db, func(q string) string { return strings.TrimSpace(m.SQL(name, q)) }, again
	}, try}
}

func script(name, sql string) migration.Script {
	s := migration.Script{Script: database.Script{Name: name, SQL: sql}, SHA256: fmt.Sprintf("%x", len(sql))}
	var err error
	if s.Marks, err = migration.ReadMarks(s.Script); err != nil {
		panic(err)
	}
	return s
}

var errKilled = errors.New("killed")

// mortal is a database whose user dies around the n-th of its statements.
type mortal struct {
	database.Database
	n     int
	after bool
	dead  bool
}

func (m *mortal) Connect(ctx context.Context, l database.Limits) (database.Conn, error) {
	if m.dead {
		return nil, errKilled
	}
	c, err := m.Database.Connect(ctx, l)
	return &mortalConn{c, m}, err
}

type mortalConn struct {
	database.Conn
	m *mortal
}

func (c *mortalConn) Exec(ctx context.Context, s database.Statement) (int64, error) {
	if c.m.dead {
		return 0, errKilled
	}
	c.m.n--
	if c.m.n > 0 || c.m.after && c.m.n == 0 {
		n, err := c.Conn.Exec(ctx, s)
		if c.m.n > 0 {
			return n, err
		}
	}
	c.m.dead = true
	_ = c.Conn.Close()
	return 0, errKilled
}

const alonePostgres = `-- upkeep: no-transaction
SET search_path = public;
CREATE TABLE pages (id INT, kind TEXT);
INSERT INTO pages SELECT g, 'a' FROM generate_series(1, 100) AS g;
CREATE INDEX CONCURRENTLY pages_id ON pages (id);
ALTER TYPE mood ADD VALUE 'calm';
UPDATE pages SET id = id + 1;
VACUUM pages;
DROP INDEX CONCURRENTLY pages_id;
INSERT INTO pages VALUES (0, 'once')`

const aloneMariaDB = `-- upkeep: no-transaction
CREATE TABLE pages (id INT, kind TEXT);
INSERT INTO pages SELECT seq, 'a' FROM seq_1_to_100;
ALTER TABLE pages ADD COLUMN n INT;
UPDATE pages SET n = coalesce(n, 0) + 1, id = id + 1;
RENAME TABLE pages TO leaves;
CREATE VIEW v AS SELECT id FROM leaves;
DELIMITER //
CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END //
DELIMITER ;
/*!50003 ALTER TABLE leaves ADD INDEX (id) */;
DROP VIEW v;
INSERT INTO leaves VALUES (0, 'once', 1)`

// Killed before and after each of its statements, Upkeep's own included, a
// script goes on where it was: every statement takes effect once.
func TestAloneKilledEverywhere(t *testing.T) {
	lab.Slow(t)
	for _, c := range []struct {
		on                  func(*testing.T) server
		before, sql, ask    string
		want                string
		statements, applied int
	}{
		{onPostgres, "CREATE TYPE mood AS ENUM ('sad')", alonePostgres,
			"SELECT count(*), sum(id), count(*) FILTER (WHERE kind = 'once'), enum_range(NULL::mood), (SELECT count(*) FROM pg_index WHERE NOT indisvalid) FROM pages", "101|5150|1|{sad,calm}|0", 9, 1},
		{onMariaDB, "SELECT 1", aloneMariaDB,
			"SELECT count(*), sum(id), sum(n), (SELECT count(*) FROM information_schema.statistics WHERE table_schema = database() AND table_name = 'leaves'), (SELECT count(*) FROM information_schema.routines WHERE routine_schema = database()) FROM leaves", "101\t5150\t101\t1\t1", 10, 1},
	} {
		s := c.on(t)
		t.Run(s.kind, func(t *testing.T) {
			one := script("1.sql", c.sql)
			for n, kills := 1, 0; ; n++ {
				alive := false
				for _, after := range []bool{false, true} {
					db, sql, again := s.open(t)
					sql(c.before)
					m := &mortal{Database: db, n: n, after: after}
					err := (&migration.Runner{DB: m}).Apply(t.Context(), one)
					if err == nil {
						alive = true
					} else if kills++; !m.dead {
						t.Fatalf("kill %d: %v", n, err)
					}
					if _, err := again().EndSessions(t.Context(), "run-1/migrate/do"); err != nil {
						t.Fatal(err)
					}
					j, err := migration.Read(t.Context(), again())
					if err != nil {
						t.Fatal(err)
					}
					if st, err := migration.Progress(t.Context(), again(), j, one); err != nil || st.Unclear != "" {
						t.Fatalf("kill %d, after %v: %+v, %v", n, after, st, err)
					}
					if err := (&migration.Runner{DB: again()}).Apply(t.Context(), one); err != nil {
						t.Fatalf("after kill %d (after %v): %v", n, after, err)
					}
					if got := sql(c.ask); got != c.want {
						t.Fatalf("after kill %d (after %v) the data are %q, want %q", n, after, got, c.want)
					}
					if j, err = migration.Read(t.Context(), again()); err != nil || len(j.Records) != c.statements || len(j.Applied) != c.applied {
						t.Fatalf("after kill %d: the journal is %+v, %v", n, j, err)
					}
					for _, r := range j.Records {
						if r.Ended == "" || r.Error != "" || r.SHA256 == "" {
							t.Fatalf("after kill %d: %+v", n, r)
						}
					}
				}
				if alive {
					t.Logf("%d kills", kills)
					return
				}
			}
		})
	}
}

// What was interrupted and cannot be told waits for a person; what can, does not.
func TestInterruptedStatement(t *testing.T) {
	lab.Slow(t)
	for _, c := range []struct {
		on            func(*testing.T) server
		before, sql   string
		n             int // statement of Upkeep's and the script's behind which the kill comes
		unclear, want string
	}{
		{onPostgres, "CREATE TABLE a (x INT); CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO a VALUES (1); COMMIT; END $$", "-- upkeep: no-transaction\nCALL p();", 8, `statement 1 of 1 of 1\.sql \(line 2, CALL P …\) was interrupted`, "2"},
		{onMariaDB, "CREATE TABLE a (x INT); CREATE PROCEDURE p() INSERT INTO a VALUES (1)", "-- upkeep: no-transaction\nCALL p();", 8, `statement 1 of 1 of 1\.sql \(line 2, CALL P …\) was interrupted`, "2"},
		{onMariaDB, "CREATE TABLE a (x INT); CREATE TABLE b (x INT)", "-- upkeep: no-transaction\nDROP TABLE IF EXISTS b, c;", 8, `some of what it drops may be gone`, "0"},
	} {
		s := c.on(t)
		t.Run(s.kind+" "+c.sql, func(t *testing.T) {
			db, sql, again := s.open(t)
			sql(c.before)
			one := script("1.sql", c.sql)
			if err := (&migration.Runner{DB: &mortal{Database: db, n: c.n, after: true}}).Apply(t.Context(), one); err == nil {
				t.Fatal("it was not killed")
			}
			j, err := migration.Read(t.Context(), again())
			if err != nil {
				t.Fatal(err)
			}
			if st, err := migration.Progress(t.Context(), again(), j, one); err != nil || !regexp.MustCompile(c.unclear).MatchString(st.Unclear) {
				t.Errorf("%+v, %v; want unclear: %s", st, err, c.unclear)
			}
			if err := (&migration.Runner{DB: again()}).Apply(t.Context(), one); err != nil { // a person has said: again
				t.Fatal(err)
			}
			if got := sql("SELECT count(*) FROM a"); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A failed statement leaves those before it, and a half-made index is removed
// when it is tried again.
func TestAloneFails(t *testing.T) {
	s := onPostgres(t)
	db, sql, _ := s.open(t)
	sql("CREATE TABLE a (x INT); INSERT INTO a VALUES (1), (1)")
	one := script("1.sql", "-- upkeep: no-transaction\nCREATE TABLE b (x INT);\nCREATE UNIQUE INDEX CONCURRENTLY a_x ON a (x);\nINSERT INTO b VALUES (1);")
	r := &migration.Runner{DB: db}
	var failed *migration.FailedError
	if err := r.Apply(t.Context(), one); !errors.As(err, &failed) || failed.N != 2 || failed.Of != 3 || failed.Line != 3 || !failed.Left {
		t.Fatalf("%v, %+v", err, failed)
	}
	if got := sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"); got != "1" {
		t.Fatalf("%s invalid indexes", got)
	}
	if got := sql("SELECT n, ended IS NOT NULL, coalesce(error, '') LIKE '%could not create unique index%' FROM upkeep_statements ORDER BY n"); got != "1|t|f\n2|t|t" {
		t.Errorf("the journal is %q", got)
	}
	sql("DELETE FROM a")
	if err := r.Apply(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if got := sql("SELECT (SELECT count(*) FROM b), (SELECT string_agg(indexrelid::regclass::text || indisvalid, ',') FROM pg_index WHERE indrelid = 'a'::regclass)"); got != "1|a_xtrue" {
		t.Errorf("%q", got)
	}
	// the statements that were carried out must not change, those after them may
	two := script("2.sql", "-- upkeep: no-transaction\nINSERT INTO b VALUES (2);\nINSERT INTO nowhere VALUES (1);")
	if err := r.Apply(t.Context(), two); !errors.As(err, &failed) {
		t.Fatal(err)
	}
	var changed *migration.ChangedError
	if err := r.Apply(t.Context(), script("2.sql", "-- upkeep: no-transaction\nINSERT INTO b VALUES (3);\nINSERT INTO b VALUES (4);")); !errors.As(err, &changed) {
		t.Errorf("a changed script: %v", err)
	}
	if err := r.Apply(t.Context(), script("2.sql", "-- upkeep: no-transaction\nINSERT INTO b VALUES (2);\nINSERT INTO b VALUES (4);")); err != nil {
		t.Error(err)
	}
	if got := sql("SELECT string_agg(x::text, ',' ORDER BY x) FROM b"); got != "1,2,4" {
		t.Errorf("b has %s", got)
	}
}

// A script that waits for a lock says who holds it, ends in time, and leaves
// nothing behind; so does one that ends its own connection, and one that goes on
// too long.
func TestLocksAndLostConnections(t *testing.T) {
	lab.Slow(t)
	for _, c := range []struct {
		on                             func(*testing.T) server
		lock, kill, slow, heldBy, ends string
	}{
		{onPostgres, "BEGIN; LOCK TABLE a; SELECT pg_sleep(20)", "SELECT pg_terminate_backend(pg_backend_pid())", "SELECT pg_sleep(30)",
			`1\.sql waits for a lock that is held by session \d+, account \w+, psql, since .*: SELECT pg_sleep\(20\)`, "statement timeout"},
		{onMariaDB, "START TRANSACTION; UPDATE a SET x = 2; SELECT sleep(20)", "KILL CONNECTION_ID()", "SELECT sleep(30)",
			`1\.sql waits for a lock that is held by (one of )?session \d+`, "max_statement_time|interrupted"},
	} {
		s := c.on(t)
		t.Run(s.kind, func(t *testing.T) {
			db, sql, again := s.open(t)
			sql("CREATE TABLE a (x INT); INSERT INTO a VALUES (1)")
			var said []string
			run := func(l database.Limits, text string) error {
				return (&migration.Runner{DB: db, Limits: l, Say: func(line string) { said = append(said, line) },
					Watch: func(context.Context) (database.Database, error) { return again(), nil }}).Apply(t.Context(), script("1.sql", text))
			}
			if err := run(database.Limits{}, "INSERT INTO a VALUES (7);\n"+c.kill+";\nINSERT INTO a VALUES (8)"); !errors.Is(err, database.ErrUnreachable) && (err == nil || !strings.Contains(err.Error(), "statement 2 of 3")) {
				t.Errorf("a script that ends its connection: %v", err)
			}
			began := time.Now()
			if err := run(database.Limits{Statement: time.Second}, "INSERT INTO a VALUES (9); "+c.slow); s.kind == "postgres" && (err == nil || !regexp.MustCompile(c.ends).MatchString(err.Error())) || time.Since(began) > 20*time.Second {
				t.Errorf("a slow statement, after %s: %v", time.Since(began), err)
			}
			sql("DELETE FROM a WHERE x > 1")
			go s.try(db, c.lock)
			time.Sleep(time.Second)
			began = time.Now()
			err := run(database.Limits{Lock: 5 * time.Second}, "INSERT INTO a VALUES (5);\nUPDATE a SET x = 3 WHERE x = 1;")
			if !errors.Is(err, database.ErrInUse) || time.Since(began) > 15*time.Second {
				t.Errorf("after %s: %v", time.Since(began), err)
			}
			if !regexp.MustCompile(c.heldBy).MatchString(strings.Join(said, "\n")) {
				t.Errorf("it said %q, want %s", said, c.heldBy)
			}
			if got, err := again().Query(t.Context(), "SELECT count(*) FROM upkeep_migrations"); s.kind == "postgres" && (err != nil || got != "0") {
				t.Errorf("%s scripts are applied, %v", got, err)
			}
		})
	}
}

// TestDeadlock: a script that the server takes out of a deadlock with the product
// has left nothing, says so, and goes through when it is tried again.
func TestDeadlock(t *testing.T) {
	lab.Slow(t)
	for _, c := range []struct {
		on      func(*testing.T) server
		product string // holds row 2, then wants row 1, and is not the one that the server takes
		sleep   string
	}{
		{onPostgres, "SET deadlock_timeout = '60s'; BEGIN; UPDATE a SET y = 1 WHERE x = 2; SELECT pg_sleep(2); UPDATE a SET y = 1 WHERE x = 1; COMMIT", "SELECT pg_sleep(3)"},
		{onMariaDB, "START TRANSACTION; UPDATE a SET y = 1 WHERE x >= 2; SELECT sleep(2); UPDATE a SET y = 1 WHERE x = 1; COMMIT", "SELECT sleep(3)"},
	} {
		on := c.on(t)
		t.Run(on.kind, func(t *testing.T) {
			db, sql, _ := on.open(t)
			sql("CREATE TABLE a (x INTEGER PRIMARY KEY, y INTEGER); INSERT INTO a VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0)")
			gone := make(chan struct{})
			go func() { defer close(gone); on.try(db, c.product) }()
			for end := time.Now().Add(10 * time.Second); sql("SELECT count(*) FROM "+map[string]string{"postgres": "pg_stat_activity WHERE wait_event = 'PgSleep'", "mariadb": "information_schema.processlist WHERE state = 'User sleep'"}[on.kind]) == "0"; {
				if time.Now().After(end) {
					t.Fatal("the product does not work")
				}
			}
			s := script("1.sql", "UPDATE a SET y = 2 WHERE x = 1; "+c.sleep+"; UPDATE a SET y = 2 WHERE x = 2")
			err := (&migration.Runner{DB: db}).Apply(t.Context(), s)
			var failed *migration.FailedError
			if !errors.As(err, &failed) || failed.N != 3 || failed.Left || !strings.Contains(strings.ToLower(err.Error()), "deadlock") {
				t.Fatalf("%v", err)
			}
			<-gone
			if got := sql("SELECT sum(y) FROM a WHERE x <= 2"); got != "2" {
				t.Errorf("rows are %s, want what the product has written", got)
			}
			if err := (&migration.Runner{DB: db}).Apply(t.Context(), s); err != nil || sql("SELECT sum(y) FROM a WHERE x <= 2") != "4" {
				t.Errorf("tried again: %v", err)
			}
		})
	}
}

// The server's own client carries out what only it understands.
func TestNative(t *testing.T) {
	run := func(ctx context.Context, c database.Client, in io.Reader) error {
		for _, a := range c.Args {
			if strings.Contains(a, "password=") || strings.Contains(a, "secret") {
				t.Errorf("a secret is in the arguments: %q", c.Args)
			}
		}
		cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
		cmd.Env, cmd.Stdin = c.Env, in
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	t.Run("postgres", func(t *testing.T) {
		db, sql, _ := onPostgres(t).open(t)
		sql("CREATE TABLE a (x INT)")
		r := &migration.Runner{DB: db, Native: run}
		if err := r.Apply(t.Context(), script("0.sql", "-- upkeep: client native\n\\set n 4\nINSERT INTO a VALUES (:n);\nCOPY a FROM stdin;\n1\nx\n\\.\n")); err == nil {
			t.Error("a wrong row passed")
		}
		if got := sql("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM upkeep_migrations), (SELECT count(*) FROM upkeep_statements WHERE error <> '')"); got != "0|0|1" {
			t.Errorf("after a failure: %s", got)
		}
		if err := r.Apply(t.Context(), script("1.sql", "-- upkeep: client native\n\\set n 4\nINSERT INTO a VALUES (:n);\nCOPY a FROM stdin;\n1\n2\n\\.\nUPDATE a SET x = x * 10")); err != nil {
			t.Fatal(err)
		}
		if got := sql("SELECT sum(x), (SELECT string_agg(name, ',') FROM upkeep_migrations), (SELECT count(*) FROM upkeep_statements WHERE script = '1.sql' AND ended <> '') FROM a"); got != "70|1.sql|1" {
			t.Errorf("%s", got)
		}
	})
	t.Run("mariadb", func(t *testing.T) {
		db, sql, _ := onMariaDB(t).open(t)
		sql("CREATE TABLE a (x INT)")
		r := &migration.Runner{DB: db, Native: run}
		if err := r.Apply(t.Context(), script("0.sql", "-- upkeep: client native\nDROP TABLE a;\nSELECT * FROM nowhere;")); err == nil {
			t.Error("a wrong statement passed")
		}
		if got := sql("SELECT count(*) FROM a"); got != "0" { // it is there
			t.Errorf("after a failure: %s", got)
		}
		if err := r.Apply(t.Context(), script("1.sql", "-- upkeep: client native\nDELIMITER //\nCREATE PROCEDURE p() BEGIN INSERT INTO a VALUES (7); END //\nDELIMITER ;\nCALL p();")); err != nil {
			t.Fatal(err)
		}
		if got := sql("SELECT concat(sum(x), (SELECT count(*) FROM upkeep_migrations)) FROM a"); got != "71" {
			t.Errorf("%s", got)
		}
	})
}

func TestCheck(t *testing.T) {
	for _, c := range []struct{ kind, sql, want string }{
		{"postgres", "CREATE INDEX CONCURRENTLY i ON a (x)", "begin the script with -- upkeep: no-transaction"},
		{"postgres", "VACUUM a", "begin the script with -- upkeep: no-transaction"},
		{"postgres", "-- upkeep: no-transaction\nVACUUM a; CREATE INDEX CONCURRENTLY i ON a (x)", ""},
		{"postgres", "-- upkeep: no-transaction\nCREATE TEMP TABLE t (x INT)", "ends with the connection"},
		{"postgres", "-- upkeep: no-transaction\nSET ROLE other", "SET ROLE"},
		{"postgres", "-- upkeep: no-transaction\nCOMMIT", "COMMIT is Upkeep's to say"},
		{"mariadb", "-- upkeep: no-transaction\nSET @x = 1", "a variable"},
		{"mariadb", "-- upkeep: no-transaction\nSET @@session.sql_mode = ''", ""},
		{"postgres", "\\copy a from 'x'", "say client: native"},
		{"postgres", "-- upkeep: client native\n\\copy a from 'x'\nCOPY a FROM stdin;\nCOMMIT;\n\\.\n", ""},
		{"postgres", "-- upkeep: client native\n\\set x 1\nCOMMIT;", "line 3"},
		{"postgres", "-- upkeep: client native\n\\connect other", "reaches outside"},
		{"sqlite", "-- upkeep: client native\nSELECT 1", "no client"},
	} {
		s := script("s.sql", c.sql)
		err := s.Check(c.kind)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, database.ErrScript) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s, %q: %v, want %q", c.kind, c.sql, err, c.want)
		}
	}
	if _, err := migration.ReadMarks(database.Script{Name: "s", SQL: "\uFEFF-- a\r\n\r\n-- upkeep: no-transacton\r\n"}); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("an unknown mark: %v", err)
	}
}

func TestSQLiteAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := durable.OS().WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	db := sqlite.New(sqlite.Config{Path: path, FS: durable.OS()})
	if err := (&migration.Runner{DB: db}).Apply(t.Context(), script("1.sql", "-- upkeep: no-transaction\nCREATE TABLE a (x);\nINSERT INTO a VALUES (1), (2);\nVACUUM;")); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Query(t.Context(), "SELECT group_concat(n || ' ' || changed) FROM upkeep_statements"); err != nil || got != "1 0,2 2,3 0" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestFailedLine: what has failed is said with its line, once, and with the line
// that is wrong where the server says which one.
func TestFailedLine(t *testing.T) {
	lab.Slow(t)
	path := filepath.Join(t.TempDir(), "a.db")
	if err := durable.OS().WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	pg, _, _ := onPostgres(t).open(t)
	maria, _, _ := onMariaDB(t).open(t)
	const missing, syntax = "CREATE TABLE a (x INT);\n\nINSERT INTO\n nowhere\n VALUES (1);", "CREATE TABLE a (x INT);\n\nINSERT INTO a\n VALUES (1),\n 2;"
	for _, c := range []struct {
		db   database.Database
		sql  string
		want string
	}{
		{pg, missing, `statement 2 of 2 \(1\.sql, line 4\): cannot carry out scripts: .*nowhere`},
		{maria, missing, `statement 2 of 2 \(1\.sql, line 3\): cannot carry out scripts: .*nowhere`},
		{sqlite.New(sqlite.Config{Path: path, FS: durable.OS()}), missing, `statement 2 of 2 \(1\.sql, line 3\): cannot carry out scripts: .*nowhere`},
		{pg, syntax, `statement 2 of 2 \(1\.sql, line 5\): cannot carry out scripts: .*syntax`},
		{maria, syntax, `statement 2 of 2 \(1\.sql, line 5\): cannot carry out scripts: .*syntax`},
	} {
		err := (&migration.Runner{DB: c.db}).Apply(t.Context(), script("1.sql", c.sql))
		if err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) || strings.Count(err.Error(), "line ") != 1 {
			t.Errorf("%s: %v\nwant %s", c.db.Kind(), err, c.want)
		}
	}
}
