package trust_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/feed/feedtest"
	"upkeep/internal/feed/trust"
)

// TestTwo: several refreshes at a time of one folder, with the lock file.
func TestTwo(t *testing.T) {
	f := feedtest.New(t, time.Now())
	dir := t.TempDir() + "/trust"
	must(t, trust.Pin(durable.OS(), dir, f.RootFile()))
	f.PublishAll()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c, err := trust.Open(durable.OS(), dir, f, trust.Options{})
			if err == nil {
				_, err = c.Refresh(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
			if _, err := trust.Offline(durable.OS(), dir, trust.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

type stuck struct{ in chan bool }

func (s stuck) Small(ctx context.Context, _ string, _ int64) ([]byte, error) {
	close(s.in)
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestBusy: whoever waits for the lock can give up, and so can a slow fetch.
func TestBusy(t *testing.T) {
	f := feedtest.New(t, time.Now())
	dir := t.TempDir() + "/trust"
	must(t, trust.Pin(durable.OS(), dir, f.RootFile()))
	slow := stuck{make(chan bool)}
	first, err := trust.Open(durable.OS(), dir, slow, trust.Options{})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { _, err := first.Refresh(ctx); done <- err }()
	<-slow.in
	second, err := trust.Open(durable.OS(), dir, f, trust.Options{})
	must(t, err)
	soon, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	_, err = second.Refresh(soon)
	wantKind(t, err, trust.Busy, dir)
	cancel()
	err = <-done
	wantKind(t, err, trust.Unreachable, "2.root.json")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not said to be cancelled", err)
	}
	_, err = second.Refresh(t.Context())
	must(t, err)
}
