package mariadb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"

	"upkeep/internal/database"
)

// conn carries out scripts.
type conn struct {
	*link
	id string
}

const carrying = "carry out scripts"

// Connect implements database.Database.
func (db *DB) Connect(ctx context.Context, limits database.Limits) (database.Conn, error) {
	l, err := db.connect(ctx, carrying)
	if err != nil {
		return nil, err
	}
	c := &conn{link: l}
	if err := c.work(ctx, limits, db.patience); err != nil {
		l.close()
		return nil, l.fail(ctx, carrying, err)
	}
	return c, nil
}

func (c *conn) work(ctx context.Context, limits database.Limits, patience time.Duration) (err error) {
	if c.id, err = c.text(ctx, "SELECT connection_id()"); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(c.schema)) // names of locks are short, and the whole server's
	name := "upkeep/scripts/" + hex.EncodeToString(sum[:12])
	got, err := c.text(ctx, "SELECT coalesce(get_lock(?, 3), 0)", name) // a session that has gone may still be noticed as there
	if err != nil {
		return err
	}
	if got != "1" {
		return fmt.Errorf("%w: another Upkeep carries out scripts (%s)", database.ErrInUse, c.holder(ctx, name))
	}
	if limits.Lock == 0 {
		limits.Lock = patience
	}
	seconds := max(1, int(limits.Lock.Seconds()))
	return c.run(ctx, fmt.Sprintf("SET SESSION sql_mode = DEFAULT, time_zone = DEFAULT, lock_wait_timeout = %d, innodb_lock_wait_timeout = %[1]d, max_statement_time = %d",
		seconds, int(limits.Statement.Seconds())))
}

// holder words who has a lock.
func (l *link) holder(ctx context.Context, name string) string {
	id, err := l.text(ctx, "SELECT coalesce(is_used_lock(?), '')", name)
	if err != nil || id == "" {
		return "it has just ended"
	}
	who, err := l.text(ctx, "SELECT concat('session ', id, ' of account ', user, ' from ', host) FROM information_schema.processlist WHERE id = ?", id)
	if err != nil { // it is another account's
		return "session " + id
	}
	return who
}

// ID implements database.Conn.
func (c *conn) ID() string { return c.id }

// Exec implements database.Conn. The server is not told to take several
// statements at once.
func (c *conn) Exec(ctx context.Context, s database.Statement) (int64, error) {
	res, err := c.ExecContext(ctx, s.Text)
	if err != nil {
		line, err := atLine(s, err)
		if err = c.fail(ctx, carrying, err); line > 0 {
			err = &database.LineError{Line: line, Err: err}
		}
		return 0, err
	}
	n, _ := res.RowsAffected() // never fails (go-sql-driver/mysql)
	return n, nil
}

// atLine gives the line of the script that the server complains about; 0: it is
// of none. The line that the server counts within the statement goes out of its
// message.
func atLine(s database.Statement, err error) (int, error) {
	var said *mysql.MySQLError
	if s.Line == 0 || !errors.As(err, &said) {
		return s.Line, err
	}
	m := lineOfStatement.FindStringSubmatchIndex(said.Message)
	if m == nil {
		return s.Line, err
	}
	n, _ := strconv.Atoi(said.Message[m[2]:m[3]]) // 0 where it is too large
	if n < 1 {
		return s.Line, err
	}
	plain := *said
	plain.Message = said.Message[:m[0]]
	return s.Begin + n - 1, &plain
}

// lineOfStatement ends what the server says of a mistake in the syntax.
var lineOfStatement = regexp.MustCompile(` at line ([0-9]{1,9})$`)

// Close implements database.Conn.
func (c *conn) Close() error {
	c.close()
	return nil
}

// Native implements database.Database.
func (db *DB) Native(context.Context) (database.Client, error) {
	const what = "carry out a script with the mariadb client"
	address, err := db.config.Address()
	if err != nil {
		return database.Client{}, fmt.Errorf("cannot %s: cannot read the database address: %w", what, err)
	}
	t, err := parse(address)
	if err != nil {
		return database.Client{}, fmt.Errorf("cannot %s: %w", what, err)
	}
	if db.inside != "" {
		t.config.DBName = db.inside
	}
	path, err := exec.LookPath("mariadb")
	if err != nil {
		return database.Client{}, fmt.Errorf("cannot %s: %w: mariadb: install the package mariadb-client", what, database.ErrToolMissing)
	}
	if t.config.TLSConfig != "" && t.config.TLSConfig != "false" {
		return database.Client{}, fmt.Errorf("cannot %s: %w", what, errors.New("an address with tls is not handed to it"))
	}
	at := []string{"--socket=" + t.config.Addr}
	if t.config.Net != "unix" {
		host, port, err := net.SplitHostPort(t.config.Addr)
		if err != nil {
			return database.Client{}, fmt.Errorf("cannot %s: %w: its host is not understood", what, database.ErrAddress)
		}
		at = []string{"--protocol=tcp", "--host=" + host, "--port=" + port}
	}
	args := append([]string{path, "--no-defaults", "--batch", "--default-character-set=utf8mb4", "--user=" + t.config.User}, at...)
	return database.Client{Args: append(args, t.config.DBName), Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "MYSQL_PWD=" + t.config.Passwd}}, nil
}
