package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/drift"
	"upkeep/internal/lab"
)

// standard is the schema that customised changes.
const standard = `
CREATE EXTENSION hstore;
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('sad', 'ok');
CREATE TYPE app.pair AS (a int, b text);
CREATE DOMAIN app.email AS text CHECK (VALUE ~ '@');
CREATE SEQUENCE app.ticket;
CREATE TABLE app.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(40) NOT NULL, state varchar(10) DEFAULT 'new' CHECK (state IN ('new', 'old')), team int);
CREATE TABLE app.teams (id int PRIMARY KEY, name text);
CREATE INDEX users_name ON app.users (name);
CREATE TABLE app.events (id int, day date NOT NULL, note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE VIEW app.fresh AS SELECT id, name FROM app.users WHERE state IN ('new', 'old');
CREATE MATERIALIZED VIEW app.counts AS SELECT state, count(*) FROM app.users GROUP BY 1;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := lower(NEW.name); RETURN NEW; END';
CREATE FUNCTION app.total(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x + 1';
CREATE PROCEDURE app.act(x int) LANGUAGE sql AS 'SELECT x';
CREATE AGGREGATE app.product(int) (sfunc = int4mul, stype = int, initcond = '1');
CREATE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE RULE keep AS ON DELETE TO app.teams DO INSTEAD NOTHING;
ALTER TABLE app.teams ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.teams USING (id > 0);
`

// TestCustomised finds each kind of customisation, and that alone.
func TestCustomised(t *testing.T) {
	lab.Slow(t)
	s := start(t)
	base := s.fresh(t)
	s.Psql(t, base, standard)
	before := databasetest.Objects(t, s.open(base))
	for i, c := range []struct{ sql, want string }{
		{"CREATE OR REPLACE VIEW app.fresh AS SELECT id, name FROM app.users WHERE state IN ('new', 'gone')", "view app.fresh: changed"},
		{"ALTER VIEW app.fresh SET (security_barrier)", "view app.fresh: changed"},
		{"CREATE VIEW app.report AS SELECT 1 AS one", "view app.report: added"},
		{"DROP MATERIALIZED VIEW app.counts; CREATE MATERIALIZED VIEW app.counts AS SELECT state, count(*) + 1 AS count FROM app.users GROUP BY 1", "materialized view app.counts: changed"},
		{"CREATE INDEX counts_state ON app.counts (state)", "materialized view app.counts: changed"},
		{"CREATE OR REPLACE FUNCTION app.total(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x + 2'", "function app.total(integer): changed"},
		{"ALTER FUNCTION app.total(int) VOLATILE", "function app.total(integer): changed"},
		{"CREATE FUNCTION app.total(x text) RETURNS int LANGUAGE sql AS 'SELECT 1'", "function app.total(text): added"},
		{"CREATE OR REPLACE PROCEDURE app.act(x int) LANGUAGE sql AS 'SELECT x + 1'", "procedure app.act(integer): changed"},
		{"DROP AGGREGATE app.product(int); CREATE AGGREGATE app.product(int) (sfunc = int4pl, stype = int, initcond = '1')", "aggregate app.product(integer): changed"},
		{"ALTER TABLE app.users DISABLE TRIGGER touch", "trigger touch on app.users: changed"},
		{"ALTER TABLE app.users ENABLE ALWAYS TRIGGER touch", "trigger touch on app.users: changed"},
		{"DROP TRIGGER touch ON app.users", "trigger touch on app.users: missing"},
		{"CREATE TRIGGER touch BEFORE INSERT ON app.teams FOR EACH ROW EXECUTE FUNCTION app.touch()", "trigger touch on app.teams: added"},
		{"CREATE POLICY more ON app.teams AS RESTRICTIVE USING (id < 9)", "policy more on app.teams: added"},
		{"ALTER POLICY mine ON app.teams USING (id > 1)", "policy mine on app.teams: changed"},
		{"ALTER POLICY mine ON app.teams TO reader", "policy mine on app.teams: changed"},
		{"ALTER TABLE app.teams DISABLE ROW LEVEL SECURITY", "table app.teams: changed"},
		{"CREATE OR REPLACE RULE keep AS ON DELETE TO app.teams DO INSTEAD SELECT 1", "rule keep on app.teams: changed"},
		{"ALTER TABLE app.teams DISABLE RULE keep", "rule keep on app.teams: changed"},
		{"ALTER DOMAIN app.email ADD CHECK (length(VALUE) < 80)", "domain app.email: changed"},
		{"ALTER DOMAIN app.email SET DEFAULT 'a@b'", "domain app.email: changed"},
		{"ALTER TYPE app.mood ADD VALUE 'good'", "type app.mood: changed"},
		{"ALTER TYPE app.pair ADD ATTRIBUTE c int", "type app.pair: changed"},
		{"ALTER SEQUENCE app.ticket INCREMENT 10", "sequence app.ticket: changed"},
		{"ALTER TABLE app.users ALTER id SET INCREMENT 10", "table app.users: changed"},
		{"CREATE TABLE app.events_2 PARTITION OF app.events DEFAULT", "table app.events_2: added"},
		{"ALTER TABLE app.events DETACH PARTITION app.events_1", "table app.events_1: changed"},
		{"ALTER TABLE app.events ADD COLUMN more int", "table app.events: changed"},
		{"CREATE INDEX ON app.events (note)", "table app.events: changed"},
		{"ALTER TABLE app.events ADD CHECK (id > 0)", "table app.events: changed"},
		{"ALTER TABLE app.events_1 ADD CONSTRAINT mine CHECK (id > 1)", "table app.events_1: changed"},
		{"ALTER TABLE app.teams ALTER name TYPE varchar(20)", "table app.teams: changed"},
		{"ALTER TABLE app.teams ALTER name SET DEFAULT 'none'", "table app.teams: changed"},
		{"ALTER TABLE app.teams ALTER name SET NOT NULL", "table app.teams: changed"},
		{"ALTER TABLE app.teams ADD COLUMN phone text", "table app.teams: changed"},
		{"ALTER TABLE app.teams DROP COLUMN name", "table app.teams: changed"},
		{"ALTER TABLE app.teams RENAME COLUMN name TO title", "table app.teams: changed"},
		{"ALTER TABLE app.teams ADD COLUMN twice int GENERATED ALWAYS AS (id * 2) STORED", "table app.teams: changed"},
		{"ALTER TABLE app.teams INHERIT app.base", "table app.teams: changed"},
		{"ALTER TABLE app.users ADD FOREIGN KEY (team) REFERENCES app.teams", "table app.users: changed"},
		{"ALTER TABLE app.users ADD FOREIGN KEY (team) REFERENCES app.teams NOT VALID", "table app.users: changed"},
		{"ALTER TABLE app.users DROP CONSTRAINT users_state_check", "table app.users: changed"},
		{"DROP INDEX app.users_name; CREATE INDEX users_name ON app.users (lower(name))", "table app.users: changed"},
		{"DROP INDEX app.users_name", "table app.users: changed"},
		{"ALTER TABLE app.teams SET UNLOGGED", "table app.teams: changed"},
		{"CREATE TABLE app.own (id serial)", "sequence app.own_id_seq: added, table app.own: added"},
		{"DROP TABLE app.events_1", "table app.events_1: missing"},
		{"CREATE SCHEMA own", "schema own: added"},
		{"CREATE EXTENSION citext", "extension citext: added"},
		{"CREATE STATISTICS app.two ON name, state FROM app.users", "statistics app.two: added"},
		{"CREATE COLLATION app.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)", "collation app.nocase: added"},
		{"CREATE FUNCTION app.log() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER log ON ddl_command_end EXECUTE FUNCTION app.log()", "event trigger log: added, function app.log(): added"},
		{"CREATE OPERATOR app.=== (leftarg = int, rightarg = int, function = int4eq)", "operator app.===(integer,integer): added"},
		{"CREATE CAST (app.pair AS text) WITH INOUT", "cast (app.pair AS text): added"},
		{"CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'x')", "extension postgres_fdw: added, foreign server far: added"},
		{"CREATE TEXT SEARCH CONFIGURATION app.plain (COPY = simple)", "text search configuration app.plain: added"},
		// what is none
		{"INSERT INTO app.users (name) VALUES ('ada'); SELECT nextval('app.ticket'); REFRESH MATERIALIZED VIEW app.counts; ANALYZE", ""},
		{"COMMENT ON TABLE app.users IS 'ours'; GRANT SELECT ON app.users TO reader; ALTER TABLE app.users OWNER TO other; ALTER TABLE app.users SET (autovacuum_vacuum_cost_delay = 1)", ""},
		{"CREATE TABLE upkeep_migrations (id serial PRIMARY KEY, name text); CREATE INDEX ON upkeep_migrations (name)", ""},
		{"CREATE TEMPORARY TABLE scratch (x int)", ""},
		{"ALTER TABLE app.teams ADD COLUMN a int; ALTER TABLE app.teams DROP COLUMN a; ALTER TABLE app.teams DROP COLUMN name; ALTER TABLE app.teams ADD COLUMN name text", ""},
	} {
		name := fmt.Sprintf("customised %d", i)
		if err := s.CopyDB(t.Context(), base, name); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(c.sql, "app.base") {
			s.Psql(t, name, "CREATE TABLE app.base (id int)")
			c.want = "table app.base: added, " + c.want
		}
		s.Psql(t, name, c.sql)
		if got := strings.Join(databasetest.Differs(t, s.open(name), before), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", c.sql, got, c.want)
		}
		if err := s.DropDB(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

// A restored copy of everything has no difference, whoever reads it.
func TestObjectsRestored(t *testing.T) {
	s := start(t)
	from, to := s.fresh(t), s.fresh(t)
	rich, err := os.ReadFile("testdata/rich.sql")
	if err != nil {
		t.Fatal(err)
	}
	s.Psql(t, from, string(rich))
	before := databasetest.Objects(t, s.open(from))
	for _, want := range []string{"table app.users", "domain app.email", "policy mine on app.events", `table "Odd name"."tab;le"`, "aggregate app.product(integer)"} {
		if !slices.ContainsFunc(before.Objects, func(o drift.Object) bool { return o.ID() == want }) {
			t.Errorf("%s is not there", want)
		}
	}
	if got := databasetest.Differs(t, open(s.as(from, "shop")), before); len(got) > 0 {
		t.Errorf("an account without rights reads something else: %q", got)
	}
	dump, _ := databasetest.Dump(t, s.open(from))
	if err := s.open(to).Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	after := databasetest.Objects(t, s.open(to))
	for _, d := range drift.Compare(before, after) {
		t.Errorf("a restored copy differs:\n%s", d.Diff())
	}
}

// Expressions are printed the same after a restore, and twice after each other.
func TestObjectsRestoredExpressions(t *testing.T) {
	lab.Slow(t)
	s := start(t)
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		if n++; n > 12 { // a dump and a restore each
			return
		}
		from, to := s.fresh(t), s.fresh(t)
		s.Psql(t, from, "CREATE TABLE t (i int, n numeric(9,2), v varchar(20), c char(3), x text, d date, z timestamptz, j jsonb, a int[], b bool)")
		for i, e := range rapid.SliceOfN(condition(3), 8, 8).Draw(r, "conditions") {
			s.Psql(t, from, fmt.Sprintf("CREATE VIEW v%d AS SELECT i, (%s) AS p FROM t WHERE %[2]s; ALTER TABLE t ADD CONSTRAINT c%[1]d CHECK (%[2]s); CREATE INDEX i%[1]d ON t (i) WHERE %[2]s", i, e))
		}
		before := databasetest.Objects(t, s.open(from))
		dump, _ := databasetest.Dump(t, s.open(from))
		if err := s.open(to).Restore(t.Context(), bytes.NewReader(dump)); err != nil {
			t.Fatal(err)
		}
		for _, d := range drift.Compare(before, databasetest.Objects(t, s.open(to))) {
			r.Errorf("a restored copy differs:\n%s", d.Diff())
		}
		for _, db := range []string{from, to} {
			if err := s.DropDB(t.Context(), db); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// condition makes boolean expressions that are immutable.
func condition(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(r *rapid.T) string {
		leaf := []string{"v IN ('a', 'b''c', '(')", "c IN ('a', 'b')", "x IN ('a', 'b')", "v = ANY (ARRAY['a', 'b]'])", "v LIKE 'a%'", "v NOT IN ('x', '::text[]')", "i IN (1, -2, 3)", "n IN (1, 2.5, -3)", "i BETWEEN -1 AND 5", "n > 1::int",
			"x ~ '^a$'", "coalesce(v, x) IN ('p', lower('Q'))", "d > '2026-01-01'", "j @> '{\"a\": [1]}'", "a && ARRAY[1, 2]", "a = '{1,2}'", "a[1] = 3", "b", "NOT b", "b IS NOT TRUE", "x IS NULL", "v || x <> 'abc'", "v::char(2) IN ('a', 'b')",
			"(i, n) = (1, 2)", "CASE WHEN b THEN i ELSE 0 END > 1", "x COLLATE \"C\" < 'm'", "z > timestamptz '2026-01-01 00:00+00'", "v <> ALL (ARRAY['a'::varchar, x])", "v IN ('a')", "nullif(v, 'a') IN ('b', 'c')", "i::text IN ('1', '2')",
			"i % 2 = 1", "-i < 3", "lower(v) IN ('a', upper('b'))", "CAST(v AS varchar(3)) IN ('a', 'b')", "j ->> 'a' IN ('x', 'y')"}
		if depth == 0 {
			return rapid.SampledFrom(leaf).Draw(r, "leaf")
		}
		sub := condition(depth - 1)
		switch rapid.IntRange(0, 3).Draw(r, "form") {
		case 0:
			return "(" + sub.Draw(r, "left") + " AND " + sub.Draw(r, "right") + ")"
		case 1:
			return "(" + sub.Draw(r, "left") + " OR " + sub.Draw(r, "right") + ")"
		case 2:
			return "NOT (" + sub.Draw(r, "inner") + ")"
		}
		return rapid.SampledFrom(leaf).Draw(r, "leaf")
	})
}

// Precedence and casts, which only a normal form too coarse would lose.
func TestCustomisedPrecisely(t *testing.T) {
	s := start(t)
	for _, c := range [][2]string{
		{"SELECT (a OR b) AND c AS x FROM t", "SELECT a OR (b AND c) AS x FROM t"},
		{"SELECT i::text || 'x' AS x FROM t", "SELECT i::bigint::text || 'x' AS x FROM t"},
		{"SELECT (i + 1) * 2 AS x FROM t", "SELECT i + 1 * 2 AS x FROM t"},
	} {
		name := s.fresh(t)
		s.Psql(t, name, "CREATE TABLE t (a bool, b bool, c bool, i int); CREATE VIEW v AS "+c[0])
		before := databasetest.Objects(t, s.open(name))
		s.Psql(t, name, "DROP VIEW v; CREATE VIEW v AS "+c[1])
		if got := databasetest.Differs(t, s.open(name), before); len(got) != 1 {
			t.Errorf("%s and %s are the same", c[0], c[1])
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"x::text = ANY (ARRAY['a'::character varying, 'b'::character varying]::text[])": "x::text = ANY (ARRAY['a'::character varying::text, 'b'::character varying::text])",
		"ARRAY['a]'::character varying, lower(x, y), (a || b), c || d]::text[]":         "ARRAY['a]'::character varying::text, lower(x, y)::text, (a || b)::text, (c || d)::text]",
		"ARRAY[1, 2]":                                "ARRAY[1, 2]",
		"'ARRAY[1]::text[]'":                         "'ARRAY[1]::text[]'",
		"$f$ ARRAY[1]::text[] $f$":                   "$f$ ARRAY[1]::text[] $f$",
		"ARRAY[ARRAY[x]::text[], y]":                 "ARRAY[ARRAY[x::text], y]",
		"ARRAY[1, 2":                                 "ARRAY[1, 2",
		"MY_ARRAY[1]::text[]":                        "MY_ARRAY[1]::text[]",
		"ARRAY['a'::bpchar]::character varying(3)[]": "ARRAY['a'::bpchar::character varying(3)]",
		"(ARRAY[1, 2])[1]":                           "(ARRAY[1, 2])[1]",
	} {
		if got := canonical(in); got != want {
			t.Errorf("canonical(%s) = %s, want %s", in, got, want)
		}
		if got := canonical(want); got != want {
			t.Errorf("canonical(%s) = %s, it is canonical already", want, got)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add("x = ANY (ARRAY['a'::character varying]::text[])")
	f.Add("ARRAY[ARRAY[$$ ]")
	f.Fuzz(func(t *testing.T, text string) {
		got := canonical(text)
		if strings.Count(got, "'") < strings.Count(text, "'") {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// A server that hides its catalogs from the account is an error, never a schema
// with less in it.
func TestObjectsWithoutRights(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, name, standard+"REVOKE SELECT ON pg_catalog.pg_proc FROM PUBLIC")
	if got, err := open(s.as(name, "shop")).Objects(t.Context()); !errors.Is(err, database.ErrPermission) {
		t.Errorf("%d objects and %v from a catalog that may not be read", len(got.Objects), err)
	}
}
