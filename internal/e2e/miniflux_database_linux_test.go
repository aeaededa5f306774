package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/lab"
	"upkeep/internal/run"
)

// TestMinifluxDatabaseAway: what is wrong with the database is found before
// anything happens, said clearly and without the password, and nothing is
// written.
func TestMinifluxDatabaseAway(t *testing.T) {
	s := miniflux(t).site(t)
	for _, tt := range []struct {
		name, old, new string
		want           []string
	}{
		{"not there", "127.0.0.1:" + itoa(s.PG.Port), "127.0.0.1:" + itoa(lab.FreePort(t)), []string{"database", "127.0.0.1", "connection refused"}},
		{"wrong password", s.PG.Password, "not-the-password", []string{"database", "password authentication failed"}},
		{"no such database", "/" + s.DB, "/no_such_database", []string{"no_such_database", "does not exist"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := s.Path(lab.SiteDatabaseURL)
			right, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wrong := strings.Replace(string(right), tt.old, tt.new, 1)
			if wrong == string(right) {
				t.Fatalf("the address has no %q", tt.old)
			}
			if err := os.WriteFile(path, []byte(wrong), 0o600); err != nil {
				t.Fatal(err)
			}
			before := folder(t, s.Root)
			for _, args := range [][]string{{"check", "--from", s.bundle}, {"plan", "--from", s.bundle}, s.upgrade()} {
				r := s.up(args...)
				if r.code != 1 && r.code != 3 {
					t.Errorf("upkeep %s: %v", args[0], r)
				}
				has(t, r.out+r.err, tt.want...)
				for _, secret := range []string{s.PG.Password, "not-the-password"} {
					if strings.Contains(r.out+r.err, secret) {
						t.Errorf("upkeep %s shows the password: %v", args[0], r)
					}
				}
			}
			if diff := cmp.Diff(before, folder(t, s.Root)); diff != "" {
				t.Errorf("something was written (-before +after):\n%s", diff)
			}
			if err := os.WriteFile(path, right, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	s.is(s.m.from.Version, s.m.oldSchema)
}

// with gives a lab like this one on a server of its own.
func (m *miniLab) with(t testing.TB, pg *lab.PG) *miniLab {
	t.Helper()
	m.built(t)
	other := *m
	other.pg = pg
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := other.fill(ctx); err != nil {
		t.Fatal(err)
	}
	return &other
}

// TestMinifluxServerStops: the database server stops in the middle of the
// migration. It cannot be put back while it is away: the run waits, says so,
// and goes back to exactly the old version once it is there again.
func TestMinifluxServerStops(t *testing.T) {
	m := miniflux(t)
	pg := lab.Postgres(t).PG
	s := m.with(t, pg).site(t)
	before := s.fingerprint()
	v := s.visitor()
	release := s.holdMigration()
	cmd, out := s.start(s.upgrade()...)
	s.awaitMigration()
	if err := pg.Halt(); err != nil {
		t.Fatal(err)
	}
	release()
	r := s.wait(cmd, out, out)
	if r.code != 7 {
		t.Fatalf("want a run that waits (exit 7), got %v\n%s", r, s.runLog())
	}
	has(t, r.out, "waits for your decision", "connection refused", "decide", "retry")
	has(t, s.must(0, "status").out, "waits for your decision", "retry")
	for _, visit := range v.now()[len(v.now())-5:] {
		if visit.product && visit.status != 0 {
			t.Errorf("a run that waits lets users in: %v", visit)
		}
	}
	if err := pg.Again(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.must(7, "resume") // only a decision goes on
	s.must(6, "decide", filepath.Base(s.runDir()), "retry")
	same(t, before, s.fingerprint())
	time.Sleep(50 * time.Millisecond)
	closedOnce(t, v.seen())
	s.is(s.m.from.Version, s.m.oldSchema)
	s.nothingLeft()
	s.journalIsSound(run.ResultOld)
	s.must(0, s.upgrade()...)
	s.isNew()
}

// TestMinifluxServerRestarts: a server that is away for a moment only. The
// run goes back by itself.
func TestMinifluxServerRestarts(t *testing.T) {
	m := miniflux(t)
	pg := lab.Postgres(t).PG
	s := m.with(t, pg).site(t)
	before := s.fingerprint()
	s.holdMigration()
	cmd, out := s.start(s.upgrade()...)
	s.awaitMigration()
	if err := pg.Halt(); err != nil {
		t.Fatal(err)
	}
	if err := pg.Again(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := s.wait(cmd, out, out); r.code != 6 {
		t.Fatalf("want the old version again (exit 6), got %v\n%s", r, s.runLog())
	}
	same(t, before, s.fingerprint())
	s.is(s.m.from.Version, s.m.oldSchema)
	s.nothingLeft()
	s.journalIsSound(run.ResultOld)
}
