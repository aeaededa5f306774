package lab

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestOutageSpans reads samples written as one letter a poll: . good, x no
// answer, 5 an outage page, w 200 without the product's text.
func TestOutageSpans(t *testing.T) {
	tests := []struct {
		samples string
		want    string // spans: polls asked, ended or open
		longest int    // in polls
		total   int
	}{
		{"", "", 0, 0},
		{"......", "", 0, 0},
		{"..xx..", "2", 2, 2},
		{"..x5w..", "3", 3, 3},
		{".x.55.", "1 2", 2, 3},
		{"xx..", "2", 2, 2},
		{"..xxx", "3 open", 2, 2},
		{"5", "1 open", 0, 0},
	}
	for _, tt := range tests {
		var samples []Sample
		begin := time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)
		for i, c := range tt.samples {
			at := begin.Add(time.Duration(i) * PollEvery)
			s := Sample{Start: at, End: at}
			switch c {
			case '.':
				s.Status, s.Good = 200, true
			case '5':
				s.Status = 503
			case 'w':
				s.Status = 200
			case 'x':
				s.Error = "connection refused"
			}
			samples = append(samples, s)
		}
		o := outage(samples)
		var got []string
		for _, s := range o.Spans {
			text := fmt.Sprint(s.Asked)
			if s.Open {
				text += " open"
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%q: spans (-want +got):\n%s", tt.samples, diff)
		}
		if o.Longest() != time.Duration(tt.longest)*PollEvery || o.Total() != time.Duration(tt.total)*PollEvery {
			t.Errorf("%q: longest %v, total %v; want %d and %d polls", tt.samples, o.Longest(), o.Total(), tt.longest, tt.total)
		}
	}
}

func TestPollerSeesAnOutagePage(t *testing.T) {
	var out atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if out.Load() {
			http.Error(w, "OK, but not today", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "OK")
	}))
	defer srv.Close()
	p := PollFor(t, srv.URL, "OK")
	ctx, cancel := timeout(10 * time.Second)
	defer cancel()
	if err := p.AwaitGood(ctx); err != nil {
		t.Fatal(err)
	}
	out.Store(true)
	time.Sleep(200 * time.Millisecond)
	out.Store(false)
	if err := p.AwaitGood(ctx); err != nil {
		t.Fatal(err)
	}
	o := p.Stop()
	if len(o.Spans) != 1 || o.Spans[0].Open || !o.Saw("status 503") || o.Saw("good") {
		t.Errorf("users saw %v", o)
	}
	if o.Longest() < 50*time.Millisecond || o.Longest() > 2*time.Second {
		t.Errorf("an outage of 200 ms is seen as %v", o.Longest())
	}
}

func TestPollerIsNotHeldUpByASlowAnswer(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		time.Sleep(300 * time.Millisecond)
		fmt.Fprint(w, "OK")
	}))
	defer srv.Close()
	p := PollFor(t, srv.URL, "OK")
	time.Sleep(250 * time.Millisecond)
	if n := asked.Load(); n < 2 {
		t.Errorf("%d questions in 250 ms while the first waits for its answer", n)
	}
	if o := p.Stop(); o.Slowest < 300*time.Millisecond || len(o.Spans) != 0 {
		t.Errorf("users saw %v", o)
	}
}

func TestPollerWithoutAServer(t *testing.T) {
	p := PollFor(t, fmt.Sprintf("http://127.0.0.1:%d/", FreePort(t)), "OK")
	time.Sleep(100 * time.Millisecond)
	o := p.Stop()
	if len(o.Spans) != 1 || !o.Spans[0].Open || !o.Saw("connection refused") {
		t.Errorf("users saw %v", o)
	}
}
