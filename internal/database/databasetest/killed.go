package databasetest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"upkeep/internal/database"
)

// Harm changes what Fill has made, and can be given again.
const Harm = "UPDATE users SET note = 'harm'; CREATE TABLE IF NOT EXISTS newer (x int); DROP VIEW IF EXISTS names"

// target names, in the environment, the database that a child restores.
const target = "UPKEEP_TEST_RESTORE"

// Restoring says that this process is a child of Killed, and which database it
// is to restore from its standard input.
func Restoring() (address string, child bool) { return os.LookupEnv(target) }

// Killed kills the process that restores, with signal 9, at many moments: the
// content is from before or the dump's, and a second run completes it. The
// database has what Fill makes, and more; opID is that of its sessions. The
// process is the calling test again, which restores where Restoring says so.
func Killed(t *testing.T, s Subject, address, opID string) {
	t.Helper()
	want := Fingerprint(t, s.DB)
	dump, _ := Dump(t, s.DB)
	run := func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), target+"="+address)
		cmd.Stdin = bytes.NewReader(dump)
		return cmd.Run()
	}
	s.Exec(t, Harm)
	began := time.Now()
	if err := run(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(began)
	s.Exec(t, Harm)
	before := Fingerprint(t, s.DB)
	rounds, killed := 3, 0
	if os.Getenv("UPKEEP_SLOW") == "1" {
		rounds = 40
	}
	for i := range rounds {
		ctx, cancel := context.WithTimeout(t.Context(), whole*time.Duration(i+1)/time.Duration(rounds))
		if run(ctx) != nil {
			killed++
		}
		cancel()
		// What the dead left is ended before anything is observed.
		if _, err := s.DB.EndSessions(t.Context(), opID); err != nil {
			t.Fatal(err)
		}
		switch got := Fingerprint(t, s.DB); got.Digest() {
		case want.Digest():
			s.Exec(t, Harm)
		case before.Digest():
		default:
			t.Fatalf("killed in round %d: neither old nor new: %s", i, database.Summary(database.Compare(before, got)))
		}
	}
	if killed == 0 {
		t.Error("no kill came in time")
	}
	if err := run(t.Context()); err != nil {
		t.Fatal(err)
	}
	Same(t, "run again", want, Fingerprint(t, s.DB))
}
