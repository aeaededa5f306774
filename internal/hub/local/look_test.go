package local

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// TestRemedy: a person reads what is done, all of it, before saying yes; what
// cannot be had from the page has no sum to say yes to.
func TestRemedy(t *testing.T) {
	restart := manage.Remedy{Service: "web", Do: "restart", Command: []string{"systemctl", "restart", "web"}, As: "root", Text: "the queue is read anew", Retry: 2, Every: time.Minute}
	wait := manage.Remedy{Wait: 20 * time.Minute}
	span := manage.Remedy{Stops: []string{"pool"}, During: []manage.Remedy{restart, wait, {Upkeep: []string{"mode", "normal"}}}}
	for _, tt := range []struct {
		name string
		r    manage.Remedy
		want ask.Remedy
	}{
		{"a service", restart, ask.Remedy{Text: "the queue is read anew: systemctl restart web", Does: []string{"systemctl restart web"}, As: "root", Retry: 2, Every: time.Minute, Carries: true, Sum: restart.Sum()}},
		{"waiting", wait, ask.Remedy{Text: "wait 20m0s", Wait: 20 * time.Minute, Carries: true, Sum: wait.Sum()}},
		{"a span", span, ask.Remedy{Text: "systemctl restart web, then wait 20m0s, then upkeep mode normal", Does: []string{"systemctl restart web", "wait 20m0s", "upkeep mode normal"}, Stops: []string{"pool"}, Carries: true, Sum: span.Sum()}},
		{"a sentence", manage.Remedy{Text: "ask the board"}, ask.Remedy{Text: "ask the board"}},
		{"one that asks", manage.Remedy{Upkeep: []string{"upgrade"}, Text: "again", Choice: true}, ask.Remedy{Text: "again: upkeep upgrade", Does: []string{"upkeep upgrade"}, Choice: true}},
	} {
		if d := cmp.Diff(tt.want, remedy(tt.r)); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}
