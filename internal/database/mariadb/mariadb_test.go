package mariadb

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

// server is the MariaDB of all tests of this package: starting one costs more
// than most of them.
type server struct {
	*lab.MariaDB
	made atomic.Int32
}

var shared = sync.OnceValues(func() (*server, error) {
	m, err := lab.StartMariaDB(context.Background())
	if err != nil {
		return nil, err
	}
	_, err = m.SQL(context.Background(), "", "CREATE USER shop@'%' IDENTIFIED BY 'pw'; GRANT ALL ON `upkeep\\_scratch\\_%`.* TO shop@'%'; CREATE USER alone@'%' IDENTIFIED BY 'pw'; CREATE USER reader@'%' IDENTIFIED BY 'pw'")
	return &server{MariaDB: m}, err
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

// SQL is that of lab, or the end of the test.
func (s *server) SQL(t testing.TB, db, sql string) string {
	t.Helper()
	out, err := s.MariaDB.SQL(context.Background(), db, sql)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fresh makes an empty database that belongs to shop, and gives its name.
func (s *server) fresh(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.made.Add(1))
	s.SQL(t, "", fmt.Sprintf("CREATE DATABASE `%s`; GRANT ALL ON `%[1]s`.* TO shop@'%%'", name))
	return name
}

func open(dsn string) *DB {
	return New(Config{Address: func() (string, error) { return dsn, nil }, OpID: "run-1/backup/do"})
}

// as is the address of a database for another account.
func (s *server) as(name, account string) string {
	return strings.Replace(s.DSN(name), s.User+":"+s.Password+"@", account+":pw@", 1)
}

func (s *server) subject(t *testing.T, dsn, name string) databasetest.Subject {
	db := open(dsn)
	return databasetest.Subject{
		OpID:    "run-1/backup/do",
		DB:      db,
		Missing: open(strings.Replace(dsn, "/"+name, "/nowhere", 1)),
		Dialect: database.MariaDB,
		Do: func(ctx context.Context, sql string) error {
			if strings.TrimSpace(sql) == "" {
				return nil
			}
			l, err := New(Config{Address: db.config.Address, OpID: "product"}).connect(ctx, "run SQL")
			if err != nil {
				return err
			}
			defer l.close()
			texts := []string{"SET SESSION sql_mode = DEFAULT, time_zone = DEFAULT, max_recursive_iterations = 10000"}
			for _, st := range database.Split(sql, database.MariaDB) {
				texts = append(texts, st.Text)
			}
			if err := l.run(ctx, texts...); err != nil {
				return l.fail(ctx, "run SQL", err)
			}
			return nil
		},
	}
}

// TestContract runs the suite as an account that may do everything and as an
// ordinary one that has rights on its database only.
func TestContract(t *testing.T) {
	s := start(t)
	for account, dsn := range map[string]func(string) string{"superuser": s.DSN, "owner": func(name string) string { return s.as(name, "shop") }} {
		t.Run(account, func(t *testing.T) {
			if account == "superuser" {
				lab.Slow(t) // an ordinary account is the harder case
			}
			databasetest.Run(t, func(t *testing.T) databasetest.Subject {
				name := s.fresh(t)
				return s.subject(t, dsn(name), name)
			})
		})
	}
}
