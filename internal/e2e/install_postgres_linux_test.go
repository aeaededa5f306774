package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/lab"
)

// ledger is a product of a tree and a database on a server.
const ledger = `
product: {id: ledger, versions: dotted}
params:
  root: {title: Folder, ask: install, type: path}
  database: {title: Database, ask: install, type: secret}
components:
  app: {kind: tree, at: "${param.root}/app", version: {file: "${param.root}/app/VERSION"}}
  books: {kind: postgres, at: "${param.database}", version: {sql: "SELECT version FROM meta"}}
---
release: {product: ledger, version: "1.0"}
payloads: {app: app.tar.zst}
versions: {app: "1.0", books: "WANT"}
procedure:
  migrate: [{migrate: books, scripts: migrations, when: {mode: install}}]
`

// A first install on a database server asks for an empty database that can be
// reached, and leaves it empty again when it fails.
func TestInstallOnPostgres_S0_3(t *testing.T) {
	lab.Slow(t)
	pg, bin, dir := lab.Postgres(t), lab.Build(t), lab.Dir(t)
	pg.CreateDB("books")
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	build := func(name, want string) string {
		t.Helper()
		write(name+"/upkeep.yaml", strings.Replace(ledger, "WANT", want, 1), 0o644)
		write(name+"/components/app/VERSION", "1.0\n", 0o644)
		write(name+"/migrations/1.sql", "CREATE TABLE meta (version text); INSERT INTO meta VALUES ('1'); CREATE TABLE entries (id serial PRIMARY KEY, text text);", 0o644)
		to := filepath.Join(dir, name+".tar.zst")
		if out, err := exec.Command(bin, "vendor", "build", filepath.Join(dir, name), "-o", to).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return to
	}
	good, bad := build("good", "1"), build("bad", "2")
	secret := write("dsn", pg.DSN("books")+"\n", 0o600)
	wrong := write("wrong", pg.DSN("nowhere")+"\n", 0o600)
	upkeep := func(code int, args ...string) string {
		t.Helper()
		cmd := exec.Command(bin, append(args, "--installation", filepath.Join(dir, "ledger.yaml"))...)
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != code {
			t.Fatalf("want exit code %d, got %d of %v\n%s", code, cmd.ProcessState.ExitCode(), args, out)
		}
		return flat(string(out))
	}
	install := func(from, dsn string) []string {
		return []string{"install", "--yes", "--from", from, "--state", filepath.Join(dir, "state"), "--set", "root=" + filepath.Join(dir, "ledger"), "--set", "database=file:" + dsn}
	}
	tables := "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"

	wants(t, upkeep(2, install(good, wrong)...), `database \(secret\): Database; books: looked for its database`)
	out := upkeep(6, install(bad, secret)...)
	wants(t, out, `make a restore point of the empty database \(books\).*ledger is not installed: all that was made is taken away again`)
	if got := strings.TrimSpace(pg.Psql("books", tables)); got != "0" {
		t.Errorf("%s things are left in the database\n%s", got, out)
	}
	if _, err := os.Lstat(filepath.Join(dir, "ledger")); err == nil {
		t.Errorf("the folder is left\n%s", out)
	}
	wants(t, upkeep(0, install(good, secret)...), `✓ ledger is on 1\.0, verified`)
	if strings.Contains(upkeep(0, "runs", "log"), pg.Password) {
		t.Error("the password is in the log")
	}
	if got := strings.TrimSpace(pg.Psql("books", "SELECT version FROM meta")); got != "1" {
		t.Errorf("the schema is %q", got)
	}
	upkeep(0, "remove", "--yes")
	wants(t, upkeep(3, install(good, secret)...), `app: .*/app is not empty \(VERSION, …\).*books: the database books has [0-9]+ tables already`)
}
