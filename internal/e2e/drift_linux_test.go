package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/manage"
)

// archives is a product whose database the site may customise.
const archives = `
product: {id: archives, versions: dotted}
params:
  root: {title: Folder, ask: install, type: path}
  database: {title: Database, ask: install, type: secret}
components:
  app: {kind: tree, at: "${param.root}/app", version: {file: "${param.root}/app/VERSION"}, keep: [data]}
  books: {kind: KIND, at: "${param.database}", version: {sql: "SELECT version FROM meta"}, standard: {except: ["*log_*"]}}
---
release: {product: archives, version: "NUMBER"}
routes: [{from: ">= 1.0"}]
payloads: {app: app.tar.zst}
versions: {app: "NUMBER", books: "NUMBER"}
procedure:
  migrate: [{migrate: books, scripts: migrations}]
`

// archivesSite is a folder with the product's sources and an installation of it.
type archivesSite struct {
	t         *testing.T
	bin, dir  string
	kind      string
	migration map[string]string // by version
}

func (a *archivesSite) write(name, text string, mode os.FileMode) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// bundle builds a release under a name, with what lies in its source already.
func (a *archivesSite) bundle(version, name string) string {
	a.t.Helper()
	return a.built(version, name, func(text string) string { return text })
}

// built is bundle with a change to the documents.
func (a *archivesSite) built(version, name string, change func(string) string) string {
	a.t.Helper()
	a.write(version+"/upkeep.yaml", change(strings.NewReplacer("NUMBER", version, "KIND", a.kind).Replace(archives)), 0o644)
	a.write(version+"/components/app/VERSION", version+"\n", 0o644)
	a.write(version+"/components/app/page.html", "<h1>page</h1>\n", 0o644)
	a.write(version+"/components/app/lib.php", "<?php\n", 0o644)
	a.write(version+"/migrations/"+version+".sql", a.migration[version], 0o644)
	to := filepath.Join(a.dir, name)
	a.run(0, "vendor", "build", filepath.Join(a.dir, version), "-o", to)
	return to
}

func (a *archivesSite) run(code int, args ...string) string {
	a.t.Helper()
	cmd := exec.Command(a.bin, args...)
	cmd.Env = append(os.Environ(), "HOME="+a.dir)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != code {
		a.t.Fatalf("want exit code %d, got %d of %v\n%s", code, cmd.ProcessState.ExitCode(), args, out)
	}
	return string(out)
}

func (a *archivesSite) upkeep(code int, args ...string) string {
	a.t.Helper()
	return a.run(code, append(args, "--installation", filepath.Join(a.dir, "archives.yaml"))...)
}

func (a *archivesSite) install(from, dsn string) {
	a.t.Helper()
	secret := a.write("dsn", dsn+"\n", 0o600)
	a.upkeep(0, "install", "--yes", "--from", from, "--state", filepath.Join(a.dir, "state"), "--set", "root="+filepath.Join(a.dir, "archives"), "--set", "database=file:"+secret)
}

// What the site has changed is found: files, objects of the database, versions;
// against what Upkeep left, and against what the vendor ships.
func TestDrift(t *testing.T) {
	lab.Slow(t)
	pg := lab.Postgres(t)
	pg.CreateDB("books")
	a := &archivesSite{t: t, bin: lab.Build(t), dir: lab.Dir(t), kind: "postgres", migration: map[string]string{
		"1.0": `CREATE TABLE meta (version text); INSERT INTO meta VALUES ('1.0');
CREATE TABLE entries (id serial PRIMARY KEY, text text, state varchar(10) DEFAULT 'new' CHECK (state IN ('new', 'old')));
CREATE VIEW fresh AS SELECT id, text FROM entries WHERE state IN ('new', 'old');
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM entries';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON entries FOR EACH ROW EXECUTE FUNCTION touch();`,
		"2.0": "ALTER TABLE entries ADD COLUMN more int;\nUPDATE meta SET version = '2.0';"}}
	first := a.bundle("1.0", "first.tar.zst")
	a.install(first, pg.DSN("books"))
	wants(t, flat(a.upkeep(0, "drift")), `Drift archives release 1\.0 Versions ✓ as Upkeep left them Files ✓ app, .*: as the release shipped it Database objects ✓ books: no difference, compared with what run .* left on .*, on version 1\.0`)

	// the vendor's own standard is that of this fresh install
	wants(t, flat(a.upkeep(0, "vendor", "standard", "books", "-o", filepath.Join(a.dir, "1.0"))), `standard/books/postgres-\d+\.json \d+ objects of postgres`)
	again := a.bundle("1.0", "again.tar.zst")
	wants(t, flat(a.upkeep(0, "drift", "--from", again)), `books: no difference, compared with the standard of release 1\.0`)
	if err := os.MkdirAll(filepath.Join(a.dir, "2.0/from/1.0"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(a.dir, "2.0/from/1.0/standard"), os.DirFS(filepath.Join(a.dir, "1.0/standard"))); err != nil {
		t.Fatal(err)
	}
	second := a.bundle("2.0", "second.tar.zst")
	a.upkeep(0, "check", "--from", second)

	pg.Psql("books", `CREATE OR REPLACE VIEW fresh AS SELECT id, text FROM entries WHERE state IN ('new', 'ours');
		ALTER TABLE entries ADD COLUMN api_key text DEFAULT 'hunter2'; ALTER TABLE entries DISABLE TRIGGER touch; CREATE TABLE log_1 (x int); DROP FUNCTION total();
		CREATE FUNCTION notify() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN RETURN dblink('postgres://me:hunter2@far/db', 'SELECT 1'); END $f$`)
	a.write("archives/app/page.html", "<h1>ours</h1>\n", 0o644)
	a.write("archives/app/ours.html", "ours\n", 0o644)
	a.write("archives/app/data/upload", "kept\n", 0o644)
	if err := os.Remove(filepath.Join(a.dir, "archives/app/lib.php")); err != nil {
		t.Fatal(err)
	}
	for _, from := range [][]string{nil, {"--from", again}, {"--from", second}} {
		out := a.upkeep(4, append([]string{"drift"}, from...)...)
		wants(t, out, `(?m)^  ! app, .*: 3 files differ from what the release shipped\n    missing  lib\.php\n    added    ours\.html\n    edited   page\.html\n`)
		wants(t, out, `\n    page\.html\n +- <h1>page</h1>\n +\+ <h1>ours</h1>\n`)
		against := "the standard of release"
		if from == nil {
			against = "what run"
		}
		wants(t, flat(out), `! books: 5 objects differ, compared with `+against)
		for _, want := range []string{
			`function notify\(\)|public\.notify\(\)  added\n`, `function public\.total\(\)  missing\n`, `trigger touch on public\.entries  changed\n(.*\n)*? +\+   DISABLED\n`,
			`table public\.entries  changed\n(.*\n)*? +\+   column api_key text DEFAULT •••::text\n`, `view public\.fresh  changed\n(.*\n)*? +- .*'old'.*\n +\+ .*'ours'`} {
			wants(t, out, want)
		}
		if strings.Contains(out, "hunter2") || strings.Contains(out, "log_1") || strings.Contains(out, "upload") {
			t.Errorf("a secret is shown, or what the product makes itself:\n%s", out)
		}
	}
	var got manage.Drift
	if err := json.Unmarshal([]byte(a.upkeep(4, "drift", "--format", "json")), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Databases) != 1 || len(got.Databases[0].Differences) != 5 || len(got.Trees) != 1 || len(got.Trees[0].Files) != 3 || !got.Databases[0].Recorded {
		t.Errorf("as JSON: %+v", got)
	}
	page := a.upkeep(4, "drift", "--format", "html")
	wants(t, page, `Not as the vendor made it: 3 files, 5 database objects\..*<tr class="gone"><td>-</td><td>.*&#39;old&#39;`)
	if strings.Contains(page, "hunter2") || strings.Contains(page, "<script") || strings.Contains(page, "http://") || strings.Contains(page, "https://") {
		t.Errorf("the page shows a secret, or needs something beside it:\n%s", page)
	}
	wants(t, flat(a.upkeep(4, "check", "--from", second)), `drift: the database books is not as the standard of release 1\.0 has it: .* changed.* and 2 more`)

	// the next run leaves what is there then
	a.upkeep(0, "upgrade", "--yes", "--from", second, "--to", "2.0")
	wants(t, flat(a.upkeep(4, "drift")), `2 files differ .* added ours\.html added page\.html\.upkeep-old .* ✓ books: no difference, compared with what run .*, on version 2\.0`)
	pg.Psql("books", "UPDATE meta SET version = '3.0'")
	wants(t, flat(a.upkeep(4, "drift")), `Versions ! books was 2\.0 when Upkeep left it, and is 3\.0 now`)
	pg.Psql("books", "UPDATE meta SET version = '2.0'")
	if err := os.RemoveAll(filepath.Join(a.dir, "state/standards")); err != nil {
		t.Fatal(err)
	}
	wants(t, flat(a.upkeep(4, "drift")), `\? books: not known: there is nothing to compare it with`)

	// a document that is none is refused when the bundle is built
	a.write("1.0/standard/books/postgres-9.json", `{"kind": "postgres", "server": "15", "objects": []}`, 0o644)
	wants(t, a.run(1, "vendor", "build", filepath.Join(a.dir, "1.0"), "-o", filepath.Join(a.dir, "bad.tar.zst")), `postgres-9\.json: it is of postgres 15: call it postgres-15\.json`)
}

// An account from which MariaDB hides something is told which right is missing:
// what is hidden is never taken for no difference.
func TestDriftWithoutRights(t *testing.T) {
	lab.Slow(t)
	m := lab.MariaDBServer(t)
	m.SQL("", "CREATE DATABASE books; CREATE USER books@'%' IDENTIFIED BY 'pw'; GRANT ALL ON books.* TO books@'%'")
	a := &archivesSite{t: t, bin: lab.Build(t), dir: lab.Dir(t), kind: "mariadb", migration: map[string]string{
		"1.0": "CREATE TABLE meta (version VARCHAR(9)); INSERT INTO meta VALUES ('1.0'); CREATE PROCEDURE total() SELECT 1;"}}
	a.install(a.bundle("1.0", "first.tar.zst"), fmt.Sprintf("mariadb://books:pw@127.0.0.1:%d/books", m.Port))
	wants(t, flat(a.upkeep(0, "drift")), `books: no difference`)
	m.SQL("", "REVOKE EVENT ON books.* FROM books@'%'")
	m.SQL("books", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM meta")
	wants(t, flat(a.upkeep(4, "drift")), "\\? books: not known: .*account books@% lacks EVENT on database books: GRANT EVENT ON `books`\\.\\* TO 'books'@'%'")
	m.SQL("", "GRANT EVENT ON books.* TO books@'%'")
	wants(t, flat(a.upkeep(4, "drift")), `event e added`)
	m.SQL("books", "DROP EVENT e; CREATE DEFINER=root@localhost PROCEDURE hidden() SELECT 2")
	wants(t, flat(a.upkeep(4, "drift")), `\? books: not known: .*the body of procedure hidden is hidden from this account.*GRANT SELECT ON mysql\.\*`)
}

// A release that has no standard for the site's server brings the script of a
// fresh install: the standard is made from it there, on request, and holds until
// the script, the release or the server is another one.
func TestDriftBuilt(t *testing.T) {
	lab.Slow(t)
	m := lab.MariaDBServer(t)
	m.SQL("", "CREATE DATABASE books; CREATE USER books@'%' IDENTIFIED BY 'pw'; GRANT ALL ON books.* TO books@'%'")
	const schema = "CREATE TABLE meta (version VARCHAR(9));\nCREATE TABLE entries (id INT PRIMARY KEY, text VARCHAR(80));\nCREATE VIEW fresh AS SELECT id FROM entries;\nCREATE PROCEDURE total() SELECT count(*) FROM entries;\n"
	a := &archivesSite{t: t, bin: lab.Build(t), dir: lab.Dir(t), kind: "mariadb", migration: map[string]string{
		"1.0": schema + "INSERT INTO meta VALUES ('1.0');", "2.0": "CREATE TABLE more (x INT);\nUPDATE meta SET version = '2.0';"}}
	a.write("1.0/standard/books/schema.sql", schema, 0o644)
	first := a.bundle("1.0", "first.tar.zst")
	a.install(first, fmt.Sprintf("mariadb://books:pw@127.0.0.1:%d/books", m.Port))
	m.SQL("books", "ALTER TABLE entries ADD COLUMN ours INT; CREATE OR REPLACE VIEW fresh AS SELECT id, ours FROM entries")
	if err := os.RemoveAll(filepath.Join(a.dir, "state/standards")); err != nil {
		t.Fatal(err)
	}
	wants(t, flat(a.upkeep(4, "drift")), `\? books: not known: .*release 1\.0 brings a script of its objects: upkeep drift --build makes the standard from it`)
	wants(t, flat(a.upkeep(3, "drift", "--build")), "no standard is built.*books: .*no scratch database can be made.*GRANT ALL PRIVILEGES ON `upkeep\\\\_scratch\\\\_%`")
	m.SQL("", "GRANT ALL ON `upkeep\\_scratch\\_%`.* TO books@'%'")
	out := a.upkeep(4, "drift", "--build")
	wants(t, flat(out), `! books: 2 objects differ, compared with the standard of release 1\.0, built from its script on this server on `)
	wants(t, out, `table entries  changed\n(.*\n)*? +\+   .*ours`)
	if got := m.SQL("", "SELECT group_concat(schema_name) FROM information_schema.schemata WHERE schema_name LIKE 'upkeep%'"); strings.TrimSpace(got) != "NULL" {
		t.Errorf("left: %s", got)
	}
	// kept, and used by itself from then on
	wants(t, flat(a.upkeep(4, "drift")), `2 objects differ, compared with the standard of release 1\.0, built from its script`)
	m.SQL("books", "CREATE OR REPLACE VIEW fresh AS SELECT id FROM entries; ALTER TABLE entries DROP COLUMN ours")
	wants(t, flat(a.upkeep(0, "drift")), `books: no difference, compared with the standard of release 1\.0, built from its script`)
	// another release is another standard
	m.SQL("", "GRANT SET USER ON *.* TO books@'%'")
	a.write("2.0/standard/books/schema.sql", schema+"CREATE TABLE more (x INT);\nCREATE TABLE most (x INT);\n", 0o644)
	a.upkeep(0, "upgrade", "--yes", "--from", a.bundle("2.0", "second.tar.zst"))
	wants(t, flat(a.upkeep(0, "drift")), `books: no difference, compared with what run .*drift --build makes`)
	wants(t, flat(a.upkeep(4, "drift", "--build")), `1 object differs, compared with the standard of release 2\.0, built from its script.*table most missing`)
	// a script that is none is refused when the bundle is built
	a.write("1.0/standard/books/schema.sql", "-- upkeep: some words\n"+schema, 0o644)
	wants(t, a.run(1, "vendor", "build", filepath.Join(a.dir, "1.0"), "-o", filepath.Join(a.dir, "bad.tar.zst")), `schema\.sql, line 1: .*is not understood`)
}
