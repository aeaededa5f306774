// Package databasetest is the contract of database.Database as a test suite:
// every kind runs it on the real thing. It may be imported by tests only.
package databasetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"upkeep/internal/database"
)

// Subject is one fresh, empty database.
type Subject struct {
	DB database.Database
	// Missing is a database that does not exist.
	Missing database.Database
	// Do runs statements as the product would, not through DB.
	Do func(ctx context.Context, sql string) error
	// Dialect of the kind.
	Dialect database.Dialect
	// OpID is that of DB.
	OpID string
}

// Exec is Do, or the end of the test.
func (s Subject) Exec(t *testing.T, sql string) {
	t.Helper()
	if err := s.Do(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Factory makes a subject; it registers its own clean-up.
type Factory func(t *testing.T) Subject

// Fill makes a small product's schema with rows, in SQL that every kind reads.
const Fill = `
CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, note TEXT, score DOUBLE PRECISION, CHECK (name IN ('ada', 'bob', 'eve')));
CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users (id), body TEXT DEFAULT 'it''s');
CREATE INDEX posts_author ON posts (author);
CREATE VIEW names AS SELECT name FROM users WHERE name IN ('ada', 'bob');
INSERT INTO users VALUES (1, 'ada', NULL, 0.1), (2, 'bob', '', 1e300), (3, 'eve', 'quote '' and ünïcode', -0.0);
INSERT INTO posts VALUES (1, 1, 'first'), (2, 1, 'first'), (3, 2, NULL);
`

// mess is what a migration that failed half way may leave.
const mess = `
DROP VIEW names;
DROP TABLE posts;
ALTER TABLE users ADD COLUMN extra INTEGER;
UPDATE users SET note = 'changed';
INSERT INTO users (id, name) VALUES (7, 'eve');
CREATE TABLE newer (x INTEGER);
CREATE VIEW newest AS SELECT x FROM newer;
INSERT INTO newer VALUES (1);
`

// Run runs the whole contract.
func Run(t *testing.T, make Factory) {
	t.Run("Query", func(t *testing.T) { testQuery(t, make(t)) })
	t.Run("Missing", func(t *testing.T) { testMissing(t, make(t)) })
	t.Run("Inspect", func(t *testing.T) { testInspect(t, make(t)) })
	t.Run("Fingerprint", func(t *testing.T) { testFingerprint(t, make(t)) })
	t.Run("Objects", func(t *testing.T) { testObjects(t, make(t)) })
	t.Run("RoundTrip", func(t *testing.T) { testRoundTrip(t, make(t)) })
	t.Run("DumpWhileWritten", func(t *testing.T) { testLive(t, make(t)) })
	t.Run("Mark", func(t *testing.T) { testMark(t, make(t)) })
	t.Run("EmptyRoundTrip", func(t *testing.T) { testEmpty(t, make(t)) })
	t.Run("DumpIntoBrokenWriter", func(t *testing.T) { testBrokenWriter(t, make(t)) })
	t.Run("RestoreBrokenDumps", func(t *testing.T) { testBrokenDumps(t, make(t)) })
	t.Run("RestoreInterrupted", func(t *testing.T) { testInterrupted(t, make(t)) })
	t.Run("Apply", func(t *testing.T) { testApply(t, make(t)) })
	t.Run("Scratch", func(t *testing.T) { testScratch(t, make(t)) })
	t.Run("ScratchUnequal", func(t *testing.T) { testScratchUnequal(t, make(t)) })
	t.Run("ScratchLeft", func(t *testing.T) { testScratchLeft(t, make(t)) })
	t.Run("Connect", func(t *testing.T) { testConnect(t, make(t)) })
	t.Run("Sessions", func(t *testing.T) { testSessions(t, make(t)) })
}

func testQuery(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	before := Fingerprint(t, s.DB)
	for _, c := range []struct {
		sql, want string
		err       error
	}{
		{"SELECT max(id) FROM users", "3", nil},
		{"SELECT name, id FROM users ORDER BY id", "ada", nil},
		{"SELECT note FROM users WHERE id = 2", "", nil},
		{"SELECT note FROM users WHERE id = 1", "", database.ErrNoRow},
		{"SELECT id FROM users WHERE id = 99", "", database.ErrNoRow},
		{"SELECT 0.5", "0.5", nil},
	} {
		got, err := s.DB.Query(t.Context(), c.sql)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Query(%q) = %q, %v; want %q, %v", c.sql, got, err, c.want, c.err)
		}
	}
	for _, sql := range []string{
		"DELETE FROM posts",
		"INSERT INTO users (id, name) VALUES (9, 'eve') RETURNING id",
		"SELECT 1; DELETE FROM posts",
		"COMMIT; DELETE FROM posts",
		"CREATE TABLE other (x INTEGER)",
		"SELECT nothing FROM nowhere",
		"",
	} {
		if got, err := s.DB.Query(t.Context(), sql); err == nil {
			t.Errorf("Query(%q) = %q: want an error", sql, got)
		}
	}
	Same(t, "queries that write were refused", before, Fingerprint(t, s.DB))
}

func testMissing(t *testing.T, s Subject) {
	ctx := t.Context()
	_, queryErr := s.Missing.Query(ctx, "SELECT 1")
	_, inspectErr := s.Missing.Inspect(ctx)
	_, dumpErr := s.Missing.Dump(ctx, io.Discard)
	_, printErr := s.Missing.Fingerprint(ctx)
	applyErr := Apply(ctx, s.Missing, database.Script{Name: "x", SQL: "CREATE TABLE a (x INTEGER)"})
	for name, err := range map[string]error{"Query": queryErr, "Inspect": inspectErr, "Dump": dumpErr, "Fingerprint": printErr, "Apply": applyErr} {
		if !errors.Is(err, database.ErrNoDatabase) {
			t.Errorf("%s on a database that does not exist: %v; want ErrNoDatabase", name, err)
		}
	}
	if _, err := s.Missing.Query(ctx, "SELECT 1"); !errors.Is(err, database.ErrNoDatabase) {
		t.Errorf("asking made the database: %v", err)
	}
}

func testInspect(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	info, err := s.DB.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Tables != 2 || info.SizeBytes < 4096 || info.Major == 0 || info.Server == "" || info.Name == "" {
		t.Errorf("not well inspected: %+v", info)
	}
	if !info.Rights.Dump || !info.Rights.Restore || len(info.Rights.Problems) > 0 {
		t.Errorf("rights %+v; want dump and restore without problems", info.Rights)
	}
}

func testFingerprint(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	last := Fingerprint(t, s.DB)
	Same(t, "nothing was done", last, Fingerprint(t, s.DB))
	if got := last.Tables; got == nil || last.RowCount() < 6 {
		t.Fatalf("rows of %+v: want at least 6", got)
	}
	for _, sql := range []string{
		"UPDATE users SET note = '' WHERE id = 1", // NULL is not empty
		"UPDATE users SET score = 0.2 WHERE id = 1",
		"UPDATE posts SET body = 'First' WHERE id = 2",
		"DELETE FROM posts WHERE id = 2",
		"INSERT INTO posts VALUES (4, 3, '')",
		"CREATE TABLE t (x INTEGER)",
		"ALTER TABLE t ADD COLUMN y INTEGER",
		"ALTER TABLE t RENAME COLUMN y TO z",
		"CREATE INDEX t_x ON t (x)",
		"CREATE VIEW v AS SELECT x FROM t",
		"DROP VIEW v; CREATE VIEW v AS SELECT x FROM t WHERE x > 1",
		"DROP VIEW v",
		map[bool]string{true: "DROP INDEX t_x ON t", false: "DROP INDEX t_x"}[s.Dialect == database.MariaDB],
		"CREATE UNIQUE INDEX t_x ON t (x)",
		"DROP TABLE t",
	} {
		s.Exec(t, sql)
		next := Fingerprint(t, s.DB)
		if len(database.Compare(last, next)) == 0 || last.Digest() == next.Digest() {
			t.Errorf("%q went unnoticed", sql)
		}
		last = next
	}
	// Rows swapped between two tables, or between two rows, are a change too.
	s.Exec(t, "CREATE TABLE a (x INTEGER, y INTEGER); CREATE TABLE b (x INTEGER, y INTEGER); INSERT INTO a VALUES (1, 2); INSERT INTO b VALUES (3, 4)")
	one := Fingerprint(t, s.DB)
	s.Exec(t, "UPDATE a SET x = 3, y = 4; UPDATE b SET x = 1, y = 2")
	two := Fingerprint(t, s.DB)
	s.Exec(t, "UPDATE a SET x = 4, y = 3; UPDATE b SET x = 2, y = 1")
	if three := Fingerprint(t, s.DB); one.Digest() == two.Digest() || two.Digest() == three.Digest() {
		t.Error("exchanged rows or columns went unnoticed")
	}
}

// testMark: a mark that has not moved means that nothing was committed.
func testMark(t *testing.T, s Subject) {
	mark := func() string {
		t.Helper()
		m, err := s.DB.Mark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	s.Exec(t, Fill)
	if m := mark(); m != "" {
		s.Exec(t, "UPDATE users SET score = score + 1 WHERE id = 1")
		if mark() == m {
			t.Error("the mark right after a change is that of before")
		}
	}
	time.Sleep(100 * time.Millisecond) // changes that follow at once may leave none
	const tries = 5                    // a server may clean up at any time
	for i := 1; ; i++ {
		before := mark()
		_, report := Dump(t, s.DB)
		Fingerprint(t, s.DB)
		after := mark()
		if before != "" && report.Mark == before && after == before {
			break
		}
		if i == tries {
			t.Fatalf("nobody writes, and the mark was %q, in the dump %q, and %q after reading", before, report.Mark, after)
		}
	}
	for _, sql := range []string{"UPDATE users SET score = 17 WHERE id = 1", "CREATE TABLE other (x INTEGER)", "DELETE FROM posts WHERE id = 3"} {
		before := mark()
		s.Exec(t, sql)
		if after := mark(); after == before {
			t.Errorf("the mark has not moved by %s", sql)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if _, err := s.Missing.Mark(t.Context()); err == nil {
		t.Error("a database that does not exist has a mark")
	}
}

func testSessions(t *testing.T, s Subject) {
	list, err := s.DB.Sessions(t.Context(), "no/such/run")
	if err != nil || len(list) != 0 {
		t.Errorf("sessions of nobody: %v, %v", list, err)
	}
	n, err := s.DB.EndSessions(t.Context(), "no/such/run")
	if err != nil || n != 0 {
		t.Errorf("ended %d, %v", n, err)
	}
}

// Fingerprint reads it or fails the test.
func Fingerprint(t *testing.T, db database.Database) database.Fingerprint {
	t.Helper()
	f, err := db.Fingerprint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Dump dumps into memory or fails the test.
func Dump(t *testing.T, db database.Database) ([]byte, database.Report) {
	t.Helper()
	var b bytes.Buffer
	report, err := db.Dump(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), report
}

// Same fails the test where the content differs.
func Same(t *testing.T, when string, want, got database.Fingerprint) {
	t.Helper()
	if d := database.Compare(want, got); len(d) > 0 {
		t.Fatalf("%s: %s", when, database.Summary(d))
	}
}
