package local

import (
	"strings"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
)

// TestTogether: what is refused does not stop the others unless that was said.
func TestTogether(t *testing.T) {
	yes := func(id string) ask.Yes {
		return ask.Yes{Wish: ask.Wish{Installation: id}, Digest: strings.Repeat("0", 64)}
	}
	for _, tt := range []struct {
		stop bool
		want string
	}{{false, "refused refused"}, {true, "refused left"}} {
		e := New(Options{Document: t.TempDir() + "/nothing.yaml"})
		if _, err := e.StartAll(t.Context(), "anna", ask.Together{Yeses: []ask.Yes{yes("a"), yes("b")}, Stop: tt.stop}); err != nil {
			t.Fatal(err)
		}
		var b ask.Batch
		for end := time.Now().Add(10 * time.Second); b.Ended.IsZero() && time.Now().Before(end); time.Sleep(time.Millisecond) {
			b, _ = e.Batch(t.Context())
		}
		var states []string
		for _, i := range b.Items {
			states = append(states, string(i.State))
			if i.State == ask.BatchRefused && !strings.Contains(i.Why, "there is no installation") {
				t.Errorf("it is refused without a reason: %+v", i)
			}
		}
		if got := strings.Join(states, " "); got != tt.want || b.By != "anna" || b.Ended.IsZero() {
			t.Errorf("stop %v: %s, want %s; %+v", tt.stop, got, tt.want, b)
		}
	}
	e := New(Options{})
	for _, q := range []ask.Together{{}, {Yeses: []ask.Yes{yes("a"), yes("a")}}} {
		if _, err := e.StartAll(t.Context(), "anna", q); ask.KindOf(err) != ask.Invalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
	e.together = &batch{now: ask.Batch{By: "bert"}}
	if _, err := e.StartAll(t.Context(), "anna", ask.Together{Yeses: []ask.Yes{yes("a")}}); ask.KindOf(err) != ask.Refused || !strings.Contains(err.Error(), "bert") {
		t.Errorf("a second one meanwhile: %v", err)
	}
	if _, err := e.TakeBack(t.Context(), "anna", ask.Yes{Digest: "ab"}); ask.KindOf(err) != ask.Invalid {
		t.Errorf("a yes to a part of a digest: %v", err)
	}
}
