package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
)

// TestScratchExact proves a dump of one of everything, and nobody else may
// look at the copy.
func TestScratchExact(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.DSN(name), name)
	sub.Exec(t, rich)
	sub.Exec(t, richer)
	databasetest.Proven(t, sub, func(d database.Database) error {
		at, err := d.Query(t.Context(), "SELECT current_database()")
		if err != nil {
			return err
		}
		if !strings.HasPrefix(at, "upkeep_scratch_") {
			t.Errorf("the scratch database is %s", at)
		}
		for sql, want := range map[string]string{
			"SELECT has_database_privilege('reader', current_database(), 'CONNECT')": "f",
			"SELECT has_database_privilege('shop', current_database(), 'CONNECT')":   "f",
			"SELECT has_database_privilege('reader', '" + name + "', 'CONNECT')":     "t",
		} {
			if got, err := d.Query(t.Context(), sql); err != nil || got != want {
				t.Errorf("%s: %s, %v", sql, got, err)
			}
		}
		return nil
	})
}

// TestScratchRights: what an account cannot do is told before, in a sentence.
func TestScratchRights(t *testing.T) {
	s := start(t)
	s.Psql(t, "postgres", "DO $$ BEGIN CREATE ROLE plain LOGIN PASSWORD 'pw'; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
	for want, sql := range map[string]string{
		"account plain may not create databases: ALTER ROLE \"plain\" CREATEDB":                   "ALTER DATABASE %q OWNER TO plain",
		"the database uses the extension pageinspect, which only a superuser can make in another": "ALTER DATABASE %q OWNER TO shop",
	} {
		name := s.fresh(t)
		s.Psql(t, "postgres", fmt.Sprintf(sql, name))
		account := "plain"
		if strings.Contains(sql, "shop") {
			account = "shop"
			s.Psql(t, name, "CREATE EXTENSION pageinspect")
		}
		db := open(s.as(name, account))
		info, err := db.Inspect(t.Context())
		if err != nil || info.Scratch.Problem != want {
			t.Errorf("%q, %v; want %q", info.Scratch.Problem, err, want)
		}
		if account == "plain" {
			if _, err := db.Scratch(t.Context()); !errors.Is(err, database.ErrScratch) || !strings.Contains(err.Error(), "permission denied to create database") {
				t.Errorf("made all the same: %v", err)
			}
		}
	}
}

// TestScratchDir: the folder of a server on this computer is found.
func TestScratchDir(t *testing.T) {
	s := start(t)
	info, err := s.open(s.fresh(t)).Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("the server's processes are another account's")
	}
	if _, err := os.Stat(filepath.Join(info.Scratch.Dir, "PG_VERSION")); err != nil || info.Scratch.Dir == "" {
		t.Errorf("the server's folder is %q, %v", info.Scratch.Dir, err)
	}
}

// TestScratchKilled kills the process that proves, at many moments.
func TestScratchKilled(t *testing.T) {
	if dsn, child := databasetest.Proving(); child {
		s, err := open(dsn).Scratch(context.Background())
		if err == nil {
			err = s.Restore(context.Background(), os.Stdin)
		}
		if err == nil {
			_, err = s.Fingerprint(context.Background())
		}
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	s := start(t)
	name := s.fresh(t)
	sub := s.subject(t, s.DSN(name), name)
	sub.Exec(t, databasetest.Fill)
	databasetest.ScratchKilled(t, sub, s.DSN(name), func() string {
		return strings.TrimSpace(s.Psql(t, "postgres", "SELECT count(*) FROM pg_database WHERE datname = '"+database.ScratchName("run-1/backup/do", name)+"'"))
	})
}
