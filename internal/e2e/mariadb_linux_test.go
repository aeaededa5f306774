package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/lab"
)

// papers is a product of a tree and a MariaDB database.
const papers = `
product: {id: papers, versions: dotted}
params:
  root: {title: Folder, ask: install, type: path}
  database: {title: Database, ask: install, type: secret}
components:
  app: {kind: tree, at: "${param.root}/app", version: {file: "${param.root}/app/VERSION"}}
  data: {kind: mariadb, at: "${param.database}", version: {sql: "SELECT version FROM meta"}}
---
release: {product: papers, version: "VERSION"}
routes: [{from: ">= 1.0"}]
payloads: {app: app.tar.zst}
CHECKSversions: {app: "VERSION", data: "VERSION"}
procedure:
  migrate: [MIGRATE]
`

const papersFirst = `CREATE TABLE meta (version VARCHAR(20));
INSERT INTO meta VALUES ('1.0');
CREATE TABLE authors (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, weight FLOAT) AUTO_INCREMENT = 40;
CREATE TABLE papers (id INT PRIMARY KEY, author INT, title TEXT, CONSTRAINT written_by FOREIGN KEY (author) REFERENCES authors (id));
CREATE VIEW signed AS SELECT p.title, a.name FROM papers p JOIN authors a ON a.id = p.author;
CREATE TRIGGER tidy BEFORE INSERT ON papers FOR EACH ROW BEGIN SET NEW.title = trim(NEW.title); END;
CREATE PROCEDURE titles() BEGIN SELECT title FROM papers; END;
INSERT INTO authors (name, weight) VALUES ('ada', 0.123456789), ('bob', 16777217);
INSERT INTO papers VALUES (1, 40, ' notes '), (2, 41, 'it''s ü');
`

// A product on MariaDB goes forward, and whatever its migration has done when
// it fails is taken back exactly: by scripts, and by a command of its own.
func TestMariaDB(t *testing.T) {
	lab.Slow(t)
	m, bin, dir := lab.MariaDBServer(t), lab.Build(t), lab.Dir(t)
	m.SQL("", "CREATE DATABASE papers; CREATE USER papers@'%' IDENTIFIED BY 'pw-papers'; GRANT ALL ON papers.* TO papers@'%'")
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
	build := func(version, migrate string, scripts ...string) string {
		t.Helper()
		checks := ""
		if version != "1.0" {
			checks = "checks: [{id: idle, probe: {sql: \"SELECT count(*) FROM papers WHERE title LIKE 'run%'\", expect: 0}}]\n"
		}
		write(version+"/upkeep.yaml", strings.NewReplacer("CHECKS", checks, "\"VERSION\"", `"`+version+`"`, "MIGRATE", migrate).Replace(papers), 0o644)
		write(version+"/components/app/VERSION", version+"\n", 0o644)
		for i, s := range scripts {
			write(fmt.Sprintf("%s/migrations/%s-%d.sql", version, version, i+1), s, 0o644)
		}
		to := filepath.Join(dir, version+".tar.zst")
		if out, err := exec.Command(bin, "vendor", "build", filepath.Join(dir, version), "-o", to).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return to
	}
	upkeep := func(code int, args ...string) string {
		t.Helper()
		cmd := exec.Command(bin, append(args, "--installation", filepath.Join(dir, "papers.yaml"))...)
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != code {
			t.Fatalf("want exit code %d, got %d of %v\n%s", code, cmd.ProcessState.ExitCode(), args, out)
		}
		return flat(string(out))
	}
	// all is the content in the words of MariaDB's own program, and the numbers
	// that it shortens.
	all := func() string {
		t.Helper()
		cmd := exec.Command("mariadb-dump", "--no-defaults", "--socket="+m.Socket, "--user="+m.User, "--routines", "--events", "--triggers", "--skip-dump-date", "--order-by-primary", "papers")
		cmd.Env = append(os.Environ(), "MYSQL_PWD="+m.Password)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out) + m.SQL("papers", "SELECT id, weight + 0e0 FROM authors ORDER BY id")
	}
	const scripts = "{migrate: data, scripts: migrations}"
	first := build("1.0", scripts, papersFirst)
	second := build("2.0", scripts, "ALTER TABLE authors ADD COLUMN born INT;\nUPDATE authors SET born = 1815 WHERE name = 'ada';\n",
		"UPDATE meta SET version = '2.0';\nINSERT INTO papers VALUES (3, 40, ' more ');\n")
	broken := build("3.0", scripts, "DROP VIEW signed;\nDROP TABLE papers;\nCREATE TABLE leaves (x INT);\n", "ALTER TABLE authors DROP COLUMN born;\nUPDATE nowhere SET x = 1;\n")
	wild := build("4.0", fmt.Sprintf("{migrate: data, run: [mariadb, %q, papers, -e, %q], as: root}", "--defaults-file="+filepath.Join(dir, "my.cnf"),
		"DROP PROCEDURE titles; DROP TRIGGER tidy; ALTER TABLE papers DROP FOREIGN KEY written_by; DELETE FROM authors; INSERT INTO authors (name) VALUES ('eve'); CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM authors; SELECT wrong"))
	write("my.cnf", fmt.Sprintf("[client]\nsocket=%s\nuser=papers\npassword=pw-papers\n", m.Socket), 0o600)
	secret := write("dsn", fmt.Sprintf("mariadb://papers:pw-papers@127.0.0.1:%d/papers\n", m.Port), 0o600)

	wants(t, upkeep(0, "install", "--yes", "--from", first, "--state", filepath.Join(dir, "state"), "--set", "root="+filepath.Join(dir, "papers"), "--set", "database=file:"+secret),
		`✓ papers is on 1\.0, verified`)
	m.SQL("papers", "INSERT INTO authors (id, name) VALUES (70, 'gone'); DELETE FROM authors WHERE id = 70")
	upkeep(0, "check", "--from", second)
	wants(t, upkeep(0, "upgrade", "--yes", "--from", second), `✓ papers is on 2\.0, verified`)
	if got := m.SQL("papers", "SELECT version, (SELECT born FROM authors WHERE id = 40), (SELECT title FROM papers WHERE id = 3), (SELECT name FROM signed LIMIT 1) FROM meta"); got != "2.0\t1815\tmore\tada" {
		t.Errorf("after the upgrade the data are %q", got)
	}
	before := all()
	out := upkeep(6, "upgrade", "--yes", "--from", broken)
	wants(t, out, `script 2 of 2 failed and left nothing behind.*nowhere.*papers is back on 2\.0, exactly as it was`)
	if after := all(); after != before {
		t.Errorf("the content differs after the scripts failed:\n%s\nwas\n%s", after, before)
	}
	wants(t, upkeep(6, "upgrade", "--yes", "--from", wild), `papers is back on 2\.0, exactly as it was`)
	if after := all(); after != before {
		t.Errorf("the content differs after the command failed:\n%s\nwas\n%s", after, before)
	}
	wants(t, upkeep(0, "back", "--yes"), `papers is on 1\.0`)
	if got := m.SQL("papers", "SELECT version, (SELECT count(*) FROM papers), (SELECT max(weight + 0e0) FROM authors), (SELECT auto_increment FROM information_schema.tables WHERE table_schema = 'papers' AND table_name = 'authors') FROM meta"); got != "1.0\t2\t16777216\t71" {
		t.Errorf("after the return the data are %q", got)
	}
	for _, log := range []string{upkeep(0, "runs", "log"), upkeep(0, "runs", "list")} {
		if strings.Contains(log, "pw-papers") {
			t.Error("the password is in the log")
		}
	}
}
