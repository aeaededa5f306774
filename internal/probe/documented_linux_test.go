package probe

import (
	"context"
	"database/sql"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/database/postgres"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/document/yaml"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/plan"
)

// documented are the statements of a kind of database in the reference.
func documented(t *testing.T, kind string) []plan.Probe {
	t.Helper()
	text, err := os.ReadFile("../../docs/reference/probes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```yaml\n# "+kind+"\n")
	block, _, end := strings.Cut(block, "```")
	if !ok || !end {
		t.Fatalf("the reference has no statements for %s", kind)
	}
	nodes, err := yaml.Parse("probes.md", []byte(block))
	if err != nil || len(nodes) != 1 {
		t.Fatal(err)
	}
	var all []plan.Probe
	for _, n := range nodes[0].Items {
		all = append(all, plan.Probe{Source: "sql", Args: []string{n.Get("sql").Value}, Expect: []string{n.Get("expect").Value}, DB: &plan.Database{Component: "db", Kind: kind}})
	}
	return all
}

// judge checks each statement: those whose text has one of the parts do not hold.
func judge(t *testing.T, e *Evaluator, all []plan.Probe, when string, fail ...string) {
	t.Helper()
	for _, p := range all {
		want := true
		for _, part := range fail {
			want = want && !strings.Contains(p.Args[0], part)
		}
		v, err := e.Check(t.Context(), p)
		if err != nil || v.OK != want {
			t.Errorf("%s: %s: %+v, %v; want %v", when, p.Args[0], v, err, want)
		}
	}
}

func TestDocumentedPostgres(t *testing.T) {
	lab.Slow(t)
	pg := lab.Postgres(t)
	pg.CreateDB("shop")
	do := func(sql string) {
		t.Helper()
		if _, err := pg.PG.Psql(t.Context(), "shop", sql); err != nil {
			t.Fatal(err)
		}
	}
	do(`CREATE ROLE app LOGIN PASSWORD 'pw'; ALTER DATABASE shop OWNER TO app; GRANT CREATE ON SCHEMA public TO app;
		CREATE TABLE jobs (state text); ALTER TABLE jobs OWNER TO app`)
	dsn := strings.Replace(pg.DSN("shop"), pg.User+":"+pg.Password+"@", "app:pw@", 1)
	e := New(Deps{Database: func(_ context.Context, _ plan.Database, opID string) (database.Database, error) {
		return postgres.New(postgres.Config{Address: func() (string, error) { return dsn, nil }, OpID: opID}), nil
	}})
	all := documented(t, "postgres")
	if len(all) < 13 {
		t.Fatalf("%d statements", len(all))
	}
	for i := range all { // no test waits five minutes
		all[i].Args[0] = strings.Replace(all[i].Args[0], "5 minutes", "0 seconds", 1)
	}
	judge(t, e, all, "all is well", "pg_stat_replication")
	do(`INSERT INTO jobs VALUES ('running'); CREATE TABLE others (x int); REVOKE CREATE ON SCHEMA public FROM app, public; ALTER SCHEMA public OWNER TO ` + pg.User)
	judge(t, e, all, "a job runs, rights are missing", "pg_stat_replication", "FROM jobs", "relowner", "has_schema_privilege")

	const long = "pg_stat_activity"
	only := func() (out []plan.Probe) {
		for _, p := range all {
			if strings.Contains(p.Args[0], long) {
				out = append(out, p)
			}
		}
		return out
	}
	open := func(account string) func() {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		from := pg.DSN("shop")
		if account == "app" {
			from = dsn
		}
		go func() {
			defer close(done)
			db := postgres.New(postgres.Config{Address: func() (string, error) { return from, nil }, OpID: "long"})
			_, _ = db.Query(ctx, "SELECT pg_sleep(60)")
		}()
		waitFor(t, func() bool {
			out, err := pg.PG.Psql(t.Context(), "shop", "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()")
			return err == nil && strings.TrimSpace(out) == "1"
		})
		time.Sleep(10 * time.Millisecond) // its transaction is older than ours
		return func() {
			cancel()
			<-done
			waitFor(t, func() bool {
				out, err := pg.PG.Psql(t.Context(), "shop", "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND pid <> pg_backend_pid()")
				return err == nil && strings.TrimSpace(out) == "0"
			})
		}
	}
	end := open("app")
	judge(t, e, only(), "a transaction of the account's own is open", long)
	end()
	waitFor(t, func() bool { // who has just counted may still be leaving
		return !slices.ContainsFunc(only(), func(p plan.Probe) bool {
			v, err := e.Check(t.Context(), p)
			return err != nil || !v.OK
		})
	})
	end = open(pg.User)
	for _, p := range only() {
		if v, err := e.Check(t.Context(), p); err != nil || v.OK || v.Got != "none" {
			t.Errorf("a session of another account hides its transaction: %+v, %v", v, err)
		}
	}
	do("GRANT pg_read_all_stats TO app")
	judge(t, e, only(), "a transaction of another account is open, and may be seen", long)
	end()
	judge(t, e, only(), "that has ended, too")
}

func TestDocumentedSQLite(t *testing.T) {
	path := t.TempDir() + "/shop.db"
	do := func(text string) {
		t.Helper()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	do("CREATE TABLE shops (id INTEGER PRIMARY KEY); CREATE TABLE jobs (state TEXT, shop INTEGER REFERENCES shops (id)); PRAGMA user_version = 7")
	e := New(Deps{Database: func(_ context.Context, _ plan.Database, opID string) (database.Database, error) {
		return sqlite.New(sqlite.Config{Path: path, FS: durable.OS(), OpID: opID, Temp: t.TempDir()}), nil
	}})
	all := documented(t, "sqlite")
	if len(all) < 7 {
		t.Fatalf("%d statements", len(all))
	}
	judge(t, e, all, "all is well")
	do("PRAGMA foreign_keys = OFF; INSERT INTO jobs VALUES ('running', 9); PRAGMA user_version = 6; ALTER TABLE jobs ADD COLUMN other")
	judge(t, e, all, "a job runs, a shop is missing, the data are older", "FROM jobs", "foreign_key_check", "user_version")
	do("DELETE FROM jobs; ALTER TABLE jobs RENAME COLUMN state TO status")
	for _, p := range all {
		if v, err := e.Check(t.Context(), p); strings.Contains(p.Args[0], "table_info") && (err != nil || v.OK) {
			t.Errorf("a column that is not there: %+v, %v", v, err)
		}
	}
}
