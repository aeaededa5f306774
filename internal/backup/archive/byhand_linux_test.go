package archive

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/database/mariadb"
	"upkeep/internal/database/postgres"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// command is the one of the page that has a word in it.
func command(t *testing.T, word string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "reference", "restore-point.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, page2, _ := strings.Cut(string(page), "## By hand: databases")
	for _, block := range strings.Split(page2, "```sh\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		if strings.Contains(text, word) {
			return text
		}
	}
	t.Fatalf("the page has no command with %q", word)
	return ""
}

// byPage restores a database with the command of the page alone, from a plain
// restore point and from an encrypted one.
func byPage(t *testing.T, db database.Database, word string, empty func(), env []string, replace ...string) {
	t.Helper()
	want := databasetest.Fingerprint(t, db)
	for name, lock := range map[string]bool{"plain": false, "encrypted": true} {
		dir := t.TempDir()
		c := Config{Dir: dir, FS: durable.OS()}
		text := strings.NewReplacer(replace...).Replace(command(t, word))
		if lock {
			c.Encrypt = encryption(t)
			key, err := c.Encrypt.Identity()
			if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "key"), key, 0o600)); err != nil {
				t.Fatal(err)
			}
			// as the page says
			text = strings.ReplaceAll(text, "zstd -dc database.dump.zst", "age -d -i ../key database.dump.zst.age | zstd -dc")
		}
		if _, err := New(c).Finish(t.Context(), backup.Request{ID: "p", Databases: []backup.DatabasePart{{Name: "database", DB: db}}}); err != nil {
			t.Fatal(err)
		}
		empty()
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", text)
		cmd.Dir, cmd.Env = filepath.Join(dir, "p"), append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s\n%s", name, err, text, out)
		}
		databasetest.Same(t, name+", by hand", want, databasetest.Fingerprint(t, db))
	}
}

// TestPlainToolsPostgres: pg_restore.
func TestPlainToolsPostgres(t *testing.T) {
	pg := lab.Postgres(t)
	pg.CreateDB("shop")
	pg.Psql("shop", "CREATE TABLE goods (id serial PRIMARY KEY, name text); INSERT INTO goods (name) SELECT 'thing ' || i FROM generate_series(1, 500) i; CREATE VIEW v AS SELECT count(*) FROM goods")
	db := postgres.New(postgres.Config{Address: func() (string, error) { return pg.DSN("shop"), nil }, OpID: "run/backup/do"})
	empty := func() { pg.Psql("shop", "DROP TABLE goods CASCADE") }
	byPage(t, db, "pg_restore", empty, nil, "--dbname=NAME", "--dbname='"+pg.DSN("shop")+"'")
}

// TestPlainToolsMariaDB: the client mariadb.
func TestPlainToolsMariaDB(t *testing.T) {
	m := lab.MariaDBServer(t)
	m.SQL("", "CREATE DATABASE shop")
	m.SQL("shop", "CREATE TABLE goods (id int PRIMARY KEY AUTO_INCREMENT, name text, f float); INSERT INTO goods (name, f) VALUES ('one', 16777217), ('two', 0.123456789); CREATE VIEW v AS SELECT count(*) AS n FROM goods")
	db := mariadb.New(mariadb.Config{Address: func() (string, error) { return m.DSN("shop"), nil }, OpID: "run/backup/do"})
	empty := func() { m.SQL("", "DROP DATABASE shop; CREATE DATABASE shop") }
	byPage(t, db, "mariadb", empty, []string{"MYSQL_PWD=" + m.Password}, "NAME", "--socket="+m.Socket+" --user="+m.User+" shop")
}

// TestPlainToolsSQLite: the file, looked at by sqlite3.
func TestPlainToolsSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db := sqlite.New(sqlite.Config{Path: path, FS: durable.OS(), Temp: t.TempDir(), OpID: "x"})
	if err := databasetest.Apply(t.Context(), db, database.Script{Name: "t", SQL: "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)"}); err != nil {
		t.Fatal(err)
	}
	empty := func() {
		for _, end := range []string{"", "-wal", "-shm", "-journal"} {
			if err := os.RemoveAll(path + end); err != nil {
				t.Fatal(err)
			}
		}
	}
	byPage(t, db, "sqlite3", empty, nil, "app.db", path)
}
