package restic

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database/postgres"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/lab"
)

// byHand gives the scripts of the page's chapter on restic: for files, and for a
// database of PostgreSQL.
func byHand(t *testing.T) (forFiles, forPostgres string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "reference", "restore-point.md"))
	check(t, err)
	_, chapter, ok := strings.Cut(string(page), "## In a restic repository")
	blocks := strings.Split(chapter, "```sh\n")
	if !ok || len(blocks) < 3 {
		t.Fatal("the page has no scripts for restic")
	}
	forFiles, _, _ = strings.Cut(blocks[1], "```")
	forPostgres, _, _ = strings.Cut(blocks[2], "```")
	return forFiles, forPostgres
}

// TestPlainTools restores what the page says, with restic, sha256sum and
// pg_restore alone.
func TestPlainTools(t *testing.T) {
	lab.Slow(t)
	lab.Root(t) // owners, capabilities and devices
	pg := lab.Postgres(t)
	pg.CreateDB("shop")
	pg.CreateDB("again")
	pg.Psql("shop", "CREATE TABLE goods (id serial PRIMARY KEY, name text); INSERT INTO goods (name) SELECT 'thing ' || i FROM generate_series(1, 5000) i")
	db := postgres.New(postgres.Config{Address: func() (string, error) { return pg.DSN("shop"), nil }, OpID: "run/backup/do"})
	dir := t.TempDir()
	e := cheap(t, dir, durable.OS())
	p := newProduct(t)
	r := p.request("p")
	r.Databases = []backup.DatabasePart{{Name: "database", DB: db}}
	check(t, e.Prepare(t.Context(), r))
	p.write("etc/app.conf", "changed")
	_, err := e.Finish(t.Context(), r)
	check(t, err)
	p.write("etc/app.conf", "CHANGED")
	_, err = e.Amend(t.Context(), r, "app")
	check(t, err)
	want := p.scan()
	bin := filepath.Join(t.TempDir(), "restic")
	check(t, os.Symlink(lab.Restic(t), bin))
	secret := filepath.Join(dir, "password")
	check(t, os.WriteFile(secret, []byte(password), 0o600))
	to := filepath.Join(t.TempDir(), "restored")
	forFiles, forPostgres := byHand(t)
	for _, script := range []string{forFiles, forPostgres} {
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(bin)+":"+os.Getenv("PATH"), "RESTIC_REPOSITORY="+e.Repository, "RESTIC_PASSWORD_FILE="+secret,
			"RESTIC_CACHE_DIR="+t.TempDir(), "POINT=p", "PART=app", "AT="+p.app, "TO="+to, "DATABASE="+pg.DSN("again"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	got, err := files.Scan(t.Context(), durable.OS(), to+"/files"+p.app, files.Options{Hash: true})
	check(t, err)
	if list := files.Compare(want, got, files.Ignore{}); len(list) > 0 {
		t.Errorf("restored by hand: %d differences: %v", len(list), list[:min(6, len(list))])
	}
	if got := pg.Psql("again", "SELECT count(*), max(name) FROM goods"); got != "5000|thing 999" {
		t.Errorf("restored %q", got)
	}
	if err := e.Verify(t.Context(), "p"); err != nil {
		t.Error(err)
	}
}
