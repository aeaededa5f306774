package rehearse_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/database/mariadb"
	"upkeep/internal/database/migration"
	"upkeep/internal/database/postgres"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/drift"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/migrate"
	"upkeep/internal/step/rehearse"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

// bundle holds scripts by name.
type bundle map[string]string

func (b bundle) Open(_ context.Context, _, name string) ([]byte, error) {
	text, ok := b[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

// Site gives the site's own text, by its sum.
func (b bundle) Site(_ context.Context, _, sum string) ([]byte, error) {
	text, ok := b[sum]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

// world is a product with one database.
type world struct {
	kind    string
	open    rehearse.Open
	scripts bundle
	before  func() string
}

func (w *world) Fingerprint() string { return w.before() }

func (w *world) handler(t testing.TB, fsys durable.FS) *rehearse.Handler {
	return rehearse.New(fsys, w.open, w.scripts, func(open rehearse.Open) step.Handler {
		return migrate.New(child.Runner{}, childtest.Probes(t), w.scripts, migrate.Opener(open))
	})
}

func (w *world) sum(name string) string {
	sum := sha256.Sum256([]byte(w.scripts[name]))
	return hex.EncodeToString(sum[:])
}

// step has each script in a migration of its own.
func (w *world) step(names ...string) plan.Step {
	r := plan.Rehearsed{Database: plan.Database{Component: "data", Kind: w.kind}}
	for _, n := range names {
		raw, err := json.Marshal(plan.MigrateParams{Component: "data", DB: &r.Database, Bundle: "b1", Scripts: []plan.Script{{Name: n, SHA256: w.sum(n)}}})
		if err != nil {
			panic(err)
		}
		r.Steps = append(r.Steps, plan.Step{ID: "migrate." + n, Verb: "migrate", Title: "migrate by " + n, Params: raw})
	}
	raw, err := json.Marshal(plan.RehearseParams{Databases: []plan.Rehearsed{r}})
	if err != nil {
		panic(err)
	}
	return plan.Step{ID: "rehearse", Verb: "rehearse", Params: raw}
}

func good() bundle {
	return bundle{"001.sql": "ALTER TABLE users ADD COLUMN mail VARCHAR(80);\nUPDATE users SET mail = 'x';", "002.sql": "CREATE TABLE orders (id INTEGER PRIMARY KEY);\nINSERT INTO orders VALUES (1);",
		"bad.sql": "CREATE TABLE more (id INTEGER PRIMARY KEY);\nINSERT INTO nowhere VALUES (1);"}
}

func sqliteWorld(t testing.TB) *world {
	path := filepath.Join(t.TempDir(), "shop.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	w := &world{kind: "sqlite", scripts: good()}
	w.open = func(_ context.Context, _ plan.Database, opID string) (database.Database, error) {
		return sqlite.New(sqlite.Config{Path: path, FS: durable.OS(), Temp: temp, OpID: opID}), nil
	}
	fill(t, w)
	return w
}

// fill makes the content, and compares by it.
func fill(t testing.TB, w *world) {
	db, err := w.open(context.Background(), plan.Database{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := databasetest.Do(context.Background(), db, "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(40)); INSERT INTO users VALUES (1, 'ada'), (2, 'grace')"); err != nil {
		t.Fatal(err)
	}
	w.before = func() string {
		f, err := db.Fingerprint(context.Background())
		if err != nil {
			return err.Error()
		}
		return f.Digest()
	}
}

func servers(t *testing.T) map[string]*world {
	pg, maria := lab.Postgres(t), lab.MariaDBServer(t)
	pg.CreateDB("shop")
	maria.SQL("", "CREATE DATABASE shop; CREATE DATABASE archive; CREATE TABLE archive.old (id INT PRIMARY KEY)")
	out := map[string]*world{"sqlite": sqliteWorld(t)}
	out["postgres"] = &world{kind: "postgres", scripts: good(), open: func(_ context.Context, _ plan.Database, opID string) (database.Database, error) {
		return postgres.New(postgres.Config{Address: func() (string, error) { return pg.DSN("shop"), nil }, OpID: opID}), nil
	}}
	out["mariadb"] = &world{kind: "mariadb", scripts: good(), open: func(_ context.Context, _ plan.Database, opID string) (database.Database, error) {
		return mariadb.New(mariadb.Config{Address: func() (string, error) { return maria.DSN("shop"), nil }, OpID: opID}), nil
	}}
	fill(t, out["postgres"])
	fill(t, out["mariadb"])
	return out
}

func env(t testing.TB, log *bytes.Buffer) step.Env {
	dir := t.TempDir()
	return step.Env{Run: "r1", OpID: "r1/rehearse/do", Direction: step.Forward, Dir: dir, State: dir, Log: log, Touched: func(string) bool { return false },
		Recall: func(string) (step.Memo, error) { return nil, nil }}
}

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[*world]{Moments: 8,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := sqliteWorld(t)
			return w.handler(t, k.FS()), w.step("001.sql", "002.sql"), w
		},
		Reborn: func(t *testing.T, w *world, k *steptest.Killer) step.Handler { return w.handler(t, k.FS()) },
	})
}

// TestServers: on each kind, what goes through is timed, what fails is named
// with its script, and the product's data are as they were.
func TestServers(t *testing.T) {
	all := servers(t)
	for kind, w := range all {
		t.Run(kind, func(t *testing.T) {
			before := w.Fingerprint()
			h, log := w.handler(t, durable.OS()), &bytes.Buffer{}
			e := env(t, log)
			r, err := h.Rehearse(t.Context(), e, w.step("001.sql", "002.sql"))
			if err != nil || r.Failed() != nil || len(r.Through()) != 2 {
				t.Fatalf("%+v, %v", r, err)
			}
			d := r.Databases[0]
			if d.Rows < 2 || d.Copied <= 0 || d.Steps[0].Took <= 0 || len(d.Steps[0].Scripts) != 1 || d.Steps[0].Scripts[0].Name != "001.sql" || len(d.Steps[0].Scripts[0].Statements) != 2 || d.Steps[0].Scripts[0].Statements[1] <= 0 || d.Steps[0].Scripts[0].SHA256 != w.sum("001.sql") || d.Steps[0].Bundle != "b1" {
				t.Errorf("%+v", d)
			}
			s := w.step("001.sql", "bad.sql", "002.sql")
			err = h.Do(t.Context(), e, s, nil)
			if err == nil || !strings.Contains(err.Error(), "bad.sql") || !strings.Contains(err.Error(), "nowhere") || !strings.Contains(err.Error(), "nothing was closed") {
				t.Errorf("a script that fails: %v", err)
			}
			if o, err := h.Observe(t.Context(), e, s, nil); err != nil || o.State != step.Old {
				t.Errorf("after it failed: %+v, %v", o, err)
			}
			if kept, err := rehearse.Kept(durable.OS(), e.State); err != nil || kept.Failed() == nil || kept.Failed().ID != "migrate.bad.sql" || len(kept.Databases[0].Steps) != 2 {
				t.Errorf("kept: %+v, %v", kept, err)
			}
			if now := w.Fingerprint(); now != before {
				t.Error("the product's data have changed")
			}
		})
	}
	t.Run("contained", func(t *testing.T) { testContained(t, all) })
}

// testContained: what could leave the copy is not carried out, and not what
// comes after it.
func testContained(t *testing.T, all map[string]*world) {
	for _, c := range []struct{ kind, sql, why string }{
		{"mariadb", "UPDATE shop.users SET name = 'harm'", "it names the database shop"},
		{"mariadb", "UPDATE `shop` . `users` SET name = 'harm'", "it names the database shop"},
		{"mariadb", "INSERT INTO Archive.old VALUES (1)", "it names the database archive"},
		{"mariadb", "GRANT ALL ON *.* TO eve@'%'", "reaches beyond the database"},
		{"mariadb", "SET @s = concat('UPDATE ', 'shop', '.users SET name = 1'); PREPARE p FROM @s; EXECUTE p", "it names the database shop"},
		{"mariadb", "SET GLOBAL max_connections = 3", "reaches beyond the database"},
		{"mariadb", "EXECUTE IMMEDIATE 'USE shop'", "it names the database shop"},
		{"mariadb", "FLUSH TABLES", "reaches beyond the database"},
		{"mariadb", "-- use what the shop, to which people grant their trust, has installed: kill nothing, purge nothing\nUPDATE users SET name = 'shop owner'", ""},
		{"postgres", "CREATE ROLE eve", "reaches beyond the database"},
		{"postgres", "DO $$ BEGIN EXECUTE 'ALTER SYSTEM SET work_mem = 1'; END $$", "reaches beyond the database"},
		{"postgres", "COPY users TO PROGRAM 'cat'", "reaches beyond the database"},
		{"postgres", "GRANT lab TO eve", "reaches beyond the database"},
		{"postgres", "GRANT SELECT ON users TO PUBLIC; UPDATE users SET name = 'from then to now'", ""},
		{"mariadb", "-- upkeep: client native\nUSE shop;\nUPDATE users SET name = 'harm';", "for the server's own client"},
		{"sqlite", "ATTACH 'other.db' AS other", "reaches beyond the database"},
	} {
		w := all[c.kind]
		w.scripts["x.sql"] = c.sql
		before := w.Fingerprint()
		r, err := w.handler(t, durable.OS()).Rehearse(t.Context(), env(t, &bytes.Buffer{}), w.step("x.sql", "002.sql"))
		if err != nil {
			t.Fatalf("%s: %v", c.sql, err)
		}
		d := r.Databases[0]
		switch {
		case c.why == "" && (len(d.Left) > 0 || len(r.Through()) != 2):
			t.Errorf("%s: not rehearsed: %+v, %+v", c.sql, d.Left, d.Steps)
		case c.why != "" && (len(d.Steps) > 0 || len(d.Left) != 2 || !strings.Contains(d.Left[0].Why, c.why)):
			t.Errorf("%s: %+v; want %q", c.sql, d, c.why)
		}
		if w.Fingerprint() != before {
			t.Fatalf("%s has changed the product's data", c.sql)
		}
	}
	// what the site has written in a script's place is what counts
	w := all["mariadb"]
	w.scripts["x.sql"], w.scripts["ours"] = "UPDATE users SET name = 'fine'", "UPDATE shop.users SET name = 'harm'"
	before := w.Fingerprint()
	edited := w.step("x.sql")
	var p plan.RehearseParams
	if err := json.Unmarshal(edited.Params, &p); err != nil {
		t.Fatal(err)
	}
	var m plan.MigrateParams
	if err := json.Unmarshal(p.Databases[0].Steps[0].Params, &m); err != nil {
		t.Fatal(err)
	}
	m.Scripts[0].Review = &plan.Decision{Verdict: plan.Edited, SHA256: "ours"}
	p.Databases[0].Steps[0].Params, _ = json.Marshal(m)
	edited.Params, _ = json.Marshal(p)
	if r, err := w.handler(t, durable.OS()).Rehearse(t.Context(), env(t, &bytes.Buffer{}), edited); err != nil || len(r.Databases[0].Left) != 1 {
		t.Errorf("an edited script that leads out: %+v, %v", r, err)
	}
	if w.Fingerprint() != before {
		t.Fatal("an edited script has changed the product's data")
	}
	// what leads out of the copy is in it already
	for kind, sql := range map[string]string{
		"mariadb":  "CREATE TRIGGER leak AFTER UPDATE ON users FOR EACH ROW INSERT INTO archive.old VALUES (NEW.id)",
		"postgres": "CREATE EXTENSION dblink",
	} {
		w := all[kind]
		db, _ := w.open(t.Context(), plan.Database{}, "test")
		if err := databasetest.Do(t.Context(), db, sql); err != nil {
			t.Fatal(err)
		}
		before := w.Fingerprint()
		r, err := w.handler(t, durable.OS()).Rehearse(t.Context(), env(t, &bytes.Buffer{}), w.step("001.sql"))
		if err != nil || len(r.Databases[0].Left) != 1 || len(r.Databases[0].Steps) > 0 {
			t.Errorf("%s: %s: %+v, %v", kind, sql, r, err)
		}
		if w.Fingerprint() != before {
			t.Errorf("%s: the product's data have changed", kind)
		}
	}
}

// TestBuild: what a script of a fresh install makes in a scratch database is what
// it makes in the product's; nothing is left of it, and nothing of the product has
// changed.
func TestBuild(t *testing.T) {
	lab.Slow(t)
	const tables = "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(40));\nCREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER NOT NULL);\nCREATE INDEX by_author ON posts (author);\nCREATE VIEW authors AS SELECT u.id, u.name FROM users u JOIN posts p ON p.author = u.id;\n"
	trigger := map[string]string{
		"sqlite":   "CREATE TRIGGER gone AFTER DELETE ON users BEGIN DELETE FROM posts WHERE author = old.id; END;\n",
		"mariadb":  "DELIMITER //\nCREATE TRIGGER gone AFTER DELETE ON users FOR EACH ROW BEGIN DELETE FROM posts WHERE author = old.id; END//\nDELIMITER ;\n",
		"postgres": "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM posts WHERE author = old.id; RETURN old; END $$;\nCREATE TRIGGER gone AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION gone();\n",
	}
	for kind, w := range servers(t) {
		t.Run(kind, func(t *testing.T) {
			live, err := w.open(t.Context(), plan.Database{}, "standard/shop")
			if err != nil {
				t.Fatal(err)
			}
			defer live.Close()
			all := migration.Script{Script: database.Script{Name: "schema.sql", SQL: tables + trigger[kind]}, SHA256: "x"}
			rest := all
			_, rest.SQL, _ = strings.Cut(all.SQL, "\n") // users are there
			rest.Name = "rest.sql"
			if err := (&migration.Runner{DB: live}).Apply(t.Context(), rest); err != nil {
				t.Fatal(err)
			}
			before := w.Fingerprint()
			built, err := rehearse.Build(t.Context(), live, all)
			if err != nil {
				t.Fatal(err)
			}
			is, err := live.Objects(t.Context())
			if err != nil || len(built.Objects) < 4 {
				t.Fatalf("%d objects, %v", len(built.Objects), err)
			}
			if err := drift.Comparable(built, is); err != nil {
				t.Error(err)
			}
			if list := drift.Compare(built, is); len(list) > 0 {
				t.Errorf("the same script makes something else: %v", list)
			}
			if err := databasetest.Do(t.Context(), live, "DROP VIEW authors"); err != nil {
				t.Fatal(err)
			}
			is, err = live.Objects(t.Context())
			if list := drift.Compare(built, is); err != nil || len(list) != 1 || list[0].Name == "" || list[0].How != drift.Missing {
				t.Errorf("a view that is not there: %v, %v", list, err)
			}
			if err := databasetest.Do(t.Context(), live, "CREATE VIEW authors AS SELECT u.id, u.name FROM users u JOIN posts p ON p.author = u.id"); err != nil {
				t.Fatal(err)
			}
			bad := all
			bad.SQL += "INSERT INTO nowhere VALUES (1);\n"
			if _, err := rehearse.Build(t.Context(), live, bad); err == nil || !strings.Contains(err.Error(), "schema.sql, line ") || !strings.Contains(err.Error(), "nowhere") {
				t.Errorf("a script that fails: %v", err)
			}
			var user *step.UserError
			bad.SQL = map[string]string{"sqlite": "ATTACH 'x' AS y;", "mariadb": "CREATE TABLE archive.more (x INT);", "postgres": "CREATE ROLE eve;"}[kind]
			if _, err := rehearse.Build(t.Context(), live, bad); !errors.As(err, &user) {
				t.Errorf("a script that reaches out: %v", err)
			}
			if list, ok := map[string]string{"postgres": "SELECT count(*) FROM pg_database WHERE datname LIKE 'upkeep%'", "mariadb": "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'upkeep%'"}[kind]; ok {
				if left, err := live.Query(t.Context(), list); err != nil || left != "0" {
					t.Errorf("%s scratch databases are left, %v", left, err)
				}
			}
			if w.Fingerprint() != before {
				t.Error("the product's data have changed")
			}
		})
	}
}
