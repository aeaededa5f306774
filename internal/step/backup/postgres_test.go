package backup

import (
	"context"
	"strings"
	"testing"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/database/postgres"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// A half-done migration on a real server is put back, though the failed
// product still holds a transaction open.
func TestPostgresIsPutBack(t *testing.T) {
	lab.Slow(t)
	pg := lab.Postgres(t)
	pg.CreateDB("app")
	pg.Psql("app", "CREATE TABLE users (name text primary key); INSERT INTO users SELECT 'user ' || n FROM generate_series(1, 1000) n")
	w := newWorld(t, durable.OS())
	w.params.Databases = append(w.params.Databases, plan.Database{Component: "pg", Kind: "postgres", Plain: pg.DSN("app")})
	h := New(w.fs, func(string, *plan.Repository) backup.Engine { return w.engine }, func(ctx context.Context, d plan.Database, opID string) (database.Database, error) {
		if d.Kind == "sqlite" {
			return w.open(ctx, d, opID)
		}
		return postgres.New(postgres.Config{Address: func() (string, error) { return d.Plain, nil }, OpID: opID}), nil
	})
	h.patience = 2 * time.Second
	m, err := h.Prepare(t.Context(), w.env(step.Forward), w.step())
	must(t, err)
	must(t, h.Do(t.Context(), w.env(step.Forward), w.step(), m))
	w.observe(t, h, m, step.Forward, step.New)

	w.begun["h1.migrate"] = true
	pg.Psql("app", "ALTER TABLE users ADD COLUMN mail text; UPDATE users SET mail = name || '@example.org' WHERE name < 'user 5'; CREATE TABLE half (x int)")
	w.observe(t, h, m, step.Back, step.Mixed)
	done := make(chan struct{})
	go func() {
		defer close(done) // ended by the restore: the error is what is wanted
		_, _ = pg.PG.Psql(context.Background(), "app", "BEGIN; LOCK TABLE users; SELECT pg_sleep(60)")
	}()
	defer func() { <-done }()
	for range 200 {
		if strings.TrimSpace(pg.Psql("app", "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted")) != "0" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.observe(t, h, m, step.Back, step.Unknown) // nobody can look past the lock
	must(t, w.undo(t, h, m))
	w.observe(t, h, m, step.Back, step.Old)
	if got := strings.TrimSpace(pg.Psql("app", "SELECT count(*), to_regclass('half') FROM users")); got != "1000|" {
		t.Errorf("the database has %q, want 1000 rows and no table half", got)
	}
}

// A transaction that was under way during the dump and is committed after it is
// in the restore point once the product is stopped. Where nothing was committed
// the database is not read again.
func TestPostgresLateWrite(t *testing.T) {
	lab.Slow(t)
	pg := lab.Postgres(t)
	pg.CreateDB("app")
	pg.Psql("app", "CREATE TABLE users (name text primary key); INSERT INTO users SELECT 'user ' || n FROM generate_series(1, 200000) n")
	w := newWorld(t, durable.OS())
	w.params.Databases = []plan.Database{{Component: "pg", Kind: "postgres", Plain: pg.DSN("app")}}
	reads := 0
	h := New(w.fs, func(string, *plan.Repository) backup.Engine { return w.engine }, func(_ context.Context, d plan.Database, opID string) (database.Database, error) {
		return counting{postgres.New(postgres.Config{Address: func() (string, error) { return d.Plain, nil }, OpID: opID}), &reads}, nil
	})
	slow := make(chan error, 1)
	go func() {
		_, err := pg.PG.Psql(context.Background(), "app", "BEGIN; INSERT INTO users VALUES ('late'); SELECT pg_sleep(5); COMMIT")
		slow <- err
	}()
	for range 200 {
		if strings.TrimSpace(pg.Psql("app", "SELECT count(*) FROM pg_locks WHERE mode = 'RowExclusiveLock' AND granted AND relation = 'users'::regclass")) != "0" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	m, err := h.Prepare(t.Context(), w.env(step.Forward), w.step())
	must(t, err)
	must(t, h.Do(t.Context(), w.env(step.Forward), w.step(), m))
	select {
	case <-slow:
		t.Fatal("it was committed before the dump had ended: the test shows nothing")
	default:
	}
	must(t, <-slow)
	a := NewAnchor(h)
	if o, err := a.Observe(t.Context(), w.env(step.Forward), w.step(), m); err != nil || o.State != step.Mixed {
		t.Errorf("before it is taken in: %v, %v; want mixed", o, err)
	}
	began := time.Now()
	must(t, a.Do(t.Context(), w.env(step.Forward), w.step(), m))
	t.Logf("taken in: %s", time.Since(began))
	o, err := a.Observe(t.Context(), w.env(step.Forward), w.step(), m)
	if err != nil || o.State != step.New {
		t.Errorf("taken in: %v, %v; want new", o, err)
	}
	for try := 1; ; try++ { // a server may clean up at any time
		reads, began = 0, time.Now()
		must(t, NewAnchor(h).Do(t.Context(), w.env(step.Forward), w.step(), m))
		t.Logf("nothing was committed: %s, %d reads", time.Since(began), reads)
		if reads == 0 {
			break
		}
		if try == 5 {
			t.Fatal("the database is read though nothing was committed")
		}
	}
	w.begun["h1.migrate"] = true
	pg.Psql("app", "DELETE FROM users WHERE name > 'user 5' OR name = 'late'")
	must(t, a.Undo(t.Context(), w.env(step.Back), w.step(), m))
	if got := strings.TrimSpace(pg.Psql("app", "SELECT count(*) FROM users WHERE name = 'late'")); got != "1" {
		t.Errorf("the late row is there %s times, want once", got)
	}
}

// counting counts how often a database is read in full.
type counting struct {
	database.Database
	reads *int
}

func (c counting) Fingerprint(ctx context.Context) (database.Fingerprint, error) {
	*c.reads++
	return c.Database.Fingerprint(ctx)
}
