package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// PG is a PostgreSQL server of the lab's own on 127.0.0.1, with one superuser
// and a password that nothing else uses, so that a test can look for it where
// it must not be.
type PG struct {
	server
	User     string
	Password string
	Bin      string // folder of the server's programs

	opts PGOptions
}

// PGOptions says how the server differs from the fast default.
type PGOptions struct {
	Fsync bool // write through to the disk as a real server does; for measurements
}

// PGBin gives the folder of the newest PostgreSQL of Debian's packages.
func PGBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", fmt.Errorf("cannot look for PostgreSQL: %w", err)
	}
	best, version := "", 0
	for _, path := range found {
		dir := filepath.Dir(path)
		if v, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && v > version {
			best, version = dir, v
		}
	}
	if best == "" {
		return "", errors.New("cannot find PostgreSQL under /usr/lib/postgresql: run scripts/setup-debian.sh")
	}
	return best, nil
}

// StartPG starts a server and waits until it answers. Stop ends it.
func StartPG(ctx context.Context, opts PGOptions) (*PG, error) {
	bin, err := PGBin()
	if err != nil {
		return nil, err
	}
	account, err := Unprivileged("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := openDir()
	if err != nil {
		return nil, err
	}
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // never fails (crypto/rand)
	pg := &PG{server: server{name: "PostgreSQL", Log: filepath.Join(dir, "log"), Account: account, dir: dir}, opts: opts, User: "lab", Password: "pw-" + hex.EncodeToString(secret[:]), Bin: bin}
	if err := pg.initdb(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := pg.onFreePort(func() error { return pg.Again(ctx) }); err != nil {
		return nil, errors.Join(err, pg.Stop())
	}
	return pg, nil
}

func (pg *PG) initdb(ctx context.Context) error {
	pw := filepath.Join(pg.dir, "pw")
	if err := os.WriteFile(pw, []byte(pg.Password), 0o600); err != nil {
		return fmt.Errorf("cannot write the server's password: %w", err)
	}
	for _, path := range []string{pg.dir, pw} {
		if err := pg.Account.Own(path); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(pg.Bin, "initdb"), "-D", filepath.Join(pg.dir, "data"), "-U", pg.User, "--pwfile="+pw,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	cmd.Dir = pg.dir
	pg.Account.apply(cmd, false)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot set PostgreSQL up as %s: initdb: %w\n%s", pg.Account.Name, err, out)
	}
	return nil
}

// Again starts a halted server on its data and its port.
func (pg *PG) Again(ctx context.Context) error {
	args := []string{"-D", filepath.Join(pg.dir, "data"), "-p", strconv.Itoa(pg.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="}
	if !pg.opts.Fsync {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	if err := pg.spawn(os.O_TRUNC, interruptScript, filepath.Join(pg.Bin, "postgres"), args...); err != nil {
		return err
	}
	return pg.ready(ctx, 30*time.Second, 20*time.Millisecond, func() bool {
		return exec.CommandContext(ctx, filepath.Join(pg.Bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(pg.Port)).Run() == nil
	})
}

// Stop ends the server, by the pid that it was started with, and removes its
// data. It may be called again.
func (pg *PG) Stop() error { return errors.Join(pg.Halt(), os.RemoveAll(pg.dir)) }

// Halt ends the server and keeps its data: every session is cut off, and
// nobody is answered until Again. SIGINT is PostgreSQL's fast shutdown: sessions
// are ended, data is written.
func (pg *PG) Halt() error { return pg.end(interrupt, kill) }

// DSN gives the address of a database, with the password in it.
func (pg *PG) DSN(db string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(pg.User, pg.Password), Host: "127.0.0.1:" + strconv.Itoa(pg.Port), Path: "/" + db, RawQuery: "sslmode=disable"}
	return u.String()
}

// Env gives what PostgreSQL's own programs need to reach a database of the
// server, so that the password stands in no argument list.
func (pg *PG) Env(db string) []string {
	return []string{"PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(pg.Port), "PGUSER=" + pg.User, "PGPASSWORD=" + pg.Password, "PGDATABASE=" + db, "PGSSLMODE=disable"}
}

// CreateDB makes an empty database.
func (pg *PG) CreateDB(ctx context.Context, name string) error {
	_, err := pg.Psql(ctx, "postgres", `CREATE DATABASE "`+name+`"`)
	return err
}

// CopyDB makes a database with the content of another, to which nobody may be
// connected.
func (pg *PG) CopyDB(ctx context.Context, from, to string) error {
	_, err := pg.Psql(ctx, "postgres", `CREATE DATABASE "`+to+`" TEMPLATE "`+from+`"`)
	return err
}

// DropDB removes a database and ends the sessions that use it.
func (pg *PG) DropDB(ctx context.Context, name string) error {
	_, err := pg.Psql(ctx, "postgres", `DROP DATABASE IF EXISTS "`+name+`" WITH (FORCE)`)
	return err
}

// Psql runs SQL in a database and gives the rows: fields parted by |, one row
// a line, no heading. The first error ends it.
func (pg *PG) Psql(ctx context.Context, db, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(pg.Bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-")
	cmd.Env = append(os.Environ(), pg.Env(db)...)
	cmd.Stdin = strings.NewReader(sql)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("cannot run SQL in %s: %w\n%s", db, err, errs.String())
	}
	return strings.TrimRight(out.String(), "\n"), nil
}
