package hub

import (
	"context"
	"os"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
	"upkeep/internal/lab"
)

// TestWatchingEnds: who is removed hears no more of a run.
func TestWatchingEnds(t *testing.T) {
	lab.Slow(t)
	f, p := &fake{started: make(chan string, 1)}, NewPeople(time.Now)
	p.Link("bert")
	c := ask.NewClient(serve(t, f, p, os.Getuid()), nil)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	in, err := c.Enter(ctx, p.Link("anna"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = c.As(in.Session).Watch(ctx, ask.WatchQuery{Run: "endless"}, func(ask.Beat) error {
		if n++; n == 10 {
			return p.Remove("anna")
		}
		return nil
	})
	if ask.KindOf(err) != ask.Denied || n < 10 {
		t.Errorf("after %d beats: %v", n, err)
	}
}
