package verify

import (
	"testing"
	"time"
)

// A wrong value that does not change is given up after a while; a silence, or
// a value that still moves, is not.
func TestPatience(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	type round struct {
		after time.Duration
		wrong string
		read  bool
		over  bool
	}
	for _, tt := range []struct {
		name   string
		rounds []round
	}{
		{"the same wrong version", []round{{0, "reads 1", true, false}, {4 * time.Second, "reads 1", true, false}, {5 * time.Second, "reads 1", true, true}}},
		{"nothing answers", []round{{0, "refused", false, false}, {9 * time.Second, "refused", false, false}}},
		{"it still moves", []round{{0, "reads 1", true, false}, {4 * time.Second, "reads 2", true, false}, {8 * time.Second, "reads 2", true, false}, {9 * time.Second, "reads 2", true, true}}},
		{"right in between", []round{{0, "reads 1", true, false}, {4 * time.Second, "", true, false}, {8 * time.Second, "reads 1", true, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p patience
			for _, r := range tt.rounds {
				var wrong []string
				if r.wrong != "" {
					wrong = []string{r.wrong}
				}
				if got := p.over(wrong, r.read, at.Add(r.after)); got != r.over {
					t.Errorf("after %s: over is %v, want %v", r.after, got, r.over)
				}
			}
		})
	}
}
