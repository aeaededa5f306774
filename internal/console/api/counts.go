package api

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// counts is what the hub did for whom since its page was started. It is guarded
// by the mutex of Machines.
type counts struct {
	requests map[answered]int
	took     map[string]time.Duration // by part, without those who watch
	answers  map[string]int           // likewise
	watching map[string]int           // by part
}

type answered struct {
	part string
	code int
}

func newCounts() counts {
	return counts{map[answered]int{}, map[string]time.Duration{}, map[string]int{}, map[string]int{}}
}

// counted is an answer that is counted.
type counted struct {
	http.ResponseWriter
	m      *Machines
	part   string
	began  time.Time
	code   int
	stream bool
}

// Unwrap lets a ResponseController reach what is behind.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counted) WriteHeader(code int) {
	c.told(code)
	c.ResponseWriter.WriteHeader(code)
}

func (c *counted) Write(raw []byte) (int, error) {
	c.told(http.StatusOK)
	return c.ResponseWriter.Write(raw)
}

func (c *counted) told(code int) {
	if c.code != 0 || code < 200 {
		return
	}
	c.code = code
	if c.stream = strings.HasPrefix(c.Header().Get("Content-Type"), "text/event-stream"); c.stream {
		c.m.mu.Lock()
		defer c.m.mu.Unlock()
		c.m.counts.watching[c.part]++
	}
}

func (c *counted) end() {
	c.told(http.StatusOK)
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	n := &c.m.counts
	n.requests[answered{c.part, c.code}]++
	if c.stream {
		n.watching[c.part]--
		return
	}
	n.took[c.part] += time.Since(c.began)
	n.answers[c.part]++
}

// ownFigures are those of the hub itself.
func (m *Machines) ownFigures(t *exposition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.counts
	t.family("upkeep_hub_requests_total", "counter", "Requests that were answered since the page's process was started, by part of the hub and status.")
	keys := slices.SortedFunc(maps.Keys(n.requests), func(a, b answered) int {
		if a.part != b.part {
			return strings.Compare(a.part, b.part)
		}
		return a.code - b.code
	})
	for _, k := range keys {
		t.sample(float64(n.requests[k]), "part", k.part, "code", strconv.Itoa(k.code))
	}
	t.family("upkeep_hub_request_duration_seconds", "summary", "How long answers took, without event streams.")
	for _, part := range slices.Sorted(maps.Keys(n.answers)) {
		t.part("_sum", n.took[part].Seconds(), "part", part)
		t.part("_count", float64(n.answers[part]), "part", part)
	}
	t.family("upkeep_hub_event_streams", "gauge", "How many watch runs now.")
	for _, part := range []string{"api", "page"} {
		t.sample(float64(n.watching[part]), "part", part)
	}
}
