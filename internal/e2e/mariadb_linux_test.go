package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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

// papersSite is the product with its server.
type papersSite struct {
	t        *testing.T
	server   *lab.TestMariaDB
	bin, dir string
}

func newPapers(t *testing.T) *papersSite {
	p := &papersSite{t: t, server: lab.MariaDBServer(t), bin: lab.Build(t), dir: lab.Dir(t)}
	p.server.SQL("", "CREATE DATABASE papers; CREATE USER papers@'%' IDENTIFIED BY 'pw-papers'; GRANT ALL ON papers.* TO papers@'%'")
	p.write("my.cnf", fmt.Sprintf("[client]\nsocket=%s\nuser=papers\npassword=pw-papers\n", p.server.Socket), 0o600)
	secret := p.write("dsn", fmt.Sprintf("mariadb://papers:pw-papers@127.0.0.1:%d/papers\n", p.server.Port), 0o600)
	wants(t, p.upkeep(0, "install", "--yes", "--from", p.build("1.0", papersScripts, papersFirst), "--state", filepath.Join(p.dir, "state"),
		"--set", "root="+filepath.Join(p.dir, "papers"), "--set", "database=file:"+secret), `✓ papers is on 1\.0, verified`)
	return p
}

func (p *papersSite) write(name, text string, mode os.FileMode) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// build makes the bundle of a version that is migrated like that.
func (p *papersSite) build(version, migrate string, scripts ...string) string {
	p.t.Helper()
	checks := ""
	if version != "1.0" {
		checks = "checks: [{id: idle, probe: {sql: \"SELECT count(*) FROM papers WHERE title LIKE 'run%'\", expect: 0}}]\n"
	}
	p.write(version+"/upkeep.yaml", strings.NewReplacer("CHECKS", checks, "\"VERSION\"", `"`+version+`"`, "MIGRATE", migrate).Replace(papers), 0o644)
	p.write(version+"/components/app/VERSION", version+"\n", 0o644)
	for i, s := range scripts {
		p.write(fmt.Sprintf("%s/migrations/%s-%d.sql", version, version, i+1), s, 0o644)
	}
	to := filepath.Join(p.dir, version+".tar.zst")
	if out, err := exec.Command(p.bin, "vendor", "build", filepath.Join(p.dir, version), "-o", to).CombinedOutput(); err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	return to
}

func (p *papersSite) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.bin, append(args, "--installation", filepath.Join(p.dir, "papers.yaml"))...)
	cmd.Env = append(os.Environ(), "HOME="+p.dir)
	return cmd
}

func (p *papersSite) upkeep(code int, args ...string) string {
	p.t.Helper()
	cmd := p.command(args...)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != code {
		p.t.Fatalf("want exit code %d, got %d of %v\n%s", code, cmd.ProcessState.ExitCode(), args, out)
	}
	return flat(string(out))
}

// all is the content in the words of MariaDB's own program, and the numbers
// that it shortens.
func (p *papersSite) all() string {
	p.t.Helper()
	cmd := exec.Command("mariadb-dump", "--no-defaults", "--socket="+p.server.Socket, "--user="+p.server.User, "--routines", "--events", "--triggers", "--skip-dump-date", "--order-by-primary", "papers")
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+p.server.Password)
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	return string(out) + p.server.SQL("papers", "SELECT id, weight + 0e0 FROM authors ORDER BY id")
}

// wild is a migration by a command that destroys much and then fails.
func (p *papersSite) wild() string {
	return fmt.Sprintf("{migrate: data, run: [mariadb, %q, papers, -e, %q], as: root}", "--defaults-file="+filepath.Join(p.dir, "my.cnf"),
		"DROP PROCEDURE titles; DROP TRIGGER tidy; DROP VIEW signed; ALTER TABLE papers DROP FOREIGN KEY written_by; DELETE FROM authors; INSERT INTO authors (name) VALUES ('eve'); CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM authors; SELECT wrong")
}

const papersScripts = "{migrate: data, scripts: migrations}"

// A product on MariaDB goes forward, and whatever its migration has done when
// it fails is taken back exactly: by scripts, and by a command of its own.
func TestMariaDB(t *testing.T) {
	lab.Slow(t)
	lab.Root(t) // a migration runs as root
	p := newPapers(t)
	m := p.server
	second := p.build("2.0", papersScripts, "ALTER TABLE authors ADD COLUMN born INT;\nUPDATE authors SET born = 1815 WHERE name = 'ada';\n",
		"UPDATE meta SET version = '2.0';\nINSERT INTO papers VALUES (3, 40, ' more ');\n")
	broken := p.build("3.0", papersScripts, "DROP VIEW signed;\nDROP TABLE papers;\nCREATE TABLE leaves (x INT);\n", "ALTER TABLE authors DROP COLUMN born;\nUPDATE nowhere SET x = 1;\n")
	m.SQL("papers", "INSERT INTO authors (id, name) VALUES (70, 'gone'); DELETE FROM authors WHERE id = 70")
	p.upkeep(0, "check", "--from", second)
	wants(t, p.upkeep(0, "upgrade", "--yes", "--from", second), `✓ papers is on 2\.0, verified`)
	if got := m.SQL("papers", "SELECT version, (SELECT born FROM authors WHERE id = 40), (SELECT title FROM papers WHERE id = 3), (SELECT name FROM signed LIMIT 1) FROM meta"); got != "2.0\t1815\tmore\tada" {
		t.Errorf("after the upgrade the data are %q", got)
	}
	before := p.all()
	wants(t, p.upkeep(6, "upgrade", "--yes", "--from", broken), `script 2 of 2 failed and left nothing behind.*nowhere.*papers is back on 2\.0, exactly as it was`)
	if after := p.all(); after != before {
		t.Errorf("the content differs after the scripts failed:\n%s\nwas\n%s", after, before)
	}
	wants(t, p.upkeep(6, "upgrade", "--yes", "--from", p.build("4.0", p.wild())), `papers is back on 2\.0, exactly as it was`)
	if after := p.all(); after != before {
		t.Errorf("the content differs after the command failed:\n%s\nwas\n%s", after, before)
	}
	wants(t, p.upkeep(0, "back", "--yes"), `papers is on 1\.0`)
	if got := m.SQL("papers", "SELECT version, (SELECT count(*) FROM papers), (SELECT max(weight + 0e0) FROM authors), (SELECT auto_increment FROM information_schema.tables WHERE table_schema = 'papers' AND table_name = 'authors') FROM meta"); got != "1.0\t2\t16777216\t71" {
		t.Errorf("after the return the data are %q", got)
	}
	for _, log := range []string{p.upkeep(0, "runs", "log"), p.upkeep(0, "runs", "list")} {
		if strings.Contains(log, "pw-papers") {
			t.Error("the password is in the log")
		}
	}
	m.SQL("", "REVOKE EVENT, ALTER ON papers.* FROM papers@'%'")
	wants(t, p.upkeep(3, "plan", "--from", second), `the database data could not be put back as it was: account papers@% lacks EVENT, ALTER on database papers: GRANT EVENT, ALTER ON .papers..\* TO`)
	wants(t, p.upkeep(0, "status"), `app 1\.0 data 1\.0`)
}

// The engine is killed while it puts the data back, before and after the
// instant at which they are exchanged: what goes on brings it to its end.
func TestMariaDBKilled(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	p := newPapers(t)
	m := p.server
	var views strings.Builder // they take a while to be made again
	for i := range 200 {
		fmt.Fprintf(&views, "CREATE DEFINER=papers@'%%' VIEW v%d AS SELECT name FROM authors WHERE id > %[1]d;\n", i)
	}
	m.SQL("papers", views.String()+"CREATE TABLE pages AS SELECT seq AS n, repeat(md5(seq), 20) AS text FROM seq_1_to_20000")
	before := p.all()
	wild := p.build("4.0", p.wild())
	for _, table := range []string{"_upkeep_new_3", "_upkeep_begun"} {
		var said bytes.Buffer
		cmd := p.command("upgrade", "--yes", "--from", wild)
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		seen := false
		for end := time.Now().Add(60 * time.Second); !seen && time.Now().Before(end); {
			seen = m.SQL("", "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'papers' AND table_name = '"+table+"'") == "1"
		}
		if !seen {
			_ = cmd.Wait()
			t.Fatalf("%s was not seen\n%s", table, said.String())
		}
		p.kill(cmd, &said)
		if table == "_upkeep_begun" && p.unfinished() == "0" {
			t.Error("the kill came too late to leave anything")
		}
		out := p.upkeep(6, "resume")
		wants(t, out, `papers is back on 1\.0, exactly as it was`)
		if after := p.all(); after != before {
			t.Errorf("killed at %s, the content differs:\n%.3000s", table, after)
		}
	}
}

// unfinished counts the lists of what a restore has still to do.
func (p *papersSite) unfinished() string {
	return p.server.SQL("", "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'papers' AND table_name = '_upkeep_begun'")
}

// kill ends the terminal and the engine that it watches.
func (p *papersSite) kill(cmd *exec.Cmd, said *bytes.Buffer) {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.dir, "state", "lock"))
	if err != nil {
		_ = cmd.Wait()
		p.t.Fatalf("%v\n%s", err, said.String())
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	exe, linkErr := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil || linkErr != nil || exe != p.bin {
		p.t.Fatalf("the engine has ended: %q, %v\n%s", exe, errors.Join(err, linkErr), said.String())
	}
	// the terminal first: it would start another engine
	if err := errors.Join(cmd.Process.Kill(), syscall.Kill(pid, syscall.SIGKILL)); err != nil {
		p.t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// A script that is marked no-transaction goes on at the statement at which the
// engine was killed; one that only the server's client understands goes to it;
// and what of the site's would break is found before.
func TestMariaDBStatements(t *testing.T) {
	lab.Slow(t)
	p := newPapers(t)
	m := p.server
	second := p.build("2.0", papersScripts,
		"-- upkeep: client native\nDELIMITER //\nCREATE PROCEDURE names() BEGIN SELECT name FROM authors; END //\nDELIMITER ;\nUPDATE authors SET weight = 10;\n",
		"-- upkeep: no-transaction\nALTER TABLE authors ADD COLUMN died INT;\nUPDATE authors SET weight = weight + 1 + sleep(3);\nALTER TABLE papers ADD COLUMN pages INT;\n",
		"UPDATE meta SET version = '2.0';\n")
	var said bytes.Buffer
	cmd := p.command("upgrade", "--yes", "--from", second)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := false
	for end := time.Now().Add(60 * time.Second); !seen && time.Now().Before(end); {
		seen = m.SQL("", "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE authors SET weight%sleep%'") == "1"
	}
	if !seen {
		_ = cmd.Wait()
		t.Fatalf("the statement was not seen\n%s", said.String())
	}
	p.kill(cmd, &said)
	wants(t, p.upkeep(0, "resume"), `papers is on 2\.0, verified`)
	if got := m.SQL("papers", "SELECT sum(weight), (SELECT count(*) FROM information_schema.columns WHERE table_schema = 'papers' AND column_name IN ('died', 'pages')), (SELECT count(*) FROM information_schema.routines WHERE routine_schema = 'papers') FROM authors"); got != "22\t2\t2" {
		t.Errorf("after the upgrade the data are %q", got)
	}
	wants(t, p.upkeep(0, "runs", "log"), `2\.0-2\.sql goes on at statement 2 of 3`)
	wants(t, p.upkeep(0, "migrations", "list"), `✓ migrations/2\.0-2\.sql applied .*, 3 statements in`)
	third := p.build("3.0", papersScripts, "ALTER TABLE authors DROP COLUMN died;\n", "DROP TABLE papers;\nUPDATE meta SET version = '3.0';\n")
	m.SQL("papers", "CREATE TABLE site_marks (paper INT, FOREIGN KEY (paper) REFERENCES papers (id)); CREATE DEFINER=papers@'%' VIEW site_dead AS SELECT died FROM authors")
	plan := p.upkeep(3, "plan", "--from", third)
	wants(t, plan, `migrations/3\.0-2\.sql, line 1, drops table papers, on which depends .*constraint site_marks_ibfk_1 on table site_marks.*drop it before the upgrade`)
	m.SQL("papers", "DROP TABLE site_marks")
	wants(t, p.upkeep(0, "plan", "--from", third), `drops column died of authors, on which depends view site_dead: the server lets it, and they are broken afterwards`)

	// who holds a lock is said while a script waits for it
	m.SQL("papers", "DROP VIEW site_dead; GRANT PROCESS ON *.* TO papers@'%'")
	go func() {
		_, _ = m.MariaDB.SQL(context.Background(), "papers", "START TRANSACTION; SELECT * FROM authors FOR UPDATE; SELECT sleep(25)")
	}()
	cmd = p.command("upgrade", "--yes", "--from", third)
	said.Reset()
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	held := regexp.MustCompile(`script 1 of 2.*1\.sql waits for a lock that is held by one of session \d+, account \w+, for \d+ s: SELECT sleep`)
	status, doing := "", ""
	for end := time.Now().Add(40 * time.Second); !held.MatchString(status) && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		out, _ := p.command("status").CombinedOutput()
		if status = flat(string(out)); strings.Contains(status, "waits for a lock") {
			doing = status
		}
	}
	if !held.MatchString(status) {
		t.Errorf("status says %s", doing)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said.String())
	}
	wants(t, p.upkeep(0, "runs", "log"), `waits for a lock that is held by one of session`)
	for _, log := range []string{p.upkeep(0, "runs", "log"), p.upkeep(0, "migrations", "list", "--format", "json")} {
		if strings.Contains(log, "pw-papers") {
			t.Error("the password is shown")
		}
	}
}
