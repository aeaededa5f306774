package sqlite

import (
	"bytes"
	"errors"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
)

const rich = `
PRAGMA user_version = 42;
PRAGMA application_id = 7;
CREATE TABLE things (a, b TEXT, made TIMESTAMP, done BOOLEAN, day DATE, c AS (a || 'x') STORED, d AS (a) VIRTUAL);
INSERT INTO things (rowid, a, b, made, done, day) VALUES (1000, 1, 'x', '2026-01-02 03:04:05', 1, 'yesterday'),
  (7, x'00ff', char(0) || 'after a zero', NULL, 'maybe', 20260101), (8, -0.0, '', 1.5, NULL, NULL), (9, 9e999, 'ü', 0, 0, 0);
CREATE TABLE "odd ""name" (rowid TEXT, oid TEXT, "col umn" PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "odd ""name" VALUES ('r', 'o', 'c');
CREATE TABLE hidden (rowid, x);
INSERT INTO hidden VALUES (1, 2);
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x ANY) STRICT;
INSERT INTO counted (x) VALUES (1), ('1'), (NULL);
DELETE FROM counted WHERE id = 3;
CREATE VIRTUAL TABLE words USING fts5 (body, content = 'things', content_rowid = 'rowid');
INSERT INTO words (rowid, body) VALUES (1000, 'searchable text');
CREATE TRIGGER log AFTER INSERT ON hidden BEGIN INSERT INTO counted (x) VALUES ('trigger;'); END;
CREATE UNIQUE INDEX partly ON things (a) WHERE b IS NOT NULL;
ANALYZE;
`

func TestExact(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		s := subject(t, mode)
		s.Exec(t, rich)
		want := databasetest.Fingerprint(t, s.DB)
		dump, _ := databasetest.Dump(t, s.DB)
		last := want
		for _, sql := range []string{
			"PRAGMA user_version = 43",
			"UPDATE things SET rowid = 1001 WHERE rowid = 1000",
			"UPDATE things SET made = '2026-01-02 03:04:05.000' WHERE rowid = 1001",
			"UPDATE things SET done = 'true' WHERE rowid = 1001",
			"UPDATE things SET a = '1' WHERE rowid = 1001", // a text, not a number
			"UPDATE things SET a = 0.0 WHERE rowid = 8",    // not minus zero
			"UPDATE things SET b = char(0) || 'after a Zero' WHERE rowid = 7",
			"UPDATE \"odd \"\"name\" SET oid = 'O'",
			"UPDATE sqlite_sequence SET seq = 9",
			"INSERT INTO words (rowid, body) VALUES (7, 'more')",
			"DROP TRIGGER log",
		} {
			s.Exec(t, sql)
			next := databasetest.Fingerprint(t, s.DB)
			if next.Digest() == last.Digest() && sql != "UPDATE things SET a = 0.0 WHERE rowid = 8" {
				t.Errorf("%s: %q went unnoticed", mode, sql)
			}
			last = next
		}
		if err := s.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
			t.Fatal(err)
		}
		databasetest.Same(t, mode, want, databasetest.Fingerprint(t, s.DB))
		for sql, want := range map[string]string{
			"SELECT made FROM things WHERE rowid = 1000":        "2026-01-02 03:04:05",
			"SELECT done FROM things WHERE rowid = 1000":        "1",
			"SELECT count(*) FROM words('searchable')":          "1",
			"PRAGMA user_version":                               "42",
			"SELECT sql FROM sqlite_schema WHERE name = 'none'": "",
		} {
			if got, err := s.DB.Query(t.Context(), sql); got != want || (want == "") != errors.Is(err, database.ErrNoRow) {
				t.Errorf("%s: %s: %q, %v; want %q", mode, sql, got, err, want)
			}
		}
	}
}
