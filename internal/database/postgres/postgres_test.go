package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/lab"
)

// server is one PostgreSQL for a test and its subtests.
type server struct {
	*lab.TestPG
	made atomic.Int32
}

func start(t *testing.T) *server {
	t.Helper()
	return &server{TestPG: lab.Postgres(t)}
}

// fresh makes an empty database and gives its name.
func (s *server) fresh(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("test %d", s.made.Add(1)) // a blank, to see that nothing is split
	s.CreateDB(name)
	return name
}

func (s *server) open(name string) *DB { return open(s.DSN(name)) }

func open(dsn string) *DB {
	return New(Config{Address: func() (string, error) { return dsn, nil }, OpID: "run-1/backup/do"})
}

// as is the address of a database for another account.
func (s *server) as(name, account string) string {
	return strings.Replace(s.DSN(name), s.User+":"+s.Password+"@", account+":pw@", 1)
}

func (s *server) subject(t *testing.T, dsn string, name string) databasetest.Subject {
	db := open(dsn)
	t.Cleanup(func() { _ = db.Close() })
	return databasetest.Subject{
		DB:      db,
		Missing: open(strings.Replace(dsn, strings.ReplaceAll(name, " ", "%20"), "nowhere", 1)),
		Dialect: database.Postgres,
		Exec: func(t *testing.T, sql string) {
			t.Helper()
			l, err := db.connect(context.Background(), "run SQL")
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			if _, err := l.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		},
	}
}

// TestContract runs the suite as a superuser and as an ordinary owner of the
// database.
func TestContract(t *testing.T) {
	s := start(t)
	s.Psql("postgres", "CREATE ROLE shop LOGIN PASSWORD 'pw'")
	t.Run("superuser", func(t *testing.T) {
		databasetest.Run(t, func(t *testing.T) databasetest.Subject {
			name := s.fresh(t)
			return s.subject(t, s.DSN(name), name)
		})
	})
	t.Run("owner", func(t *testing.T) {
		databasetest.Run(t, func(t *testing.T) databasetest.Subject {
			name := s.fresh(t)
			s.Psql("postgres", fmt.Sprintf("ALTER DATABASE %q OWNER TO shop", name))
			return s.subject(t, s.as(name, "shop"), name)
		})
	})
}
