package database

import (
	"errors"
	"strings"
	"testing"
)

func TestScriptCheck(t *testing.T) {
	both := []Dialect{Postgres, SQLite, MariaDB}
	mariadb := []Dialect{MariaDB}
	for _, c := range []struct {
		sql  string
		in   []Dialect
		line string // of the refusal; empty when it may run
	}{
		{"CREATE TABLE a (x int); INSERT INTO a VALUES (1)", both, ""},
		{"", both, ""},
		{"INSERT INTO a VALUES ('COMMIT;'); -- COMMIT;\n/* ROLLBACK; */ SELECT 1", both, ""},
		{"SELECT 1;\nCOMMIT;", both, "line 2"},
		{"begin; SELECT 1; end", both, "line 1"},
		{"SELECT 'it''s'; commit", both, "line 1"},
		{"SAVEPOINT s; ROLLBACK TO s; RELEASE s", both, ""},
		{"ROLLBACK TRANSACTION TO SAVEPOINT s", both, ""},
		{"ROLLBACK", both, "line 1"},
		{"\n\nSTART TRANSACTION", both, "line 3"},
		{"DO $$ BEGIN COMMIT; END $$; SELECT 1", []Dialect{Postgres}, ""},
		{"DO $x$ $$ ; COMMIT; $x$; COMMIT", []Dialect{Postgres}, "line 1"},
		{"SELECT E'\\'; COMMIT; '", []Dialect{Postgres}, ""},
		{"SELECT '\\'; COMMIT; --'", []Dialect{Postgres}, "line 1"},
		{"/* a /* b */ COMMIT; */ SELECT 1", []Dialect{Postgres}, ""},
		{"/* a /* b */ COMMIT; */ SELECT 1", []Dialect{SQLite}, "line 1"},
		{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3", []Dialect{Postgres}, ""},
		{"CREATE RULE r AS ON UPDATE TO a DO (DELETE FROM b; DELETE FROM c); SELECT 1", []Dialect{Postgres}, ""},
		{"CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET x = CASE x WHEN 1 THEN 2 END; DELETE FROM c; END; SELECT 1", []Dialect{SQLite}, ""},
		{"CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM c; END; COMMIT", []Dialect{SQLite}, "line 1"},
		{"SELECT [a;COMMIT], `;END` FROM x", []Dialect{SQLite}, ""},
		{"PREPARE TRANSACTION 'x'", []Dialect{Postgres}, "line 1"},
		{"PREPARE p AS SELECT 1", []Dialect{Postgres}, ""},
		{"COPY a FROM STDIN;\n1\n\\.\n", []Dialect{Postgres}, "line 1"},
		{"COPY a FROM '/tmp/stdin'", []Dialect{Postgres}, ""},
		{"\\i other.sql", []Dialect{Postgres}, "line 1"},
		{".read other.sql", []Dialect{SQLite}, "line 1"},
		{"ATTACH 'x' AS y", []Dialect{SQLite}, "line 1"},
		{"VACUUM", both, "line 1"},
		{"\uFEFFCOMMIT", both, "line 1"},
		{"SELECT '\\'; COMMIT; --', \"\\\"; COMMIT\", `;COMMIT`", mariadb, ""},
		{"# COMMIT;\nSELECT 1--2; /* a /* b */ SELECT 2", mariadb, ""},
		{"SELECT 1 --1;\nCOMMIT", mariadb, "line 2"},
		{"/*!50003 COMMIT */", mariadb, "line 1"},
		{"SELECT 1; /*M! ROLLBACK */", mariadb, "line 1"},
		{"CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT CASE WHEN 1 THEN 2 END; END IF; WHILE 0 DO SELECT 1; END WHILE; CASE 1 WHEN 1 THEN SELECT 1; END CASE; END; SELECT 3", mariadb, ""},
		{"CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW BEGIN DELETE FROM c; END; COMMIT", mariadb, "line 1"},
		{"CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END IF; END;\nCOMMIT", mariadb, "line 2"},
		{"DELIMITER $$\nCREATE PROCEDURE p() BEGIN END$$", mariadb, "line 1"},
		{"USE other", mariadb, "line 1"},
		{"SET SESSION autocommit = 1", mariadb, "line 1"},
		{"LOCK TABLES a WRITE", mariadb, "line 1"},
	} {
		for _, d := range c.in {
			err := Script{Name: "s.sql", SQL: c.sql}.Check(d)
			switch {
			case c.line == "" && err != nil:
				t.Errorf("dialect %d, %q: refused: %v", d, c.sql, err)
			case c.line != "" && !errors.Is(err, ErrScript):
				t.Errorf("dialect %d, %q: not refused: %v", d, c.sql, err)
			case c.line != "" && !strings.Contains(err.Error(), c.line+":"):
				t.Errorf("dialect %d, %q: %v, want %s", d, c.sql, err, c.line)
			}
		}
	}
}

func FuzzScriptCheck(f *testing.F) {
	f.Add("SELECT 'a'; COMMIT", uint8(Postgres))
	f.Add("DO $$ ; $$ /* /* */", uint8(Postgres))
	f.Add("CREATE TRIGGER t BEGIN ; END; [", uint8(SQLite))
	f.Add("/*!5 CREATE PROCEDURE END IF CASE */ # --1", uint8(MariaDB))
	f.Fuzz(func(t *testing.T, sql string, dialect uint8) {
		d := Dialect(dialect % 3)
		_ = Script{Name: "s", SQL: sql}.Check(d)
		// A terminated harmless statement in front never hides a refusal.
		if err := (Script{Name: "s", SQL: "SELECT 1;\nCOMMIT;" + sql}).Check(d); !errors.Is(err, ErrScript) {
			t.Fatalf("a COMMIT at the beginning went unseen before %q", sql)
		}
	})
}
