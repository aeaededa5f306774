package mariadb

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/drift"
	"upkeep/internal/lab"
)

// standard is the schema that customised changes.
const standard = `
CREATE TABLE teams (id INT PRIMARY KEY, name VARCHAR(40), log_id INT) ENGINE=InnoDB;
CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL DEFAULT 'x', team INT, born DATE, KEY by_name (name), CONSTRAINT grown CHECK (team > 0));
CREATE TABLE parted (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10));
CREATE SEQUENCE tickets;
CREATE VIEW fresh AS SELECT u.id, u.name FROM users u WHERE u.team > 1;
CREATE FUNCTION total(x INT) RETURNS INT DETERMINISTIC RETURN x + 1;
CREATE PROCEDURE act() SELECT 1;
CREATE TRIGGER tidy BEFORE INSERT ON users FOR EACH ROW SET NEW.name = trim(NEW.name);
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DO DELETE FROM users WHERE id < 0;
INSERT INTO users (name) VALUES ('ada');
`

// TestCustomised finds each kind of customisation, and that alone.
func TestCustomised(t *testing.T) {
	lab.Slow(t)
	s := start(t)
	for _, c := range []struct{ sql, want string }{
		{"CREATE OR REPLACE VIEW fresh AS SELECT u.id, u.name FROM users u WHERE u.team > 2", "view fresh: changed"},
		{"CREATE OR REPLACE SQL SECURITY INVOKER VIEW fresh AS SELECT u.id, u.name FROM users u WHERE u.team > 1", "view fresh: changed"},
		{"CREATE VIEW report AS SELECT 1 AS one", "view report: added"},
		{"DROP FUNCTION total; CREATE FUNCTION total(x INT) RETURNS INT DETERMINISTIC RETURN x + 2", "function total: changed"},
		{"DROP PROCEDURE act; CREATE PROCEDURE act() SELECT 2", "procedure act: changed"},
		{"DROP PROCEDURE act", "procedure act: missing"},
		{"DROP TRIGGER tidy; CREATE TRIGGER tidy BEFORE INSERT ON users FOR EACH ROW SET NEW.name = upper(NEW.name)", "trigger tidy on users: changed"},
		{"CREATE TRIGGER first BEFORE INSERT ON users FOR EACH ROW PRECEDES tidy SET NEW.name = 'x'", "trigger first on users: added, trigger tidy on users: changed"},
		{"CREATE TRIGGER last BEFORE INSERT ON users FOR EACH ROW SET NEW.name = 'x'", "trigger last on users: added"},
		{"ALTER EVENT nightly DISABLE", "event nightly: changed"},
		{"ALTER EVENT nightly DO DELETE FROM users", "event nightly: changed"},
		{"ALTER EVENT nightly ON SCHEDULE EVERY 2 DAY STARTS '2030-01-01 03:00:00'", "event nightly: changed"},
		{"CREATE EVENT often ON SCHEDULE EVERY 1 HOUR DO SELECT 1", "event often: added"},
		{"ALTER SEQUENCE tickets INCREMENT BY 10", "sequence tickets: changed"},
		{"ALTER TABLE parted ADD PARTITION (PARTITION p1 VALUES LESS THAN (20))", "table parted: changed"},
		{"ALTER TABLE users ADD COLUMN phone TEXT AFTER id", "table users: changed"},
		{"ALTER TABLE users MODIFY name VARCHAR(80) NOT NULL DEFAULT 'x'", "table users: changed"},
		{"ALTER TABLE users ALTER name SET DEFAULT 'y'", "table users: changed"},
		{"ALTER TABLE users MODIFY born DATE DEFAULT '2000-01-01'", "table users: changed"},
		{"ALTER TABLE users DROP CONSTRAINT grown", "table users: changed"},
		{"ALTER TABLE users ADD CONSTRAINT ours CHECK (team < 1000)", "table users: changed"},
		{"ALTER TABLE users ADD INDEX by_team (team)", "table users: changed"},
		{"DROP INDEX by_name ON users; CREATE UNIQUE INDEX by_name ON users (name)", "table users: changed"},
		{"ALTER TABLE users ADD CONSTRAINT of_team FOREIGN KEY (team) REFERENCES teams (id)", "table users: changed"},
		{"ALTER TABLE teams ENGINE=MyISAM", "table teams: changed"},
		{"ALTER TABLE teams CONVERT TO CHARACTER SET utf16", "table teams: changed"},
		{"CREATE TABLE own (id INT)", "table own: added"},
		{"DROP TABLE teams", "table teams: missing"},
		{"RENAME TABLE teams TO groupes", "table groupes: added, table teams: missing"},
		// what is none
		{"INSERT INTO users (id, name) VALUES (900, 'eve'); DELETE FROM users WHERE id = 900; SELECT NEXTVAL(tickets)", ""},
		{"DROP VIEW fresh; CREATE DEFINER=lab@localhost VIEW fresh AS SELECT u.id, u.name FROM users u WHERE u.team > 1", ""},
		{"DROP PROCEDURE act; CREATE DEFINER=lab@localhost PROCEDURE act() SELECT 1", ""},
		{"ALTER EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2031-05-05 05:05:05'", ""},
		{"CREATE TABLE upkeep_migrations (id INT AUTO_INCREMENT PRIMARY KEY, name TEXT)", ""},
		{"ALTER TABLE users DROP COLUMN born; ALTER TABLE users ADD COLUMN born DATE AFTER id", ""},
		{"RENAME TABLE users TO other; RENAME TABLE other TO users", ""},
	} {
		name, other := s.fresh(t), s.fresh(t)
		s.SQL(t, name, standard)
		s.SQL(t, other, standard) // of another name
		before := databasetest.Objects(t, open(s.DSN(other)))
		s.SQL(t, name, c.sql)
		if got := strings.Join(databasetest.Differs(t, open(s.DSN(name)), before), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", c.sql, got, c.want)
		}
		s.SQL(t, "", "DROP DATABASE "+name+"; DROP DATABASE "+other)
	}
}

// A restored copy of everything has no difference.
func TestObjectsRestored(t *testing.T) {
	s := start(t)
	from, to := s.fresh(t), s.fresh(t)
	rich, err := os.ReadFile("testdata/rich.sql")
	if err != nil {
		t.Fatal(err)
	}
	db := open(s.DSN(from))
	s.subject(t, s.DSN(from), from).Exec(t, string(rich))
	before := databasetest.Objects(t, db)
	for _, want := range []string{"table kinds", "sequence tickets", "view a_reads_z", "trigger first on queue", "procedure greet", "event never", "table `odd ``name; --`"} {
		if !slices.ContainsFunc(before.Objects, func(o drift.Object) bool { return o.ID() == want }) {
			t.Errorf("%s is not there", want)
		}
	}
	for _, o := range before.Objects {
		if strings.Contains(o.Definition, from) || strings.Contains(o.Definition, "DEFINER=") {
			t.Errorf("the name of the database or of an account is in %s", o.Definition)
		}
	}
	dump, _ := databasetest.Dump(t, db)
	if err := open(s.DSN(to)).Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	for _, d := range drift.Compare(before, databasetest.Objects(t, open(s.DSN(to)))) {
		t.Errorf("a restored copy differs:\n%s", d.Diff())
	}
}

// An account that cannot see all is told which right it lacks, one by one.
func TestObjectsWithoutRights(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.SQL(t, name, standard)
	all := []string{"SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "EXECUTE"}
	for _, without := range all {
		user := fmt.Sprintf("lacks_%s", strings.ToLower(strings.ReplaceAll(without, " ", "_")))
		s.SQL(t, "", fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY 'pw'", user))
		for _, right := range all {
			if right != without {
				s.SQL(t, "", fmt.Sprintf("GRANT %s ON `%s`.* TO %s@'%%'", right, name, user))
			}
		}
		got, err := open(s.as(name, user)).Objects(t.Context())
		if !errors.Is(err, database.ErrPermission) || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("GRANT %s ON `%s`.* TO '%s'@'%%'", without, name, user)) {
			t.Errorf("without %s: %d objects, and %v", without, len(got.Objects), err)
		}
	}
	s.SQL(t, "", fmt.Sprintf("GRANT %s ON `%s`.* TO reader@'%%'", strings.Join(all, ", "), name))
	if got, err := open(s.as(name, "reader")).Objects(t.Context()); !errors.Is(err, database.ErrPermission) || !strings.Contains(fmt.Sprint(err), "is hidden from this account") {
		t.Errorf("bodies of another account: %d objects, and %v", len(got.Objects), err)
	}
	s.SQL(t, "", "GRANT SELECT ON mysql.* TO reader@'%'")
	want := databasetest.Objects(t, open(s.DSN(name)))
	if got, err := open(s.as(name, "reader")).Objects(t.Context()); err != nil || got.Digest() != want.Digest() {
		t.Errorf("an account that only reads: %d objects of %d, and %v", len(got.Objects), len(want.Objects), err)
	}
}

// A view that leads nowhere is read all the same: it is what it is.
func TestObjectsBrokenView(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.SQL(t, name, standard)
	before := databasetest.Objects(t, open(s.DSN(name)))
	s.SQL(t, name, "DROP TABLE users")
	got := databasetest.Differs(t, open(s.DSN(name)), before)
	if !slices.Contains(got, "table users: missing") || slices.Contains(got, "view fresh: missing") {
		t.Errorf("%q", got)
	}
}

func TestUnqualified(t *testing.T) {
	for in, want := range map[string]string{
		"select `shop`.`a`.`x` from `shop`.`a`":      "select `a`.`x` from `a`",
		"RETURN '`shop`.' ":                          "RETURN '`shop`.' ",
		"RETURN \"`shop`.\\\"`shop`.\" + `shop`.`f`": "RETURN \"`shop`.\\\"`shop`.\" + `f`",
		"`other`.`a`":                                "`other`.`a`",
	} {
		if got := unqualified(in, "shop"); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("CREATE TABLE `a` (\n  `b` int,\n  KEY `x` (`b`)\n) ENGINE=InnoDB", "table")
	f.Add("CREATE DEFINER=`a`@`b` EVENT `e` ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO SELECT '`shop`.'", "event")
	f.Add("CREATE DEFINER=x TRIGGER t BEFORE INSERT ON `shop`.`a` FOR EACH ROW SET @a = 1", "trigger")
	f.Fuzz(func(t *testing.T, sql, kind string) {
		l := &link{schema: "shop"}
		text := l.plain(definition{Kind: kind, sql: sql}, "a")
		if kind == "view" && !strings.Contains(sql, "'") && !strings.Contains(sql, `"`) && strings.Contains(text, "`shop`.`") && !strings.Contains(sql, "``") && !strings.Contains(sql, "`shop`.`shop`") {
			t.Errorf("%q is qualified still: %q", sql, text)
		}
	})
}
