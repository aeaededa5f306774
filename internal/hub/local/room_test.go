package local

import (
	"testing"
	"time"

	"upkeep/internal/hub/ask"
)

// TestPause: the more watch a run, the less often each hears of it; one alone
// hears at once.
func TestPause(t *testing.T) {
	e := New(Options{Document: "/nonexistent/upkeep.yaml"})
	q := ask.RunQuery{Installation: "x", Run: "r"}
	for n := 1; n <= 200; n++ {
		r, leave := e.join(q)
		defer leave()
		want := map[int]time.Duration{1: beatEvery, 49: beatEvery, 50: 2 * beatEvery, 200: 5 * beatEvery}[n]
		if want > 0 && e.pause(r) != want {
			t.Errorf("of %d each waits %v, want %v", n, e.pause(r), want)
		}
	}
}
