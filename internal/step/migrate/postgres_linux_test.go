package migrate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/database/postgres"
	"upkeep/internal/lab"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/migrate"
	"upkeep/internal/step/run/child/childtest"
)

func TestPostgres(t *testing.T) {
	if _, err := lab.PGBin(); err != nil {
		t.Skip("needs PostgreSQL: ", err)
	}
	pg := lab.Postgres(t)
	pg.CreateDB("shop")
	pg.Psql("shop", "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('ada'), ('grace')")
	open := func(_ context.Context, _ plan.Database, op string) (database.Database, error) {
		return postgres.New(postgres.Config{Address: func() (string, error) { return pg.DSN("shop"), nil }, OpID: op}), nil
	}
	b := scripts()
	b["migrations/002.sql"] = "\uFEFFCREATE SCHEMA other;\nSET search_path = other;\nCREATE TABLE t (i int);\n"
	good := b["migrations/003.sql"]
	b["migrations/003.sql"] = "CREATE TABLE orders (id int);\nSELECT 1/0;\n"
	h := migrate.New(childtest.Runner(t, nil), childtest.Probes(t), b, open)
	prepare := func() (plan.Step, step.Env, step.Memo) {
		s := childtest.Step(t, plan.Step{Verb: "migrate", Undo: "restore"},
			plan.MigrateParams{Component: "shop", DB: &plan.Database{Component: "shop", Kind: "postgres"}, Scripts: b.list(all...)})
		env, _ := childtest.Env(t, s, step.Forward)
		m, err := h.Prepare(t.Context(), env, s)
		if err != nil {
			t.Fatal(err)
		}
		return s, env, m
	}
	observe := func(s plan.Step, env step.Env, m step.Memo, want step.State) {
		t.Helper()
		if obs, err := h.Observe(t.Context(), env, s, m); err != nil || obs.State != want {
			t.Errorf("Observe gives %+v, %v, want %s", obs, err, want)
		}
	}
	s, env, m := prepare()
	observe(s, env, m, step.Old)
	if err := h.Do(t.Context(), env, s, m); err == nil || !strings.Contains(err.Error(), "division by zero") || !strings.Contains(err.Error(), "migrations/003.sql") {
		t.Errorf("Do gives %v", err)
	}
	observe(s, env, m, step.Mixed)
	if got := pg.Psql("shop", "SELECT to_regclass('public.orders') IS NULL, count(*) FROM public.upkeep_migrations"); got != "t|2\n" && got != "t|2" {
		t.Errorf("after the failure: %q, want no table and two notes", got)
	}

	b["migrations/003.sql"] = good // the vendor's next release brings it mended
	s, env, m = prepare()
	observe(s, env, m, step.Old)
	for range 2 {
		if err := h.Do(t.Context(), env, s, m); err != nil {
			t.Fatal(err)
		}
		observe(s, env, m, step.New)
	}
}

// A statement that commits by itself and was cut off waits for a person: nobody
// can tell what of it is there.
func TestPostgresCutOff(t *testing.T) {
	if _, err := lab.PGBin(); err != nil {
		t.Skip("needs PostgreSQL: ", err)
	}
	pg := lab.Postgres(t)
	pg.CreateDB("shop")
	pg.Psql("shop", "CREATE TABLE a (x INT); CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO a VALUES (1); COMMIT; PERFORM pg_sleep(60); END $$")
	open := func(_ context.Context, _ plan.Database, op string) (database.Database, error) {
		return postgres.New(postgres.Config{Address: func() (string, error) { return pg.DSN("shop"), nil }, OpID: op}), nil
	}
	b := bundle{"1.sql": "-- upkeep: no-transaction\nCREATE TABLE b (x INT);\nCALL p();\nINSERT INTO b VALUES (1);"}
	h := migrate.New(childtest.Runner(t, nil), childtest.Probes(t), b, open)
	s := childtest.Step(t, plan.Step{Verb: "migrate", Undo: "restore"},
		plan.MigrateParams{Component: "shop", DB: &plan.Database{Component: "shop", Kind: "postgres"}, Scripts: b.list("1.sql")})
	env, _ := childtest.Env(t, s, step.Forward)
	var shown []string
	env.Progress = func(p step.Progress) { shown = append(shown, p.Line) }
	m, err := h.Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		for pg.Psql("shop", "SELECT count(*) FROM a") == "0" {
			time.Sleep(20 * time.Millisecond)
		}
		stop()
	}()
	if err := h.Do(ctx, env, s, m); err == nil {
		t.Fatal("it was not cut off")
	}
	db, _ := open(t.Context(), plan.Database{}, env.OpID)
	if _, err := db.EndSessions(t.Context(), env.OpID); err != nil {
		t.Fatal(err)
	}
	if obs, err := h.Observe(t.Context(), env, s, m); err != nil || obs.State != step.Unknown || !strings.Contains(obs.Evidence, "statement 2 of 3 of 1.sql (line 3, CALL P …) was interrupted") {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
	if last := shown[len(shown)-1]; last != "script 1 of 1, statement 2 of 3: 1.sql" {
		t.Errorf("shown was %q", shown)
	}
}
