package lab

import (
	"context"
	"testing"
)

// TestMariaDB is a server for the length of one test; what fails ends the test.
type TestMariaDB struct {
	*MariaDB
	t testing.TB
}

// MariaDBServer starts a MariaDB of the test's own, ended and removed with it.
func MariaDBServer(t testing.TB) *TestMariaDB {
	t.Helper()
	m, err := StartMariaDB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Errorf("cannot clear MariaDB away: %v", err)
		}
	})
	return &TestMariaDB{MariaDB: m, t: t}
}

// SQL runs statements in a database and gives the rows: fields parted by tabs,
// one row a line.
func (m *TestMariaDB) SQL(db, sql string) string {
	m.t.Helper()
	out, err := m.MariaDB.SQL(context.Background(), db, sql)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}
