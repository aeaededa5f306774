package trust_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"upkeep/internal/feed/trust"
	"upkeep/internal/lab"
)

// TestManyTargets: a feed of 100,000 targets is refreshed in bounded time and
// memory, and once it is known costs what any other costs to fetch.
func TestManyTargets(t *testing.T) {
	lab.Slow(t)
	s := newSite(t)
	for i := range 100_000 {
		s.feed.Products["app"].Signed.Targets[fmt.Sprintf("app/1.%d/app.tar.zst", i)] = s.feed.Products["app"].Signed.Targets["app/1.0/app.tar.zst"]
	}
	s.feed.PublishAll()
	for _, when := range []string{"new", "unchanged", "offline"} {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		var r trust.Report
		var err error
		var c *trust.Client
		if when == "offline" {
			c = s.offline()
		} else {
			c = s.open()
			r, err = c.Refresh(t.Context(), "app/index.json")
			must(t, err)
		}
		_, err = c.Target(t.Context(), "app/1.99999/app.tar.zst")
		must(t, err)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		allocated := int64(after.TotalAlloc-before.TotalAlloc) >> 20
		t.Logf("%s: %d requests, %d bytes, %s, %d MiB allocated in all", when, r.Requests, r.Bytes, took.Round(time.Millisecond), allocated)
		if took > 30*time.Second || allocated > 2048 {
			t.Errorf("%s: %s and %d MiB", when, took, allocated)
		}
		if when == "unchanged" && (r.Requests > 3 || r.Bytes > 10_000) {
			t.Errorf("unchanged: %+v", r)
		}
	}
}
