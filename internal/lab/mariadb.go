package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// MariaDB is a MariaDB server of the lab's own on 127.0.0.1 and a socket, with
// one account that may do everything and a password that nothing else uses.
type MariaDB struct {
	server
	Socket   string
	User     string
	Password string
}

// killScript ends a server by its pid and removes its folder.
const killScript = `read -r _
kill -KILL "$1" && sleep 1
rm -rf -- "$2"`

const mariadbd = "/usr/sbin/mariadbd"

// StartMariaDB starts a server and waits until it answers. Stop ends it.
func StartMariaDB(ctx context.Context) (*MariaDB, error) {
	if _, err := os.Stat(mariadbd); err != nil {
		return nil, fmt.Errorf("cannot find MariaDB at %s: run scripts/setup-debian.sh", mariadbd)
	}
	account, err := Unprivileged("mysql")
	if err != nil {
		return nil, err
	}
	dir, err := openDir()
	if err != nil {
		return nil, err
	}
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // never fails (crypto/rand)
	m := &MariaDB{server: server{name: "MariaDB", Log: filepath.Join(dir, "log"), Account: account, dir: dir}, User: "lab", Password: "pw-" + hex.EncodeToString(secret[:]), Socket: filepath.Join(dir, "s")}
	if err := m.install(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := m.Again(ctx); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

// install makes the server's own tables and the account.
func (m *MariaDB) install(ctx context.Context) error {
	data, first := filepath.Join(m.dir, "data"), filepath.Join(m.dir, "first.sql")
	sql := fmt.Sprintf("CREATE OR REPLACE USER %s@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO %[1]s@'%%' WITH GRANT OPTION;\n", m.User, m.Password)
	err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(first, []byte(sql), 0o600))
	if err != nil {
		return fmt.Errorf("cannot prepare the folder of MariaDB: %w", err)
	}
	for _, path := range []string{m.dir, data, first} {
		if err := m.Account.Own(path); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M", "--skip-log-bin")
	cmd.Dir = m.dir
	m.Account.apply(cmd, false)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot set MariaDB up as %s: mariadb-install-db: %w\n%s", m.Account.Name, err, out)
	}
	return nil
}

// Again starts a server that is not running on its data.
func (m *MariaDB) Again(ctx context.Context) error {
	return m.onFreePort(func() error {
		err := m.spawn(os.O_APPEND, killScript, mariadbd, "--no-defaults", "--datadir="+filepath.Join(m.dir, "data"), "--socket="+m.Socket, "--pid-file="+filepath.Join(m.dir, "pid"),
			"--port="+strconv.Itoa(m.Port), "--bind-address=127.0.0.1", "--skip-name-resolve", "--init-file="+filepath.Join(m.dir, "first.sql"), "--secure-file-priv="+m.dir, "--tmpdir="+m.dir,
			"--innodb-buffer-pool-size=48M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=2", "--innodb-use-native-aio=0", "--event-scheduler=ON", "--max-allowed-packet=16M")
		if err != nil {
			return err
		}
		return m.ready(ctx, time.Minute, 50*time.Millisecond, func() bool {
			_, err := m.SQL(ctx, "", "SELECT 1")
			return err == nil
		})
	})
}

// Stop ends the server, by the pid that it was started with, and removes its
// data. It may be called again.
func (m *MariaDB) Stop() error { return errors.Join(m.end(terminate, kill), os.RemoveAll(m.dir)) }

// Kill ends the server at once, as a crash does, and keeps its data.
func (m *MariaDB) Kill() error { return m.end(kill) }

// DSN gives the address of a database, with the password in it.
func (m *MariaDB) DSN(db string) string {
	return fmt.Sprintf("%s:%s@tcp(127.0.0.1:%d)/%s", m.User, m.Password, m.Port, db)
}

// SQL runs statements in a database (empty: in none) with the server's own
// client and gives the rows: fields parted by tabs, one row a line, no heading.
// The first error ends it.
func (m *MariaDB) SQL(ctx context.Context, db, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, "mariadb", "--no-defaults", "--socket="+m.Socket, "--user="+m.User, "--batch", "--skip-column-names", "--comments", "--default-character-set=utf8mb4", db)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+m.Password)
	cmd.Stdin = strings.NewReader(sql)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("cannot run SQL in %s: %w\n%s", db, err, errs.String())
	}
	return strings.TrimRight(out.String(), "\n"), nil
}
