package databasetest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/drift"
)

// Objects reads the definitions or fails the test.
func Objects(t *testing.T, db database.Database) drift.Schema {
	t.Helper()
	s, err := db.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Differs compares the definitions with those of before, as texts.
func Differs(t *testing.T, db database.Database, before drift.Schema) []string {
	t.Helper()
	now := Objects(t, db)
	if err := drift.Comparable(before, now); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range drift.Compare(before, now) {
		out = append(out, d.String())
	}
	return out
}

// testObjects: each change of a definition is seen, and nothing else is.
func testObjects(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	last := Objects(t, s.DB)
	if last.Kind != s.DB.Kind() || last.Server == "" || len(last.Objects) != 3 {
		t.Fatalf("read as %s %s with %d objects: %+v", last.Kind, last.Server, len(last.Objects), last.Objects)
	}
	print := Fingerprint(t, s.DB)
	for _, c := range []struct {
		sql  string
		want int // objects that differ
	}{
		{"INSERT INTO users VALUES (9, 'eve', 'row', 1); DELETE FROM posts WHERE id = 3", 0},
		{"CREATE TABLE upkeep_migrations (name VARCHAR(40) PRIMARY KEY)", 0},
		{"CREATE TABLE upkeep_statements (name VARCHAR(40) PRIMARY KEY)", 0},
		{"CREATE TABLE upkeep_migration_notes (name VARCHAR(40) PRIMARY KEY)", 0},
		{"ALTER TABLE users ADD COLUMN further INTEGER", 1},
		{"CREATE INDEX further_one ON users (further)", 1},
		{"DROP VIEW names; CREATE VIEW names AS SELECT name FROM users WHERE name IN ('ada', 'eve')", 1},
		{"CREATE VIEW more AS SELECT name FROM users", 1},
		{"DROP VIEW more", 1},
		{"CREATE TABLE other (x INTEGER)", 1},
		{"DROP TABLE other; CREATE TABLE other (x INTEGER DEFAULT 7)", 1},
		{"DROP TABLE other; CREATE TABLE other (x INTEGER DEFAULT 8)", 1},
		{"DROP TABLE other; CREATE TABLE other (x INTEGER DEFAULT 8, CHECK (x > 7))", 1},
		{"DROP TABLE other; CREATE TABLE other (x INTEGER NOT NULL DEFAULT 8, CHECK (x > 7))", 1},
		{"DROP TABLE other; CREATE TABLE other (x VARCHAR(9) NOT NULL, y INTEGER)", 1},
		{"DROP TABLE other; CREATE TABLE other (y INTEGER, x VARCHAR(9) NOT NULL)", 0}, // as of an upgrade
		{"DROP TABLE other", 1},
	} {
		s.Exec(t, c.sql)
		if got := Differs(t, s.DB, last); len(got) != c.want {
			t.Errorf("%q: %q, want %d differences", c.sql, got, c.want)
		}
		next := Objects(t, s.DB)
		if (next.Digest() == last.Digest()) != (c.want == 0) {
			t.Errorf("%q: the digest tells something else", c.sql)
		}
		last = next
	}
	now := Fingerprint(t, s.DB)
	Objects(t, s.DB)
	Same(t, "reading definitions", now, Fingerprint(t, s.DB))
	if print.Digest() == now.Digest() {
		t.Error("nothing was changed here")
	}
	dump, _ := Dump(t, s.DB)
	s.Exec(t, mess)
	if len(Differs(t, s.DB, last)) == 0 {
		t.Error("a mess is no difference")
	}
	if err := s.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	if got := Differs(t, s.DB, last); len(got) > 0 {
		t.Errorf("after a restore: %q", got)
	}
	if _, err := s.Missing.Objects(t.Context()); !errors.Is(err, database.ErrNoDatabase) {
		t.Errorf("of a database that does not exist: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.DB.Objects(ctx); err == nil {
		t.Error("a cancelled read gave objects")
	}
}
