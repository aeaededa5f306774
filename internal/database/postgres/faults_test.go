package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/lab"
)

// TestErrors tells causes apart, and shows no password.
func TestErrors(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, name, "CREATE TABLE secret (x int)")
	good := s.DSN(name)
	for _, c := range []struct {
		name, dsn string
		want      error
	}{
		{"good", good, nil},
		{"nobody listens", strings.Replace(good, fmt.Sprint(s.Port), fmt.Sprint(lab.FreePort(t)), 1), database.ErrUnreachable},
		{"no such host", strings.Replace(good, "127.0.0.1", "nowhere.invalid", 1), database.ErrUnreachable},
		{"wrong password", strings.Replace(good, s.Password, "guess-77", 1), database.ErrAuth},
		{"no such account", strings.Replace(good, s.User+":", "nobody:", 1), database.ErrAuth},
		{"no such database", s.DSN("other"), database.ErrNoDatabase},
		{"no connection left", s.as(name, "alone"), database.ErrBusy},
		{"no right", s.as(name, "shop"), database.ErrPermission},
		{"not an address", "hello pw-77", database.ErrAddress},
		{"bad escape", "postgres://a:pw-77%zz@h/d", database.ErrAddress},
		{"bad port", "host=127.0.0.1 port=pw-77", database.ErrAddress},
		{"empty", " ", database.ErrAddress},
	} {
		db := open(c.dsn)
		_, err := db.Query(t.Context(), "SELECT count(*) FROM secret")
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: Query: %v; want %v", c.name, err, c.want)
		}
		_, err = db.Dump(t.Context(), io.Discard)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: Dump: %v; want %v", c.name, err, c.want)
		}
		for _, word := range []string{s.Password, "guess-77", "pw-77", ":pw@"} {
			if err != nil && strings.Contains(err.Error(), word) {
				t.Errorf("%s: the message shows %q: %v", c.name, word, err)
			}
		}
	}
}

// TestRights says beforehand what an account cannot do.
func TestRights(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, name, "CREATE TABLE theirs (x int); CREATE TABLE more (x int); GRANT SELECT ON theirs, more TO shop")
	info, err := open(s.as(name, "shop")).Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := info.Rights; !r.Dump || r.Restore || r.Globals || r.EndOthers || len(r.Problems) != 2 {
		t.Errorf("an ordinary account: %+v; want a dump but no restore, with two reasons", r)
	}
	s.Psql(t, name, "REVOKE SELECT ON more FROM shop")
	if info, err = open(s.as(name, "shop")).Inspect(t.Context()); err != nil || info.Rights.Dump {
		t.Errorf("may dump without the right to read: %+v, %v", info.Rights, err)
	}
	if info, err = s.open(name).Inspect(t.Context()); err != nil || !info.Rights.Dump || !info.Rights.Restore || !info.Rights.Globals || !info.Rights.EndOthers {
		t.Errorf("a superuser: %+v, %v", info.Rights, err)
	}
	var roles bytes.Buffer
	if err := s.open(name).Globals(t.Context(), &roles); err != nil || !strings.Contains(roles.String(), "CREATE ROLE shop") {
		t.Errorf("globals: %v, %q", err, roles.String())
	}
	if err := open(s.as(name, "shop")).Globals(t.Context(), io.Discard); !errors.Is(err, database.ErrPermission) {
		t.Errorf("globals without the right: %v", err)
	}
}

// TestSessions finds and ends the sessions of an operation, those of child
// programs too, and nobody else's.
func TestSessions(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	db := s.open(name)
	s.Psql(t, name, "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)")
	bystander, err := New(Config{Address: db.config.Address, OpID: "run-1/backup/undo"}).connect(t.Context(), "stand by")
	if err != nil {
		t.Fatal(err)
	}
	defer bystander.close()
	r, w := io.Pipe() // nobody reads: pg_dump hangs
	done := make(chan error, 1)
	go func() {
		_, err := db.Dump(context.Background(), w)
		done <- err
	}()
	asking := New(Config{Address: db.config.Address, OpID: "recovery"})
	var list []database.Session
	for range 500 {
		if list, err = asking.Sessions(t.Context(), db.config.OpID); err != nil || len(list) == 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil || len(list) != 2 {
		t.Fatalf("sessions %+v, %v; want pg_dump's and ours", list, err)
	}
	if n, err := asking.EndSessions(t.Context(), db.config.OpID); err != nil || n != 2 {
		t.Errorf("ended %d, %v; want 2", n, err)
	}
	_ = r.CloseWithError(errors.New("gone"))
	if err := <-done; err == nil {
		t.Error("a dump whose sessions were ended succeeded")
	}
	if _, err := bystander.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("another operation's session was ended: %v", err)
	}
}

// TestInUse puts out who may be put out, and names the cause where it may not.
func TestInUse(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, "postgres", fmt.Sprintf("ALTER DATABASE %q OWNER TO shop", name))
	sub := s.subject(t, s.as(name, "shop"), name)
	sub.Exec(t, databasetest.Fill)
	want := databasetest.Fingerprint(t, sub.DB)
	dump, _ := databasetest.Dump(t, sub.DB)
	hold := func(db *DB) *link {
		l, err := db.connect(t.Context(), "hold a lock")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.close)
		if _, err := l.PgConn().Exec(t.Context(), "BEGIN; SELECT * FROM users").ReadAll(); err != nil {
			t.Fatal(err)
		}
		return l
	}
	product := New(Config{Address: func() (string, error) { return s.as(name, "shop"), nil }, OpID: "product"})
	hold(product)
	if err := sub.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatalf("the product's own session was in the way: %v", err)
	}
	databasetest.Same(t, "restored", want, databasetest.Fingerprint(t, sub.DB))

	admin := hold(New(Config{Address: func() (string, error) { return s.DSN(name), nil }, OpID: "admin"}))
	impatient := open(s.as(name, "shop"))
	impatient.patience = 300 * time.Millisecond
	if err := impatient.Restore(t.Context(), bytes.NewReader(dump)); !errors.Is(err, database.ErrInUse) {
		t.Errorf("a superuser's lock: %v; want ErrInUse", err)
	}
	if _, err := admin.Exec(t.Context(), "COMMIT"); err != nil {
		t.Errorf("the superuser's session was ended: %v", err)
	}
	databasetest.Same(t, "refused", want, databasetest.Fingerprint(t, sub.DB))
}

// TestDumpOfALockedTable: what holds a table for long is named, not waited for
// without end.
func TestDumpOfALockedTable(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, name, "CREATE TABLE users (x int)")
	l, err := s.open(name).connect(t.Context(), "hold a lock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	if _, err := l.PgConn().Exec(t.Context(), "BEGIN; LOCK users").ReadAll(); err != nil {
		t.Fatal(err)
	}
	impatient := s.open(name)
	impatient.patience = 300 * time.Millisecond
	if _, err := impatient.Dump(t.Context(), io.Discard); !errors.Is(err, database.ErrInUse) {
		t.Errorf("Dump gives %v; want ErrInUse", err)
	}
}

// tools makes a folder with the real programs, one of them replaced by a
// script that finds the real one in $REAL.
func tools(t *testing.T, s *server, program, script string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"pg_dump", "pg_restore", "psql"} {
		real := filepath.Join(s.Bin, name)
		if name != program {
			if err := os.Symlink(real, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		text := fmt.Sprintf("#!/bin/sh\nREAL=%s\n[ \"$1\" = --version ] && exec $REAL --version\n%s\n", real, script)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFailingPrograms: whatever a child does wrong is an error, and changes
// nothing.
func TestFailingPrograms(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.DSN(name), name)
	sub.Exec(t, databasetest.Fill)
	dump, _ := databasetest.Dump(t, sub.DB)
	sub.Exec(t, "UPDATE users SET note = 'later'")
	before := databasetest.Fingerprint(t, sub.DB)
	for _, c := range []struct{ name, program, script, want string }{
		{"pg_dump fails after all", "pg_dump", "$REAL \"$@\"; echo 'pg_dump: error: bad luck' >&2; exit 1", "bad luck"},
		{"pg_dump is killed", "pg_dump", "$REAL \"$@\" | head -c 500; kill -9 $$", "signal: killed"},
		{"pg_dump writes nothing", "pg_dump", "exit 3", "exit status 3"},
		{"pg_restore fails after all", "pg_restore", "[ $2 = --list ] && exec $REAL \"$@\"\n$REAL \"$@\"; echo 'bad luck' >&2; exit 1", "bad luck"},
		{"pg_restore stops half way", "pg_restore", "[ $2 = --list ] && exec $REAL \"$@\"\n$REAL \"$@\" | head -c 3000; kill -9 $$", "signal: killed"},
		{"psql is killed", "psql", "head -c 9000 | $REAL \"$@\"; kill -9 $$", "signal: killed"},
		{"psql floods", "psql", "yes complaint | head -c 3000000 >&2; exit 1", "bytes left out"},
		{"psql is missing", "psql", "exit 127", "exit status 127"},
	} {
		db := New(Config{Address: sub.DB.(*DB).config.Address, OpID: "x", Tools: tools(t, s, c.program, c.script)})
		var err error
		if c.program == "pg_dump" {
			var report database.Report
			if report, err = db.Dump(t.Context(), io.Discard); report.Bytes != 0 {
				t.Errorf("%s: a report of a failed dump: %+v", c.name, report)
			}
		} else {
			err = db.Restore(t.Context(), bytes.NewReader(dump))
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 12<<10 {
			t.Errorf("%s: %.300v; want %q", c.name, err, c.want)
		}
		databasetest.Same(t, c.name, before, databasetest.Fingerprint(t, sub.DB))
	}
}

// TestPasswordStaysHidden looks at what child programs were given.
func TestPasswordStaysHidden(t *testing.T) {
	t.Setenv("UPKEEP_TEST_SECRET", "of the engine") // nothing of ours is inherited
	s := start(t)
	name := s.fresh(t)
	seen := filepath.Join(t.TempDir(), "seen")
	spy := fmt.Sprintf("{ echo \"$@\"; env | grep -v PGPASSWORD; } >>%s; exec $REAL \"$@\"", seen)
	db := New(Config{Address: func() (string, error) { return s.DSN(name), nil }, OpID: "op", Tools: tools(t, s, "pg_dump", spy)})
	dump, _ := databasetest.Dump(t, db)
	db = New(Config{Address: db.config.Address, OpID: "op", Tools: tools(t, s, "psql", spy)})
	if err := db.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(seen)
	if err != nil || !strings.Contains(string(text), "PGAPPNAME=upkeep/op") {
		t.Fatalf("the programs were not seen: %v, %s", err, text)
	}
	for _, secret := range []string{s.Password, "UPKEEP_TEST_SECRET"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q was shown to a child program: %s", secret, text)
		}
	}
}

// TestToolsMissing names the package.
func TestToolsMissing(t *testing.T) {
	for _, c := range []struct {
		name, version string
		server        int
		want          string
	}{
		{"old", "14.2", 15, "newest here is 14.2"},
		{"none", "", 15, "none is installed"},
		{"same", "15.1", 15, ""},
		{"newer", "17beta1", 15, ""},
	} {
		dir := t.TempDir()
		for _, p := range need {
			if c.version == "" {
				break
			}
			if err := os.WriteFile(filepath.Join(dir, p), []byte("#!/bin/sh\necho 'pg_dump (PostgreSQL) "+c.version+" (Debian)'\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		_, err := toolbox{dir: dir}.find(t.Context(), c.server)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if !errors.Is(err, database.ErrToolMissing) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "postgresql-client-15") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestKilled kills the process that restores, with signal 9, at many moments:
// the content is from before or the dump's, and a second run completes it.
func TestKilled(t *testing.T) {
	if dsn, child := databasetest.Restoring(); child {
		if err := open(dsn).Restore(t.Context(), os.Stdin); err != nil {
			t.Fatal(err)
		}
		return
	}
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.DSN(name), name)
	sub.Exec(t, databasetest.Fill)
	sub.Exec(t, "CREATE TABLE big AS SELECT i, repeat('x', 500) FROM generate_series(1, 4000) i")
	databasetest.Killed(t, sub, s.DSN(name), "run-1/backup/do")
}
