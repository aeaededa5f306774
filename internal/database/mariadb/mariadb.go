// Package mariadb is the database kind for MariaDB 10.6 and later, through
// go-sql-driver/mysql: no program is needed. Why dumps are not mariadb-dump's,
// and how a restore takes effect at one instant on a server whose DDL knows no
// transactions, is in docs/adr/0030-mariadb.md.
//
// It may import package database, go-sql-driver/mysql and the standard library.
package mariadb

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"upkeep/internal/database"
)

// Config says which database, and in whose name.
type Config struct {
	// Address gives the URL or the driver's own form, password included. It is
	// called when a connection is made and its result is never kept or printed.
	Address func() (string, error)
	// OpID names the operation; every session can be found by it (see Sessions).
	OpID string
}

// DB is a MariaDB database. It holds no connection between calls.
type DB struct {
	config   Config
	patience time.Duration // how long a lock of somebody else is waited for
	inside   string        // a scratch database: this one, and none that the address names
	asleep   asleep        // its events
	made     func() error  // removes it
}

var _ database.Database = (*DB)(nil)

// New makes the value; it connects to nothing.
func New(c Config) *DB { return &DB{config: c, patience: 30 * time.Second} }

// Kind is "mariadb".
func (db *DB) Kind() string { return "mariadb" }

// Close removes a scratch database; no connection outlives a call.
func (db *DB) Close() error {
	if db.made != nil {
		return db.made()
	}
	return nil
}

// link is one connection with what messages need to know.
type link struct {
	*sql.Conn
	pool   *sql.DB
	where  string // database "shop" at 127.0.0.1:3306
	schema string // the database's name
	server string // "10.11.19"
	major  int
	asleep asleep
}

// oldest is the first release in which a RENAME of many tables takes effect as
// a whole, through a crash of the server too.
var oldest = [2]int{10, 6}

// connect opens a connection for what, a verb for messages.
func (db *DB) connect(ctx context.Context, what string) (*link, error) {
	address, err := db.config.Address()
	if err != nil {
		return nil, fmt.Errorf("cannot %s: cannot read the database address: %w", what, err)
	}
	target, err := parse(address)
	if err != nil {
		return nil, fmt.Errorf("cannot %s: %w", what, err)
	}
	if db.inside != "" {
		target.config.DBName, target.where = db.inside, fmt.Sprintf("scratch database %q at %s", db.inside, target.config.Addr)
	}
	connector, err := mysql.NewConnector(target.config)
	if err != nil {
		return nil, fmt.Errorf("cannot %s: %s: %w: a value in it is not understood", what, target.where, database.ErrAddress)
	}
	pool := sql.OpenDB(connector)
	conn, err := pool.Conn(ctx)
	if err != nil {
		_ = pool.Close() // nothing is open
		return nil, fmt.Errorf("cannot %s: %s: %w", what, target.where, explain(ctx, atConnect(err)))
	}
	l := &link{Conn: conn, pool: pool, where: target.where, schema: target.config.DBName, asleep: db.asleep}
	if err := l.begin(ctx, db); err != nil {
		l.close()
		return nil, l.fail(ctx, what, err)
	}
	return l, nil
}

// begin finds out what the server is, and fixes what the text of values and
// definitions depends on.
func (l *link) begin(ctx context.Context, db *DB) error {
	version, err := l.text(ctx, "SELECT version()")
	if err != nil {
		return err
	}
	if !strings.Contains(version, "MariaDB") {
		return fmt.Errorf("the server is MySQL %s, and only MariaDB is known", version)
	}
	// replication of old servers puts 5.5.5- before the version
	l.server, _, _ = strings.Cut(strings.TrimPrefix(version, "5.5.5-"), "-")
	major, rest, _ := strings.Cut(l.server, ".")
	second, _, _ := strings.Cut(rest, ".")
	l.major, _ = strconv.Atoi(major) // digits, by the server's own word
	minor, _ := strconv.Atoi(second)
	if l.major < oldest[0] || l.major == oldest[0] && minor < oldest[1] {
		return fmt.Errorf("the server is MariaDB %s, and %d.%d is the oldest that can be upgraded safely", l.server, oldest[0], oldest[1])
	}
	if _, err := l.ExecContext(ctx, fmt.Sprintf(`SET SESSION sql_mode = '', time_zone = '+00:00', sql_quote_show_create = 1, sql_select_limit = DEFAULT,
		max_statement_time = 0, lock_wait_timeout = %d, innodb_lock_wait_timeout = %[1]d, group_concat_max_len = 67108864,
		net_read_timeout = 3600, net_write_timeout = 3600, wait_timeout = 86400`, max(1, int(db.patience.Seconds())))); err != nil {
		return err
	}
	if err := l.run(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"); err != nil {
		return err
	}
	return l.sign(ctx, db.config.OpID)
}

// close says goodbye.
func (l *link) close() {
	_ = l.Conn.Close() // the session ends with the socket in any case
	_ = l.pool.Close()
}

// fail words an error of an operation on l.
func (l *link) fail(ctx context.Context, what string, err error) error {
	return fmt.Errorf("cannot %s: %s: %w", what, l.where, explain(ctx, err))
}

// text reads one value, which is not NULL.
func (l *link) text(ctx context.Context, query string, args ...any) (string, error) {
	var s string
	err := l.QueryRowContext(ctx, query, args...).Scan(&s)
	return s, err
}

// table reads all rows of a small result; NULL is read as empty.
func (l *link) table(ctx context.Context, query string, args ...any) ([]map[string]string, error) {
	rows, err := l.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	cells, refs := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range cells {
		refs[i] = &cells[i]
	}
	var out []map[string]string
	for rows.Next() {
		if err := rows.Scan(refs...); err != nil {
			return nil, err
		}
		row := map[string]string{}
		for i, name := range names {
			row[strings.ToLower(name)] = cells[i].String
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// run runs statements that give nothing back.
func (l *link) run(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := l.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// quote quotes a name.
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
