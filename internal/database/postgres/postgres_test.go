package postgres

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/lab"
)

// server is the PostgreSQL of all tests of this package: starting one costs
// more than most of them.
type server struct {
	*lab.PG
	made atomic.Int32
}

var shared = sync.OnceValues(func() (*server, error) {
	pg, err := lab.StartPG(context.Background(), lab.PGOptions{})
	if err != nil {
		return nil, err
	}
	_, err = pg.Psql(context.Background(), "postgres", `CREATE ROLE shop LOGIN CREATEDB PASSWORD 'pw'; CREATE ROLE reader; CREATE ROLE other;
		CREATE ROLE alone LOGIN PASSWORD 'pw' CONNECTION LIMIT 0`)
	return &server{PG: pg}, err
})

var started atomic.Bool

func TestMain(m *testing.M) {
	code := m.Run()
	if started.Load() {
		if s, _ := shared(); s != nil {
			if err := s.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
	}
	os.Exit(code)
}

func start(t testing.TB) *server {
	t.Helper()
	started.Store(true)
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Psql is that of lab, or the end of the test.
func (s *server) Psql(t testing.TB, db, sql string) string {
	t.Helper()
	out, err := s.PG.Psql(context.Background(), db, sql)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fresh makes an empty database and gives its name.
func (s *server) fresh(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test %d", s.made.Add(1)) // a blank, to see that nothing is split
	if err := s.CreateDB(context.Background(), name); err != nil {
		t.Fatal(err)
	}
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
		OpID:    "run-1/backup/do",
		DB:      db,
		Missing: open(strings.Replace(dsn, strings.ReplaceAll(name, " ", "%20"), "nowhere", 1)),
		Dialect: database.Postgres,
		Do: func(ctx context.Context, sql string) error {
			l, err := db.connect(ctx, "run SQL")
			if err != nil {
				return err
			}
			defer l.close()
			_, err = l.PgConn().Exec(ctx, sql).ReadAll()
			return err
		},
	}
}

// TestContract runs the suite as a superuser and as an ordinary owner of the
// database.
func TestContract(t *testing.T) {
	s := start(t)
	t.Run("superuser", func(t *testing.T) {
		lab.Slow(t) // an ordinary owner is the harder case
		databasetest.Run(t, func(t *testing.T) databasetest.Subject {
			name := s.fresh(t)
			return s.subject(t, s.DSN(name), name)
		})
	})
	t.Run("owner", func(t *testing.T) {
		databasetest.Run(t, func(t *testing.T) databasetest.Subject {
			name := s.fresh(t)
			s.Psql(t, "postgres", fmt.Sprintf("ALTER DATABASE %q OWNER TO shop", name))
			return s.subject(t, s.as(name, "shop"), name)
		})
	})
}

// Questions of a database that keeps its connection find it as new, and find
// another one when the server has ended it.
func TestKeep(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	db := s.open(name)
	db.Keep()
	ask := func(sql string) string {
		t.Helper()
		got, err := db.Query(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return got
	}
	pid := ask("SELECT pg_backend_pid()")
	if again := ask("SELECT pg_backend_pid()"); again != pid {
		t.Errorf("a second connection: %s and %s", pid, again)
	}
	if _, err := db.Query(t.Context(), "SELECT 1 FROM nowhere"); err == nil {
		t.Error("a table that is not there is read")
	}
	if _, err := db.Query(t.Context(), "CREATE TABLE t ()"); err == nil {
		t.Error("it writes")
	}
	ask("SELECT set_config('search_path', 'nowhere', false) || pg_advisory_lock(7)::text")
	if got := ask("SELECT current_setting('search_path') || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"); got != `"$user", public0` {
		t.Errorf("the question before it has left %s", got)
	}
	if again := ask("SELECT pg_backend_pid()"); again != pid {
		t.Error("after a mistake there is a second connection")
	}
	s.Psql(t, "postgres", "SELECT pg_terminate_backend("+pid+")")
	if again := ask("SELECT pg_backend_pid()"); again == pid {
		t.Error("the connection that was ended still answers")
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if left := s.Psql(t, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = '"+AppName("run-1/backup/do")+"' AND datname = '"+name+"'"); strings.TrimSpace(left) != "0" {
		t.Errorf("%s connections are open after the end", left)
	}
}
