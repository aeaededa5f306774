package lab

import (
	"context"
	"testing"
)

// TestPG is a server for the length of one test; what fails ends the test.
type TestPG struct {
	*PG
	t testing.TB
}

// Postgres starts a PostgreSQL of the test's own: without fsync, ended and
// removed with the test.
func Postgres(t testing.TB) *TestPG {
	t.Helper()
	return PostgresWith(t, PGOptions{})
}

// PostgresWith is Postgres with options.
func PostgresWith(t testing.TB, opts PGOptions) *TestPG {
	t.Helper()
	pg, err := StartPG(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Errorf("cannot clear PostgreSQL away: %v", err)
		}
	})
	return &TestPG{PG: pg, t: t}
}

// CreateDB makes an empty database.
func (p *TestPG) CreateDB(name string) {
	p.t.Helper()
	if err := p.PG.CreateDB(context.Background(), name); err != nil {
		p.t.Fatal(err)
	}
}

// Psql runs SQL in a database and gives the rows: fields parted by |, one row
// a line.
func (p *TestPG) Psql(db, sql string) string {
	p.t.Helper()
	out, err := p.PG.Psql(context.Background(), db, sql)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}
