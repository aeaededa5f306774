package restic

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/database/mariadb"
	"upkeep/internal/database/postgres"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// TestProvenServers: a dump of a real server is restored out of the repository into
// a scratch database and compared before it counts; one that is not what its
// report says is no restore point; and what was proven brings the content back.
func TestProvenServers(t *testing.T) {
	lab.Slow(t)
	for kind, start := range map[string]func() (database.Database, func(sql string) string, string){
		"postgres": func() (database.Database, func(sql string) string, string) {
			pg := lab.Postgres(t)
			pg.CreateDB("shop")
			db := postgres.New(postgres.Config{Address: func() (string, error) { return pg.DSN("shop"), nil }, OpID: "run/backup/do"})
			return db, func(sql string) string { return pg.Psql("shop", sql) }, "SELECT count(*) FROM pg_database WHERE datname LIKE 'upkeep_scratch_%'"
		},
		"mariadb": func() (database.Database, func(sql string) string, string) {
			m := lab.MariaDBServer(t)
			m.SQL("", "CREATE DATABASE shop")
			db := mariadb.New(mariadb.Config{Address: func() (string, error) { return m.DSN("shop"), nil }, OpID: "run/backup/do"})
			return db, func(sql string) string { return m.SQL("shop", sql) }, "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'upkeep_scratch_%'"
		},
	} {
		t.Run(kind, func(t *testing.T) {
			db, sql, scratches := start()
			sql("CREATE TABLE goods (id int PRIMARY KEY, name varchar(200)); CREATE VIEW names AS SELECT name FROM goods; INSERT INTO goods VALUES (1, 'one'), (2, 'two')")
			before, err := db.Fingerprint(t.Context())
			check(t, err)
			e := cheap(t, t.TempDir(), durable.OS())
			r := backup.Request{ID: "p", Databases: []backup.DatabasePart{{Name: "shop", DB: boastful{db}, Prove: true}}}
			if _, err := e.Finish(t.Context(), r); !errors.Is(err, backup.ErrNotProven) || !strings.Contains(err.Error(), "goods") {
				t.Errorf("a dump that lacks rows: %v", err)
			}
			if list, err := e.List(t.Context()); err != nil || len(list) > 0 {
				t.Errorf("it counts as a restore point: %v, %v", list, err)
			}
			r.Databases[0].DB = db
			check(t, e.Prepare(t.Context(), r))
			p, err := e.Finish(t.Context(), r)
			check(t, err)
			if part, err := p.Part("shop"); err != nil || part.Proof == nil || part.Proof.By != backup.ByRestoring || part.Dump.Consistency.By == "" {
				t.Errorf("part %+v, %v", part, err)
			}
			check(t, e.Verify(t.Context(), "p"))
			sql("DROP VIEW names; DROP TABLE goods; CREATE TABLE newer (x int)")
			check(t, e.RestoreDatabase(t.Context(), "p", "shop", db))
			now, err := db.Fingerprint(t.Context())
			check(t, err)
			if list := database.Compare(before, now); len(list) > 0 {
				t.Errorf("put back, and not what was there: %s", database.Summary(list))
			}
			if n := strings.TrimSpace(sql(scratches)); n != "0" {
				t.Errorf("%s scratch databases are left", n)
			}
		})
	}
}

// boastful reports rows that the dump has not.
type boastful struct{ database.Database }

func (b boastful) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	r, err := b.Database.Dump(ctx, w)
	for name, rows := range r.Fingerprint.Tables {
		if strings.HasSuffix(name, "goods") {
			rows.Count += 7
			r.Fingerprint.Tables[name] = rows
		}
	}
	return r, err
}
