package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// PollEvery is how often the poller asks.
const PollEvery = 20 * time.Millisecond

// A request that takes longer counts as no answer.
const pollTimeout = 2 * time.Second

// Sample is one question of the poller.
type Sample struct {
	Start, End time.Time
	Status     int    // 0: no answer
	Good       bool   // 200, with the text that the product shows
	Error      string // why there was no answer
	Body       string // the beginning of an answer that was not good
}

// What says in a word how the question was answered.
func (s Sample) What() string {
	switch {
	case s.Good:
		return "good"
	case s.Status != 0 && s.Status != http.StatusOK:
		return fmt.Sprintf("status %d", s.Status)
	case s.Status != 0:
		return "status 200 without the product's text"
	}
	return s.Error
}

// Poller asks for a page like a user would: a client that Upkeep knows nothing
// of, a new connection for every question, one question every 20 ms whether or
// not the last one has been answered.
type Poller struct {
	url    string
	match  []byte
	client *http.Client
	stop   context.CancelFunc
	wait   sync.WaitGroup

	mu      sync.Mutex
	samples []Sample
}

// Poll starts to ask for the page. An answer is good when its status is 200
// and its body holds match.
func Poll(url, match string) *Poller {
	ctx, stop := context.WithCancel(context.Background())
	p := &Poller{url: url, match: []byte(match), stop: stop, client: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		Timeout:       pollTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	p.wait.Go(func() { p.loop(ctx) })
	return p
}

// PollFor is Poll, stopped at the end of the test at the latest.
func PollFor(t testing.TB, url, match string) *Poller {
	p := Poll(url, match)
	t.Cleanup(func() { p.Stop() })
	return p
}

func (p *Poller) loop(ctx context.Context) {
	tick := time.NewTicker(PollEvery)
	defer tick.Stop()
	for {
		// Each question by itself: a slow answer must not hide the next 20 ms.
		p.wait.Go(p.ask)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *Poller) ask() {
	s := Sample{Start: time.Now()}
	s.Status, s.Good, s.Error, s.Body = p.get()
	s.End = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.samples = append(p.samples, s)
}

func (p *Poller) get() (status int, good bool, reason, body string) {
	resp, err := p.client.Get(p.url)
	if err != nil {
		return 0, false, lastPart(err), ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, false, lastPart(err), ""
	}
	good = resp.StatusCode == http.StatusOK && bytes.Contains(text, p.match)
	if !good {
		body = string(text[:min(len(text), 4096)])
	}
	return resp.StatusCode, good, "", body
}

// lastPart takes the reason out of an error that names the address before it.
func lastPart(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		return text[i+2:]
	}
	return text
}

// Samples gives the questions so far, by the time they were asked.
func (p *Poller) Samples() []Sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	samples := slices.Clone(p.samples)
	slices.SortFunc(samples, func(a, b Sample) int { return a.Start.Compare(b.Start) })
	return samples
}

// AwaitGood waits until a question that was asked after now is answered well.
func (p *Poller) AwaitGood(ctx context.Context) error {
	from := time.Now()
	for {
		samples := p.Samples()
		if slices.ContainsFunc(samples, func(s Sample) bool { return s.Good && s.Start.After(from) }) {
			return nil
		}
		select {
		case <-ctx.Done():
			last := "nothing was asked"
			if len(samples) > 0 {
				last = samples[len(samples)-1].What()
			}
			return fmt.Errorf("cannot see %s answer well (last: %s): %w", p.url, last, ctx.Err())
		case <-time.After(PollEvery):
		}
	}
}

// Stop ends the questions, waits for the last answers and gives what users
// saw. It may be called again.
func (p *Poller) Stop() Outage {
	p.stop()
	p.wait.Wait()
	return outage(p.Samples())
}

// Outage gives what users have seen up to now.
func (p *Poller) Outage() Outage { return outage(p.Samples()) }
