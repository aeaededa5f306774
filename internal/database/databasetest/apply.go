package databasetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/database/migration"
)

// Apply carries a script out, so that all of it is there afterwards or nothing.
func Apply(ctx context.Context, db database.Database, s database.Script) error {
	return (&migration.Runner{DB: db}).Apply(ctx, migration.Script{Script: s, SHA256: "0"})
}

// Do carries out statements one by one, and keeps no journal of them.
func Do(ctx context.Context, db database.Database, sql string) error {
	c, err := db.Connect(ctx, database.Limits{})
	if err != nil {
		return err
	}
	for _, st := range database.Split(sql, database.SQLite) {
		if _, err := c.Exec(ctx, st); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	return c.Close()
}

// Content is a fingerprint without the journal of scripts, which says of a
// script that it has failed.
func Content(t *testing.T, db database.Database) database.Fingerprint {
	t.Helper()
	f := Fingerprint(t, db)
	for name := range f.Tables {
		if strings.Contains(name, "upkeep_") {
			delete(f.Tables, name)
		}
	}
	for name := range f.Objects {
		if strings.Contains(name, "upkeep_") {
			delete(f.Objects, name)
		}
	}
	return f
}

func testApply(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	if err := Apply(t.Context(), s.DB, database.Script{Name: "1.sql", SQL: "-- a script\nCREATE TABLE one (x INTEGER);\nINSERT INTO one VALUES (1), (2);"}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.DB.Query(t.Context(), "SELECT count(*) FROM one"); got != "2" {
		t.Fatalf("after the script: %q, %v", got, err)
	}
	before := Content(t, s.DB)
	for name, sql := range map[string]string{
		"fails at its end":   "CREATE TABLE two (x INTEGER); INSERT INTO one VALUES (3); SELECT * FROM nowhere;",
		"fails in the midst": "INSERT INTO one VALUES (3); INSERT INTO users VALUES (1, 'ada', NULL, 0); CREATE TABLE two (x INTEGER)",
		"commits":            "INSERT INTO one VALUES (3); COMMIT; SELECT * FROM nowhere",
	} {
		err := Apply(t.Context(), s.DB, database.Script{Name: "2.sql", SQL: sql})
		if err == nil {
			t.Errorf("a script that %s was applied", name)
		}
		if errors.Is(err, database.ErrScript) != (name == "commits") {
			t.Errorf("a script that %s: %v", name, err)
		}
		Same(t, "a script that "+name, before, Content(t, s.DB))
	}
}

// testConnect: statements of one connection, and a lock where there is a server.
func testConnect(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	c, err := s.DB.Connect(t.Context(), database.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	other, err := s.DB.Connect(t.Context(), database.Limits{})
	if server := c.ID() != ""; server != errors.Is(err, database.ErrInUse) {
		t.Errorf("a second connection: %v", err)
	} else if server && !strings.Contains(err.Error(), "session "+c.ID()) {
		t.Errorf("it is not said who is at work: %v, want session %s", err, c.ID())
	} else if !server {
		_ = other.Close()
	}
	for _, sql := range []string{"UPDATE users SET name = 'x'; DELETE FROM posts", "\n\nUPDATE nowhere SET x = 1"} {
		_, err := c.Exec(t.Context(), database.Statement{Text: strings.TrimSpace(sql), Begin: 3, Line: 3, Words: []string{"UPDATE"}})
		if err == nil && c.ID() != "" || err != nil && !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%q: %v", sql, err)
		}
	}
	n, err := c.Exec(t.Context(), database.Statement{Text: "UPDATE users SET note = 'changed' WHERE id > 1", Begin: 1, Line: 1, Words: []string{"UPDATE"}})
	if err != nil || n != 2 {
		t.Errorf("%d rows, %v; want 2", n, err)
	}
	_ = c.Close()
	if c, err = s.DB.Connect(t.Context(), database.Limits{}); err != nil {
		t.Errorf("after the first has gone: %v", err)
		return
	}
	_ = c.Close()
}
