package databasetest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"upkeep/internal/database"
)

func scratch(t *testing.T, s Subject) database.Database {
	t.Helper()
	made, err := s.DB.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A dump restored beside the product's database is equal to it, may be changed,
// and is gone afterwards; the product's own is never touched.
func testScratch(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	if info, err := s.DB.Inspect(t.Context()); err != nil || info.Scratch.Problem != "" || info.Scratch.Bytes < info.SizeBytes {
		t.Fatalf("room %+v, %v", info.Scratch, err)
	}
	before := Fingerprint(t, s.DB)
	empty := scratch(t, s)
	if err := Apply(t.Context(), empty, database.Script{Name: "new", SQL: "CREATE TABLE fresh (x INTEGER); INSERT INTO fresh VALUES (1)"}); err != nil {
		t.Errorf("in a scratch database that is empty: %v", err)
	} else if o, err := empty.Objects(t.Context()); err != nil || len(o.Objects) != 1 {
		t.Errorf("a table was made in it, and there are %v, %v", o.Objects, err)
	}
	if err := empty.Close(); err != nil {
		t.Error(err)
	}
	dump, report := Dump(t, s.DB)
	if report.Consistency.By == "" {
		t.Error("the report does not say what consistency was had")
	}
	var kept database.Database
	err := database.Restored(t.Context(), s.DB, bytes.NewReader(dump), func() database.Report { return report }, func(d database.Database) error {
		kept = d
		if err := Apply(t.Context(), d, database.Script{Name: "harm", SQL: "UPDATE users SET note = 'harm'; DROP VIEW names; CREATE TABLE newer (x INTEGER)"}); err != nil {
			return err
		}
		if n, err := d.Query(t.Context(), "SELECT count(*) FROM users WHERE note = 'harm'"); err != nil || n != "3" {
			t.Errorf("the script has changed %s rows, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	Same(t, "beside it a scratch database was changed", before, Fingerprint(t, s.DB))
	if _, err := kept.Fingerprint(t.Context()); !errors.Is(err, database.ErrNoDatabase) {
		t.Errorf("the scratch database is still there: %v", err)
	}
}

// What differs is named.
func testScratchUnequal(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	dump, report := Dump(t, s.DB)
	users := report.Fingerprint.Tables[tableOf(t, report, "users")]
	users.Count++
	report.Fingerprint.Tables[tableOf(t, report, "users")] = users
	err := database.Restored(t.Context(), s.DB, bytes.NewReader(dump), func() database.Report { return report }, func(database.Database) error {
		t.Error("it was used all the same")
		return nil
	})
	if !errors.Is(err, database.ErrNotEqual) || !strings.Contains(err.Error(), "users") || !strings.Contains(err.Error(), "from 4 rows") || !strings.Contains(err.Error(), "to 3 rows") {
		t.Errorf("a row that is missing: %v", err)
	}
	cut := dump[:len(dump)*2/3]
	if err := database.Restored(t.Context(), s.DB, bytes.NewReader(cut), func() database.Report { return report }, nil); err == nil {
		t.Error("a dump that was cut off counts as proven")
	}
}

func tableOf(t *testing.T, r database.Report, name string) string {
	t.Helper()
	for full := range r.Fingerprint.Tables {
		if full == name || strings.HasSuffix(full, "."+name) {
			return full
		}
	}
	t.Fatalf("the report has no table %s", name)
	return ""
}

// What a killed operation has left is removed by the next one of its name, and
// by who ends its sessions.
func testScratchLeft(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	dump, _ := Dump(t, s.DB)
	for name, sweep := range map[string]func() error{
		"made again": func() error { return scratch(t, s).Close() },
		"sessions ended": func() error {
			_, err := s.DB.EndSessions(context.Background(), s.OpID)
			return err
		},
	} {
		if s.DB.Kind() == "sqlite" {
			t.Skip("a file in a temporary folder, which package scratch sweeps")
		}
		left := scratch(t, s) // and nobody closes it
		if err := left.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
			t.Fatal(err)
		}
		if err := sweep(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := left.Fingerprint(t.Context()); !errors.Is(err, database.ErrNoDatabase) {
			t.Errorf("%s: it is still there: %v", name, err)
		}
	}
}

// Proven proves a dump of what is there.
func Proven(t *testing.T, s Subject, look func(database.Database) error) {
	t.Helper()
	dump, report := Dump(t, s.DB)
	if err := database.Restored(t.Context(), s.DB, bytes.NewReader(dump), func() database.Report { return report }, look); err != nil {
		t.Fatal(err)
	}
}

// proving makes, in the environment, a child of ScratchKilled of this process.
const proving = "UPKEEP_TEST_PROVE"

// Proving says that this process is a child of ScratchKilled, and at which
// address it is to restore its standard input into a scratch database.
func Proving() (address string, child bool) { return os.LookupEnv(proving) }

// ScratchKilled kills the process that proves a dump, with signal 9, at many
// moments: once the operation's sessions are ended nothing is left beside the
// product's database, and that is as it was. left counts scratch databases.
func ScratchKilled(t *testing.T, s Subject, address string, left func() string) {
	t.Helper()
	dump, report := Dump(t, s.DB)
	run := func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), proving+"="+address)
		cmd.Stdin = bytes.NewReader(dump)
		return cmd.Run()
	}
	began := time.Now()
	if err := run(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(began)
	rounds, killed, found := 4, 0, 0
	if os.Getenv("UPKEEP_SLOW") == "1" {
		rounds = 30
	}
	for i := range rounds {
		ctx, cancel := context.WithTimeout(t.Context(), whole*time.Duration(i+1)/time.Duration(rounds+1))
		if run(ctx) != nil {
			killed++
		}
		cancel()
		if left() != "0" {
			found++
		}
		if _, err := s.DB.EndSessions(t.Context(), s.OpID); err != nil {
			t.Fatal(err)
		}
		if n := left(); n != "0" {
			t.Fatalf("killed in round %d: %s scratch databases are left", i, n)
		}
	}
	if killed == 0 || found == 0 {
		t.Errorf("%d kills, and after %d of them a scratch database was there: nothing was tried", killed, found)
	}
	Same(t, "beside it dumps were proven", report.Fingerprint, Fingerprint(t, s.DB))
}
