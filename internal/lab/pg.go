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
	Port     int
	User     string
	Password string
	Bin      string  // folder of the server's programs
	Log      string  // the server's log file
	Account  Account // under whom it runs

	dir   string
	opts  PGOptions
	cmd   *exec.Cmd
	done  chan error // closed when the server has ended
	watch *watcher
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
	pg := &PG{opts: opts, User: "lab", Password: "pw-" + hex.EncodeToString(secret[:]), Bin: bin, Log: filepath.Join(dir, "log"), Account: account, dir: dir}
	if err := pg.initdb(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := pg.start(ctx); err != nil {
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

// A free port may be taken by another before the server has it.
const pgStartTries = 5

func (pg *PG) start(ctx context.Context) error {
	var err error
	for range pgStartTries {
		if pg.Port, err = freePort(); err != nil {
			return err
		}
		if err = pg.startOn(ctx); err == nil {
			return nil
		}
		if !strings.Contains(pg.logTail(), "Address already in use") {
			return err
		}
	}
	return err
}

func (pg *PG) startOn(ctx context.Context) error {
	log, err := os.OpenFile(pg.Log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot open the server's log: %w", err)
	}
	defer log.Close()
	args := []string{"-D", filepath.Join(pg.dir, "data"), "-p", strconv.Itoa(pg.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="}
	if !pg.opts.Fsync {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	pg.cmd = exec.Command(filepath.Join(pg.Bin, "postgres"), args...)
	pg.cmd.Dir, pg.cmd.Stdout, pg.cmd.Stderr = pg.dir, log, log
	pg.Account.apply(pg.cmd, true)
	if err := pg.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start PostgreSQL: %w", err)
	}
	pg.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait(); close(done) }(pg.cmd, pg.done)
	if pg.watch, err = watch(interruptScript, strconv.Itoa(pg.cmd.Process.Pid), pg.dir); err != nil {
		return err
	}
	return pg.ready(ctx)
}

func (pg *PG) ready(ctx context.Context) error {
	deadline := time.Now().Add(30 * time.Second)
	// a machine that stood still for a while has let the time pass without a look
	for looks := 0; looks < 100 || time.Now().Before(deadline); looks++ {
		select {
		case err := <-pg.done:
			return errors.Join(fmt.Errorf("cannot start PostgreSQL: it ended at once (%v):\n%s", err, pg.logTail()), pg.watch.release())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if exec.CommandContext(ctx, filepath.Join(pg.Bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(pg.Port)).Run() == nil {
			return nil
		}
	}
	return fmt.Errorf("cannot start PostgreSQL: no answer on 127.0.0.1:%d within 30 s:\n%s", pg.Port, pg.logTail())
}

// Stop ends the server, by the pid that it was started with, and removes its
// data. It may be called again.
func (pg *PG) Stop() error { return errors.Join(pg.Halt(), os.RemoveAll(pg.dir)) }

// Halt ends the server and keeps its data: every session is cut off, and
// nobody is answered until Again.
func (pg *PG) Halt() error {
	err := pg.halt()
	if pg.watch != nil {
		err = errors.Join(err, pg.watch.release())
	}
	return err
}

// Again starts a halted server on its data and its port.
func (pg *PG) Again(ctx context.Context) error { return pg.startOn(ctx) }

func (pg *PG) halt() error {
	if pg.cmd == nil || pg.cmd.Process == nil {
		return nil
	}
	// SIGINT is PostgreSQL's fast shutdown: sessions are ended, data is written.
	for _, signal := range []func(int) error{interrupt, kill} {
		select {
		case <-pg.done:
			return nil
		default:
		}
		if err := signal(pg.cmd.Process.Pid); err != nil {
			return fmt.Errorf("cannot stop PostgreSQL (pid %d): %w", pg.cmd.Process.Pid, err)
		}
		select {
		case <-pg.done:
			return nil
		case <-time.After(15 * time.Second):
		}
	}
	return fmt.Errorf("cannot stop PostgreSQL (pid %d): it is still there after SIGKILL", pg.cmd.Process.Pid)
}

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

func (pg *PG) logTail() string {
	text, err := os.ReadFile(pg.Log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
