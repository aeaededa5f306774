package database

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
		{"DELIMITER $$\nCREATE PROCEDURE p() BEGIN COMMIT; END$$\nDELIMITER ;\nSELECT 1", mariadb, ""},
		{"DELIMITER $$\nCREATE PROCEDURE p() BEGIN COMMIT; END$$\nCOMMIT$$", mariadb, "line 3"},
		{"DELIMITER\nCOMMIT;", mariadb, ""}, // a syntax error, which the server finds
		{"source other.sql", mariadb, "line 1"},
		{"\\set x 1\nCOMMIT;", []Dialect{Postgres}, "line 1"},
		{"SELECT 1 \\gexec\nCOMMIT;", []Dialect{Postgres}, "line 2"},
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

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		sql  string
		d    Dialect
		want []string // texts, each with the line on which it begins
	}{
		{"\uFEFFSELECT 1;\r\n\r\n-- two\r\nSELECT 2", Postgres, []string{"1:SELECT 1", "3:-- two\r\nSELECT 2"}},
		{"DO $$ BEGIN PERFORM 1; END $$;SELECT ';'; -- end", Postgres, []string{"1:DO $$ BEGIN PERFORM 1; END $$", "1:SELECT ';'"}},
		{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\nSELECT 3;", Postgres, []string{"1:CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "2:SELECT 3"}},
		{"COPY a FROM STDIN;\n1\tx;COMMIT;\n\\.\nSELECT 1;", Postgres, []string{"1:COPY a FROM STDIN", "4:SELECT 1"}},
		{"\\set x 1\nSELECT :x;", Postgres, []string{"1:\\set x 1", "2:SELECT :x"}},
		{"/*!50003 CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW BEGIN DELETE FROM b; END */;\nSELECT 1", MariaDB,
			[]string{"1:/*!50003 CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW BEGIN DELETE FROM b; END */", "2:SELECT 1"}},
		{"DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END //\nDELIMITER ;\nSELECT 2;", MariaDB, []string{"2:CREATE PROCEDURE p() BEGIN SELECT 1; END", "4:SELECT 2"}},
		{"delimiter ;;\r\nSELECT 1;;\r\nDELIMITER ;\r\nSELECT 2;", MariaDB, []string{"2:SELECT 1", "4:SELECT 2"}},
		{"CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM c; END; SELECT 1", SQLite, []string{"1:CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM c; END", "1:SELECT 1"}},
		{" -- nothing\n;; ", SQLite, nil},
	} {
		var got []string
		for _, s := range Split(c.sql, c.d) {
			got = append(got, fmt.Sprintf("%d:%s", s.Begin, s.Text))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("dialect %d, %q: %s", c.d, c.sql, diff)
		}
	}
}

// Joined, the pieces are the text; and a line of a message is within it.
func FuzzSplit(f *testing.F) {
	f.Add("SELECT 1; -- x\nDO $$ ; $$", uint8(Postgres))
	f.Add("COPY a FROM STDIN;\n1\n\\.\n\\x", uint8(Postgres))
	f.Add("\uFEFFDELIMITER //\r\nSELECT 1//DELIMITER ;", uint8(MariaDB))
	f.Add("CREATE TRIGGER t BEGIN ; END; [", uint8(SQLite))
	f.Fuzz(func(t *testing.T, sql string, dialect uint8) {
		joined := ""
		for _, p := range pieces(sql, Dialect(dialect%3)) {
			joined += p.Raw
			if !strings.Contains(p.Raw, p.Text) || p.Begin < 1 || len(p.Words) > 0 && (p.Line < p.Begin || p.Line > 1+strings.Count(sql, "\n")) {
				t.Fatalf("%+v of %q", p, sql)
			}
		}
		if joined != sql {
			t.Fatalf("%q is split into %q", sql, joined)
		}
	})
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
