package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/lab"
)

// A review on a real PostgreSQL: of the scripts for a customised view and a
// customised function one is approved, one edited, one marked as done; the result
// is as decided. One that fails in the run leaves everything exactly as it was.
func TestReviewPostgres(t *testing.T) {
	lab.Slow(t)
	pg := lab.Postgres(t)
	pg.CreateDB("books")
	a := &archivesSite{t: t, bin: lab.Build(t), dir: lab.Dir(t), kind: "postgres", migration: map[string]string{
		"1.0": `CREATE TABLE meta (version text); INSERT INTO meta VALUES ('1.0');
CREATE TABLE entries (id serial PRIMARY KEY, text text NOT NULL, price int NOT NULL DEFAULT 1);
CREATE VIEW fresh AS SELECT id, text FROM entries;
CREATE FUNCTION total(low int) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM entries WHERE price >= low';`}}
	// the vendor's standard, of a fresh install
	first := a.bundle("1.0", "first.tar.zst")
	a.install(first, pg.DSN("books"))
	a.upkeep(0, "vendor", "standard", "books", "-o", filepath.Join(a.dir, "1.0"))
	a.write("2.0/migrations/010.sql", "ALTER TABLE entries ADD COLUMN state text;\n", 0o644)
	a.write("2.0/migrations/020.sql", "-- the view shows it\nCREATE OR REPLACE VIEW Public.\"fresh\" AS\n  SELECT id, text, state FROM entries;\n", 0o644)
	a.write("2.0/migrations/030.sql", "DO $$ BEGIN\n  EXECUTE 'DROP FUNCTION total(int)';\nEND $$;\n", 0o644)
	a.migration["2.0"] = "UPDATE meta SET version = '2.0';\n"
	if err := os.CopyFS(filepath.Join(a.dir, "2.0/from/1.0/standard"), os.DirFS(filepath.Join(a.dir, "1.0/standard"))); err != nil {
		t.Fatal(err)
	}
	reviewed := strings.NewReplacer(`standard: {except: ["*log_*"]}}`, "review: {fact: customised}}\nfacts: {customised: {drift: books}}")
	second := a.built("2.0", "second.tar.zst", reviewed.Replace)

	// nothing customised: it goes by itself
	a.upkeep(0, "plan", "--from", second)
	pg.Psql("books", `CREATE OR REPLACE VIEW fresh AS SELECT id, text, NULL::text AS state, price * 2 AS ours FROM entries;
		CREATE OR REPLACE FUNCTION total(low int) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) + 100 FROM entries WHERE price >= low';
		CREATE VIEW totals AS SELECT total(0) AS n; INSERT INTO entries (text) VALUES ('one'), ('two')`)
	dump := func() string {
		return pg.Psql("books", "SELECT string_agg(v, chr(10) ORDER BY v) FROM (SELECT viewname || definition AS v FROM pg_views WHERE schemaname = 'public' UNION ALL SELECT proname || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace UNION ALL SELECT table_name || column_name || data_type FROM information_schema.columns WHERE table_schema = 'public' UNION ALL SELECT row(e.*)::text FROM entries e UNION ALL SELECT row(m.*)::text FROM meta m UNION ALL SELECT name || sha256 FROM upkeep_migrations) x")
	}
	before := dump()
	wants(t, flat(a.upkeep(3, "upgrade", "--yes", "--from", second)), `books is not migrated automatically: 3 objects differ from the standard of release 1\.0.*4 scripts are left of 4.*function public\.total\(.*\) changed view public\.fresh changed view public\.totals added`)
	wants(t, flat(a.upkeep(3, "review", "list", "--from", second)), `010\.sql to be decided ☞ migrations/020\.sql to be decided mentions view (public\.)?fresh ☞ migrations/030\.sql to be decided mentions function (public\.)?total\(.*\) ☞ migrations/2\.0\.sql to be decided`)
	wants(t, a.upkeep(0, "review", "show", "030.sql", "--from", second), `▸ +2    EXECUTE 'DROP FUNCTION total`)

	a.upkeep(0, "review", "approve", "010.sql", "--from", second)
	wrong := a.write("wrong.sql", "CREATE OR REPLACE VIEW fresh AS SELECT id, text, state, price * 2 AS ours FROM nowhere;\n", 0o644)
	a.upkeep(0, "review", "edit", "020.sql", "--file", wrong, "--from", second)
	a.upkeep(0, "review", "done", "030.sql", "--note", "our own total stays", "--from", second)
	a.upkeep(0, "review", "approve", "2.0.sql", "--from", second)
	wants(t, flat(a.upkeep(6, "upgrade", "--yes", "--from", second)), `nowhere`)
	if now := dump(); now != before {
		t.Errorf("not as it was:\n%s\n\n%s", before, now)
	}

	// what was decided is still there; only what was wrong is decided anew
	right := a.write("right.sql", "CREATE OR REPLACE VIEW fresh AS SELECT id, text, state, price * 2 AS ours FROM entries;\n", 0o644)
	a.upkeep(0, "review", "edit", "020.sql", "--file", right, "--note", "ours stays", "--from", second)
	a.upkeep(0, "upgrade", "--yes", "--from", second)
	if got := pg.Psql("books", "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = 'fresh'"); strings.TrimSpace(got) != "id,text,state,ours" {
		t.Errorf("the view has %s", got)
	}
	if got := strings.TrimSpace(pg.Psql("books", "SELECT n || ' ' || (SELECT version FROM meta) FROM totals")); got != "102 2.0" {
		t.Errorf("the function gives %s", got)
	}
	wants(t, flat(a.upkeep(0, "migrations", "list")), `020\.sql edited by the site \(sha256 .*, applied .* ours stays .*030\.sql done by hand, recorded as applied .* our own total stays`)
	a.upkeep(0, "migrations", "validate", "--from", second)
}
