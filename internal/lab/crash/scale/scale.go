// Package scale says how much the crash harnesses try: UPKEEP_CRASH is short
// for what runs with every change, all for everything, and empty for what make
// crash tries in a quarter of an hour. It is for tests and imports the standard
// library only.
package scale

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// All says that everything is tried.
func All() bool { return os.Getenv("UPKEEP_CRASH") == "all" }

// Short says that a small sample is tried.
func Short() bool { return os.Getenv("UPKEEP_CRASH") == "short" }

// shorter is how many times less is tried in short.
const shorter = 8

// Part is how many of n items are tried, when most is what usually is at most.
func Part(n, most int) int {
	switch {
	case All():
		return n
	case Short():
		most = (most + shorter - 1) / shorter
	}
	if one, err := strconv.Atoi(os.Getenv("UPKEEP_ONE_IN")); err == nil && one > 1 { // for whoever works on a harness
		most = min(most, (n+one-1)/one)
	}
	return min(n, most)
}

// Sample keeps Part of the items, as the dice choose, in their order.
func Sample[T any](all []T, most int, dice *rand.Rand) []T {
	keep := map[int]bool{}
	for _, i := range dice.Perm(len(all))[:Part(len(all), most)] {
		keep[i] = true
	}
	var out []T
	for i, x := range all {
		if keep[i] {
			out = append(out, x)
		}
	}
	return out
}

// Seed is what is left to chance: UPKEEP_SEED, or the time. It is logged, so
// that a failure can be had again.
func Seed(t testing.TB) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano() % 1_000_000_007)
	if text := os.Getenv("UPKEEP_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("UPKEEP_SEED: %v", err)
		}
	}
	t.Logf("UPKEEP_SEED=%d", n)
	return n
}
