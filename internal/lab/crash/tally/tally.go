// Package tally collects the counts of the crash harnesses: every count is a
// line in the file that UPKEEP_CRASH_REPORT names, and in the test's log. It
// is for tests and imports the standard library only.
package tally

import (
	"encoding/json"
	"os"
	"testing"
)

// Env names the file that counts are appended to; unset: they are only logged.
const Env = "UPKEEP_CRASH_REPORT"

// Line is one count.
type Line struct {
	Harness string `json:"harness"` // model, files, process, power, faults, mutants, …
	What    string `json:"what"`    // states, crash points, pairs, images, …
	N       int    `json:"n"`
	Seed    int64  `json:"seed,omitempty"` // zero: nothing was left to chance
	Test    string `json:"test"`
}

// Add counts n of what.
func Add(t testing.TB, harness, what string, n int) {
	t.Helper()
	Seeded(t, harness, what, n, 0)
}

// Seeded counts n of what, drawn from a seed.
func Seeded(t testing.TB, harness, what string, n int, seed int64) {
	t.Helper()
	if seed != 0 {
		t.Logf("%s: %d %s (seed %d)", harness, n, what, seed)
	} else {
		t.Logf("%s: %d %s", harness, n, what)
	}
	name := os.Getenv(Env)
	if name == "" {
		return
	}
	raw, err := json.Marshal(Line{Harness: harness, What: what, N: n, Seed: seed, Test: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("cannot count in %s: %v", name, err)
	}
	// one write: lines of tests that run at the same time do not mix
	_, err = f.Write(append(raw, '\n'))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		t.Fatalf("cannot count in %s: %v", name, err)
	}
}
