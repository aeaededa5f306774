package migrate_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/migrate"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

// bundle holds scripts by name.
type bundle map[string]string

func (b bundle) Site(_ context.Context, _, sum string) ([]byte, error) {
	return b.Open(context.Background(), "", sum)
}

func (b bundle) Open(_ context.Context, _, name string) ([]byte, error) {
	text, ok := b[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func (b bundle) list(names ...string) []plan.Script {
	var out []plan.Script
	for _, n := range names {
		sum := sha256.Sum256([]byte(b[n]))
		out = append(out, plan.Script{Name: n, SHA256: hex.EncodeToString(sum[:])})
	}
	return out
}

// scripts change a shop's data; the second cannot be applied twice.
func scripts() bundle {
	return bundle{
		"migrations/001.sql": "ALTER TABLE users ADD COLUMN mail TEXT;\nUPDATE users SET mail = name || '@example.org';\n",
		"migrations/002.sql": "INSERT INTO users (name, mail) VALUES ('root', 'root@example.org');",
		"migrations/003.sql": "CREATE TABLE orders (id INTEGER PRIMARY KEY);\n",
	}
}

var all = []string{"migrations/001.sql", "migrations/002.sql", "migrations/003.sql"}

// shop is a product with a SQLite database.
type shop struct{ path string }

func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{filepath.Join(t.TempDir(), "shop.db")}
	s.apply(t, "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('ada'), ('grace')")
	return s
}

func (s *shop) open(context.Context, plan.Database, string) (database.Database, error) {
	return sqlite.New(sqlite.Config{Path: s.path, FS: durable.OS()}), nil
}

func (s *shop) apply(t testing.TB, sql string) {
	t.Helper()
	db, _ := s.open(t.Context(), plan.Database{}, "")
	if _, err := durable.OS().Lstat(s.path); err != nil {
		if err := durable.OS().WriteFile(s.path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := databasetest.Do(t.Context(), db, sql); err != nil {
		t.Fatal(err)
	}
}

// Fingerprint implements steptest.World: all but when something was applied.
func (s *shop) Fingerprint() string {
	db, _ := s.open(context.Background(), plan.Database{}, "")
	var out []string
	for _, q := range []string{
		"SELECT group_concat(sql, char(10)) FROM sqlite_master",
		"SELECT group_concat(name, ' ') FROM users",
		"SELECT group_concat(mail, ' ') FROM users",
		"SELECT group_concat(name || ' ' || sha256, char(10)) FROM upkeep_migrations",
	} {
		v, err := db.Query(context.Background(), q)
		if err != nil {
			v = "none"
		}
		out = append(out, v)
	}
	return strings.Join(out, "\n")
}

// deadly is a database in which the process can die around each statement.
type deadly struct {
	database.Database
	k *steptest.Killer
}

func (d deadly) Connect(ctx context.Context, l database.Limits) (database.Conn, error) {
	c, err := d.Database.Connect(ctx, l)
	return deadlyConn{c, d.k}, err
}

type deadlyConn struct {
	database.Conn
	k *steptest.Killer
}

func (d deadlyConn) Exec(ctx context.Context, s database.Statement) (n int64, err error) {
	if s.Line == 0 && s.Text != "COMMIT" && !strings.HasPrefix(s.Text, "CREATE") { // nothing is final
		return d.Conn.Exec(ctx, s)
	}
	err = d.k.Point(s.Text[:min(len(s.Text), 30)], func() error { n, err = d.Conn.Exec(ctx, s); return err })
	return n, err
}

func (s *shop) step(t testing.TB, p plan.MigrateParams) plan.Step {
	p.Component, p.Bundle = "shop", "digest"
	if p.DB == nil {
		p.DB = &plan.Database{Component: "shop", Kind: "sqlite", Path: s.path}
	}
	return childtest.Step(t, plan.Step{Verb: "migrate", Undo: "restore", Redo: p.Version != nil}, p)
}

func (s *shop) version(want string) *plan.Probe {
	return &plan.Probe{Source: "sql", Args: []string{"SELECT count(*) FROM users WHERE mail IS NOT NULL"}, Expect: []string{want},
		DB: &plan.Database{Component: "shop", Kind: "sqlite", Path: s.path}}
}

func (s *shop) probes(t testing.TB) *probe.Evaluator {
	return probe.New(probe.Deps{Commands: childtest.New(t, nil), Database: s.open})
}

func (s *shop) handler(t testing.TB, b bundle) *migrate.Handler {
	return migrate.New(childtest.Runner(t, nil), s.probes(t), b, s.open)
}

func forget(string) string { return "" } // the restore point brings the data back

func TestScriptsContract(t *testing.T) {
	lab.Slow(t)
	for _, version := range []bool{false, true} {
		for _, before := range [][]string{nil, all[:1]} {
			if version == (before == nil) {
				continue // each once
			}
			t.Run(fmt.Sprintf("version %v, %d applied before", version, len(before)), func(t *testing.T) {
				b := scripts()
				steptest.Run(t, steptest.Subject[*shop]{Kept: forget,
					New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *shop) {
						s := newShop(t)
						if before != nil {
							s.migrated(t, b, before...)
						}
						p := plan.MigrateParams{Scripts: b.list(all...)}
						if version {
							p.Version = s.version("3")
						}
						open := func(ctx context.Context, db plan.Database, op string) (database.Database, error) {
							d, err := s.open(ctx, db, op)
							return deadly{d, k}, err
						}
						return migrate.New(childtest.Runner(t, k), s.probes(t), b, open), s.step(t, p), s
					},
					Mixed: map[string]func(*testing.T, *shop){
						"two of three": func(t *testing.T, s *shop) { s.migrated(t, b, all[:2]...) },
					}})
			})
		}
	}
}

// What the site has edited runs in the place of the vendor's, what it has done by
// hand does not run: also when it is killed anywhere.
func TestReviewedContract(t *testing.T) {
	lab.Slow(t)
	b := reviewed()
	steptest.Run(t, steptest.Subject[*shop]{Kept: forget,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *shop) {
			s := newShop(t)
			open := func(ctx context.Context, db plan.Database, op string) (database.Database, error) {
				d, err := s.open(ctx, db, op)
				return deadly{d, k}, err
			}
			return migrate.New(childtest.Runner(t, k), s.probes(t), b, open), s.step(t, plan.MigrateParams{Scripts: decided(b)}), s
		}})
}

// reviewed has the site's own content of the first script, under its sum.
func reviewed() bundle {
	b := scripts()
	const own = "ALTER TABLE users ADD COLUMN mail TEXT; ALTER TABLE users ADD COLUMN ours TEXT;"
	sum := sha256.Sum256([]byte(own))
	b[hex.EncodeToString(sum[:])] = own
	return b
}

// decided are the scripts with the first one edited, the second done by hand and
// the third approved.
func decided(b bundle) []plan.Script {
	list := b.list(all...)
	for name := range b {
		if !strings.HasPrefix(name, "migrations/") {
			list[0].Review = &plan.Decision{Verdict: plan.Edited, By: "ada", At: "2026-03-04T10:00:00Z", SHA256: name}
		}
	}
	list[1].Review = &plan.Decision{Verdict: plan.DoneBy, By: "ada", At: "2026-03-04T10:01:00Z", Note: "by hand"}
	list[2].Review = &plan.Decision{Verdict: plan.Approved, By: "ada", At: "2026-03-04T10:02:00Z"}
	return list
}

// The database holds the vendor's sums, and beside them what the site decided; an
// edited script that is not the one of the plan is refused.
func TestReviewed(t *testing.T) {
	s, b := newShop(t), reviewed()
	list := decided(b)
	st := s.step(t, plan.MigrateParams{Scripts: list})
	env, log := childtest.Env(t, st, step.Forward)
	h := s.handler(t, b)
	m, err := h.Prepare(t.Context(), env, st)
	if err == nil {
		err = h.Do(t.Context(), env, st, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = log
	db, _ := s.open(t.Context(), plan.Database{}, "")
	defer db.Close()
	for query, want := range map[string]string{
		"SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('users') ORDER BY cid)":                      "name,mail,ours",
		"SELECT count(*) FROM users WHERE name = 'root'":                                                                 "0",
		"SELECT count(*) FROM orders":                                                                                    "0",
		"SELECT count(*) FROM upkeep_migrations WHERE sha256 IN ('" + list[0].SHA256 + "', '" + list[1].SHA256 + "')":    "2",
		"SELECT was FROM upkeep_migration_notes WHERE script = 'migrations/001.sql' AND what = 'edited'":                 list[0].Review.SHA256,
		"SELECT who || ': ' || why FROM upkeep_migration_notes WHERE script = 'migrations/002.sql' AND what = 'by-hand'": "ada: by hand",
	} {
		if got, err := db.Query(t.Context(), query); err != nil || got != want {
			t.Errorf("%s: %q (%v), want %q", query, got, err, want)
		}
	}
	b[list[0].Review.SHA256] += " DROP TABLE users;"
	other := newShop(t)
	st = other.step(t, plan.MigrateParams{Scripts: list})
	if _, err := other.handler(t, b).Prepare(t.Context(), env, st); err == nil || !strings.Contains(err.Error(), "is not the one of the plan") {
		t.Errorf("an edited script that was changed: %v", err)
	}
}

// migrated applies scripts as an earlier step.
func (s *shop) migrated(t *testing.T, b bundle, names ...string) {
	t.Helper()
	st := s.step(t, plan.MigrateParams{Scripts: b.list(names...)})
	env, _ := childtest.Env(t, st, step.Forward)
	if err := s.handler(t, b).Do(t.Context(), env, st, step.Memo(`{"before":[]}`)); err != nil {
		t.Fatal(err)
	}
}

// A command that migrates is read back by the schema's version.
func TestCommandContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[childtest.Folder]{Unsure: true, Kept: forget,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, childtest.Folder) {
			w := childtest.Folder(t.TempDir())
			w.Write(t, "schema", "1.0\n")
			run := childtest.Sh("echo 2.0 > " + w.Path("schema.new") + " && mv " + w.Path("schema.new") + " " + w.Path("schema"))
			version := childtest.FileReads(w.Path("schema"), "2.0")
			s := childtest.Step(t, plan.Step{Verb: "migrate", Undo: "restore", Redo: true}, plan.MigrateParams{Component: "app", Run: &run, Version: &version})
			return migrate.New(childtest.Runner(t, k), childtest.Probes(t), nil, nil), s, w
		}})
}

// After the restore point has brought the data back, the command runs again.
func TestCommandRunsAgainAfterTheReturn(t *testing.T) {
	w := childtest.Folder(t.TempDir())
	run := childtest.Sh("echo x >> " + w.Path("ran"))
	s := childtest.Step(t, plan.Step{Verb: "migrate", Undo: "restore"}, plan.MigrateParams{Component: "app", Run: &run})
	env, _ := childtest.Env(t, s, step.Forward)
	h := migrate.New(childtest.Runner(t, nil), childtest.Probes(t), nil, nil)
	for _, call := range []func(context.Context, step.Env, plan.Step, step.Memo) error{h.Do, h.Do, h.Undo, h.Do} {
		if err := call(t.Context(), env, s, step.Memo("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(w.Path("ran")); err != nil || string(b) != "x\nx\n" {
		t.Errorf("ran %q, %v, want once before the return and once after it", b, err)
	}
}

func TestFailingScriptLeavesNothingBehind(t *testing.T) {
	s, b := newShop(t), scripts()
	b["migrations/002.sql"] = "INSERT INTO users (name) VALUES ('half');\nINSERT INTO nowhere VALUES (1);\n"
	st := s.step(t, plan.MigrateParams{Scripts: b.list(all...)})
	env, _ := childtest.Env(t, st, step.Forward)
	h := s.handler(t, b)
	m, err := h.Prepare(t.Context(), env, st)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Do(t.Context(), env, st, m)
	var user *step.UserError
	if !errors.As(err, &user) || !strings.Contains(err.Error(), "script 2 of 3") || !strings.Contains(err.Error(), "migrations/002.sql") || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("Do gives %v", err)
	}
	if f := s.Fingerprint(); strings.Contains(f, "half") || strings.Contains(f, "migrations/002.sql") || !strings.Contains(f, "migrations/001.sql") {
		t.Errorf("the data is\n%s", f)
	}
	obs, err := h.Observe(t.Context(), env, st, m)
	if err != nil || obs.State != step.Mixed || obs.Evidence != "1 of 3 scripts are applied" {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
}

func TestRefusedBeforeAnythingHappens(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, s *shop, b bundle, p *plan.MigrateParams)
		want  string
	}{
		{"changed in the bundle", func(_ *testing.T, _ *shop, b bundle, _ *plan.MigrateParams) { b["migrations/003.sql"] += "-- more" }, "is not the one of the plan"},
		{"missing in the bundle", func(_ *testing.T, _ *shop, b bundle, _ *plan.MigrateParams) { delete(b, "migrations/003.sql") }, "cannot read the script migrations/003.sql"},
		{"changed since it was applied", func(t *testing.T, s *shop, b bundle, p *plan.MigrateParams) {
			s.migrated(t, b, all[0])
			b[all[0]] += "-- more"
			p.Scripts = b.list(all...)
		}, "was applied before with another content"},
		{"ends the transaction", func(_ *testing.T, _ *shop, b bundle, p *plan.MigrateParams) {
			b[all[2]] = "COMMIT; DROP TABLE users"
			p.Scripts = b.list(all...)
		}, "migrations/003.sql, line 1: "},
		{"odd name", func(_ *testing.T, _ *shop, b bundle, p *plan.MigrateParams) {
			b["x'); DROP TABLE users; --"] = "SELECT 1"
			p.Scripts = b.list("x'); DROP TABLE users; --")
		}, "with the name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, b := newShop(t), scripts()
			p := plan.MigrateParams{Scripts: b.list(all...)}
			c.spoil(t, s, b, &p)
			before := s.Fingerprint()
			st := s.step(t, p)
			env, _ := childtest.Env(t, st, step.Forward)
			if _, err := s.handler(t, b).Prepare(t.Context(), env, st); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Prepare gives %v, want %q", err, c.want)
			}
			if s.Fingerprint() != before {
				t.Error("the data has changed")
			}
		})
	}
}

func TestAllAppliedAndTheVersionWrong(t *testing.T) {
	s, b := newShop(t), scripts()
	st := s.step(t, plan.MigrateParams{Scripts: b.list(all...), Version: s.version("17")})
	env, _ := childtest.Env(t, st, step.Forward)
	h := s.handler(t, b)
	m, err := h.Prepare(t.Context(), env, st)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do(t.Context(), env, st, m); err != nil {
		t.Errorf("Do gives %v", err)
	}
	if obs, err := h.Observe(t.Context(), env, st, m); err != nil || obs.State != step.Mixed || !strings.Contains(obs.Evidence, "the version reads 3, wanted is 17") {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
}

// TestExpectedEnd: how long scripts took on a copy tells when they will be through,
// from the statement at hand on; where one of them is not known, nothing does.
func TestExpectedEnd(t *testing.T) {
	s, b := newShop(t), scripts()
	list := b.list(all...)
	times := map[string]migrate.Pace{
		list[0].SHA256: {Took: time.Hour, Statements: []time.Duration{20 * time.Minute, 30 * time.Minute}},
		list[1].SHA256: {Took: 2 * time.Hour, Statements: []time.Duration{2 * time.Hour}},
		list[2].SHA256: {Took: time.Minute, Statements: []time.Duration{time.Minute}},
	}
	st := s.step(t, plan.MigrateParams{Scripts: list})
	ends := func(s *shop, times map[string]migrate.Pace) (out []time.Duration) {
		env, _ := childtest.Env(t, st, step.Forward)
		began := time.Now()
		env.Progress = func(p step.Progress) {
			if p.Until.IsZero() {
				out = append(out, 0)
			} else {
				out = append(out, p.Until.Sub(began).Round(time.Minute))
			}
		}
		h := s.handler(t, b).Timed(func(string) map[string]migrate.Pace { return times })
		m, err := h.Prepare(t.Context(), env, st)
		if err == nil {
			err = h.Do(t.Context(), env, st, m)
		}
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got, want := ends(s, times), []time.Duration{181 * time.Minute, 161 * time.Minute, 121 * time.Minute, time.Minute}; !slices.Equal(got, want) {
		t.Errorf("expected ends %v, want %v", got, want)
	}
	s = newShop(t)
	st = s.step(t, plan.MigrateParams{Scripts: list})
	s.migrated(t, b, all[0])
	if got, want := ends(s, times), []time.Duration{121 * time.Minute, time.Minute}; !slices.Equal(got, want) {
		t.Errorf("after the first: expected ends %v, want %v", got, want)
	}
	s = newShop(t)
	st = s.step(t, plan.MigrateParams{Scripts: list})
	delete(times, list[2].SHA256)
	if got, want := ends(s, times), []time.Duration{0, 0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("one is not known: expected ends %v, want %v", got, want)
	}
}
