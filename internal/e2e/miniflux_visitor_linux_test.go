package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// visit is one question of a visitor.
type visit struct {
	at, end time.Time
	status  int // 0: no answer
	retry   string
	product bool // the product itself answered, whatever it said
	good    bool // as the product answers when all is well
	late    bool // nobody answered in time: a busy machine, which says nothing of who is in
	body    string
	err     string
}

// visitor asks like a user whom Upkeep knows nothing of: from this process,
// without the mark, a new connection each time. It asks for a page that only
// the product gives and that changes nothing in it.
type visitor struct {
	url    string
	stop   context.CancelFunc
	wait   sync.WaitGroup
	mu     sync.Mutex
	visits []visit
}

// visitEvery is how often the visitor asks.
const visitEvery = 10 * time.Millisecond

// visitor starts to ask; the end of the test ends it.
func (s *miniSite) visitor() *visitor {
	return newVisitor(s.t, s.URL+"/healthcheck", func(body string) bool { return strings.TrimSpace(body) == "OK" })
}

func newVisitor(t testing.TB, url string, well func(body string) bool) *visitor {
	return newPatientVisitor(t, url, visitEvery, well)
}

// newPatientVisitor asks less often, where an answer costs the product much.
func newPatientVisitor(t testing.TB, url string, every time.Duration, well func(body string) bool) *visitor {
	ctx, stop := context.WithCancel(context.Background())
	v := &visitor{url: url, stop: stop}
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	v.wait.Go(func() {
		for ctx.Err() == nil {
			got := ask(client, v.url)
			got.good = got.status == http.StatusOK && well(got.body)
			v.mu.Lock()
			v.visits = append(v.visits, got)
			v.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(every):
			}
		}
	})
	t.Cleanup(func() { v.seen() })
	return v
}

func ask(client *http.Client, url string) (v visit) {
	v.at = time.Now()
	defer func() { v.end = time.Now() }()
	resp, err := client.Get(url)
	if err != nil {
		v.err, v.late = err.Error(), os.IsTimeout(err)
		return v
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		v.err, v.late = err.Error(), os.IsTimeout(err)
		return v
	}
	v.status, v.retry, v.body = resp.StatusCode, resp.Header.Get("Retry-After"), string(text)
	// Upkeep's page is the only one with this status and a time to come back
	v.product = !(v.status == http.StatusServiceUnavailable && v.retry != "")
	return v
}

// seen ends the visits and gives them in order.
func (v *visitor) seen() []visit {
	v.stop()
	v.wait.Wait()
	return v.visits
}

// now gives the visits so far.
func (v *visitor) now() []visit {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.visits)
}

// closedOnce fails the test unless users were out exactly once, and nobody got
// through to the product meanwhile. It gives that outage.
func closedOnce(t testing.TB, visits []visit) []visit {
	t.Helper()
	visits = slices.DeleteFunc(slices.Clone(visits), func(v visit) bool { return v.late })
	first := slices.IndexFunc(visits, func(v visit) bool { return !good(v) })
	if first < 0 {
		t.Errorf("users saw no outage in %d questions", len(visits))
		return nil
	}
	last := len(visits) - 1
	for last >= 0 && !good(visits[last]) {
		last--
	}
	for last >= 0 && good(visits[last]) {
		last--
	}
	out := visits[first : last+1]
	for _, v := range out {
		// An answer that began before the gate closed may still come through.
		if v.product && v.status != 0 {
			t.Errorf("a user reached the product in the outage, %v after it began: %v", v.at.Sub(out[0].at).Round(time.Millisecond), v)
			break
		}
	}
	if last == len(visits)-1 {
		t.Error("users are not in again")
	}
	return out
}

func good(v visit) bool { return v.good }

func (v visit) String() string {
	return fmt.Sprintf("%s status %d retry %q %.60q %s", v.at.Format("15:04:05.000"), v.status, v.retry, v.body, v.err)
}
