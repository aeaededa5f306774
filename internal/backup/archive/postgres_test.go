package archive

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database/postgres"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// TestPostgres keeps a database of a real server in a restore point.
func TestPostgres(t *testing.T) {
	pg := lab.Postgres(t)
	pg.CreateDB("shop")
	pg.Psql("shop", "CREATE TABLE goods (id serial PRIMARY KEY, name text); INSERT INTO goods (name) SELECT 'thing ' || i FROM generate_series(1, 5000) i")
	db := postgres.New(postgres.Config{Address: func() (string, error) { return pg.DSN("shop"), nil }, OpID: "run/backup/do"})
	dir := t.TempDir()
	e := New(Config{Dir: dir, FS: durable.OS()})
	r := backup.Request{ID: "p", Databases: []backup.DatabasePart{{Name: "shop", DB: db}}}
	if err := e.Prepare(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	p, err := e.Finish(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	part, err := p.Part("shop")
	if _, globals := part.File(backup.Globals); err != nil || !globals || part.Dump.Fingerprint.Tables["public.goods"].Count != 5000 {
		t.Errorf("part %+v, %v", part, err)
	}
	if err := e.Verify(t.Context(), "p"); err != nil {
		t.Fatal(err)
	}
	pg.Psql("shop", "DROP TABLE goods; CREATE TABLE newer (x int)")
	path := filepath.Join(dir, "p", "shop.dump.zst")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte{}, whole...)
	bad[len(bad)*2/3] ^= 1
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.RestoreDatabase(t.Context(), "p", "shop", db); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("restored from a damaged dump: %v", err)
	}
	if got := pg.Psql("shop", "SELECT count(*) FROM newer"); got != "0" {
		t.Errorf("the damaged dump changed the database: %q", got)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.RestoreDatabase(t.Context(), "p", "shop", db); err != nil {
		t.Fatal(err)
	}
	if got := pg.Psql("shop", "SELECT count(*), max(name) FROM goods"); got != "5000|thing 999" {
		t.Errorf("restored %q", got)
	}
}
