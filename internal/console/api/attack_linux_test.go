package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
	"upkeep/internal/lab"
)

// serve serves the stand on a port as the page's process does, and gives its
// address.
func (s *stand) serve() string {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.m.Hosts = []string{l.Addr().String()}
	srv := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	go srv.Serve(l)
	s.t.Cleanup(func() { srv.Close() })
	return l.Addr().String()
}

// zeros are endless, and count how many were taken.
type zeros struct{ taken, most int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.taken >= z.most {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.most-z.taken)
	clear(p[:n])
	z.taken += n
	return int(n), nil
}

// TestUpload: 10 GB are refused before they are taken, said to be so long or not,
// and cost no memory.
func TestUpload(t *testing.T) {
	s := open(t, false)
	at := s.serve()
	const size = 10 << 30
	for _, length := range []int64{size, -1} {
		z := &zeros{most: size}
		r, err := http.NewRequest("POST", "http://"+at+base+"/plan", z)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		r.Header.Set("Authorization", "Bearer "+s.token)
		r.Header.Set("Content-Type", "application/json")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		res, err := http.DefaultClient.Do(r)
		status := 0
		if err == nil { // or the connection was closed while it was written
			status = res.StatusCode
			res.Body.Close()
		}
		runtime.ReadMemStats(&after)
		grown := int64(after.TotalAlloc - before.TotalAlloc)
		t.Logf("length %d: %d, %d bytes were taken in %v, %d bytes allocated, %v", length, status, z.taken, time.Since(began), grown, err)
		if z.taken > 32<<20 || grown > 16<<20 || err == nil && status != 413 && status != 400 {
			t.Errorf("length %d: %d, %d bytes were taken, %d bytes allocated", length, status, z.taken, grown)
		}
	}
	if s.engine.told() != "" {
		t.Errorf("the engine side heard %s", s.engine.told())
	}
}

// TestSlowClients: who sends a header or a body byte by byte is shut out, and
// keeps nobody from being answered meanwhile.
func TestSlowClients(t *testing.T) {
	lab.Slow(t)
	s := open(t, false)
	at := s.serve()
	whole := fmt.Sprintf("POST %s/plan HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n", base, at, s.token)
	type end struct {
		name  string
		after time.Duration
	}
	ends := make(chan end)
	const many = 200
	slow := func(name, first, more string) {
		began := time.Now()
		c, err := net.Dial("tcp", at)
		if err == nil {
			defer c.Close()
			_, err = io.WriteString(c, first)
		}
		closed := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, c) // until it is closed
			close(closed)
		}()
		for n := 0; err == nil; n++ {
			select {
			case <-closed:
				err = io.EOF
			case <-time.After(500 * time.Millisecond):
				_, err = io.WriteString(c, more[n%len(more):][:1])
			}
		}
		ends <- end{name, time.Since(began)}
	}
	for range many {
		go slow("header", "GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", "abc")
		go slow("body", whole, `{ } `)
	}
	time.Sleep(time.Second)
	began := time.Now()
	res, err := http.Get("http://" + at + "/healthz")
	if err != nil || res.StatusCode != 200 || time.Since(began) > 2*time.Second {
		t.Errorf("meanwhile others get %v, %v after %v", res, err, time.Since(began))
	}
	longest := map[string]time.Duration{}
	for range 2 * many {
		e := <-ends
		longest[e.name] = max(longest[e.name], e.after)
	}
	t.Logf("the longest: %v", longest)
	if longest["header"] > 10*time.Second || longest["body"] > 30*time.Second {
		t.Errorf("they stayed for %v", longest)
	}
}

// watch opens an event stream.
func (s *stand) watch(ctx context.Context, at string, headers ...string) (*http.Response, error) {
	r := s.request("GET", base+"/runs/r1/events", "", headers...).WithContext(ctx)
	r.URL.Host, r.Host = at, at
	return http.DefaultTransport.RoundTrip(r)
}

// TestManyStreams: of 500 who watch, as many as there is room for are served, the
// others are told to come back, and the page and the API answer as before.
func TestManyStreams(t *testing.T) {
	s := open(t, false)
	s.engine.block = make(chan struct{})
	s.engine.beats = []ask.Beat{{Lines: []string{"one"}, Log: 4}}
	at := s.serve()
	ctx, cancel := context.WithCancel(t.Context())
	codes := map[int]int{}
	for n := range 500 {
		s.m.mu.Lock()
		s.m.callers = map[string]*caller{} // the rate is another test's
		s.m.mu.Unlock()
		res, err := s.watch(ctx, at)
		if err != nil {
			t.Fatalf("the stream %d: %v", n, err)
		}
		codes[res.StatusCode]++
		if res.StatusCode == 503 {
			if res.Header.Get("Retry-After") == "" {
				t.Error("nobody says when to come back")
			}
			res.Body.Close()
			continue
		}
		defer res.Body.Close()
	}
	if codes[200] != streamsMost || codes[503] != 500-streamsMost {
		t.Errorf("the streams got %v", codes)
	}
	for _, path := range []string{"/", "/healthz", "/api/v1/who"} {
		r := s.request("GET", path, "")
		r.URL.Host, r.Host = at, at
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil || res.StatusCode != 200 {
			t.Errorf("meanwhile %s: %v, %v", path, res, err)
			continue
		}
		res.Body.Close()
	}
	cancel()
	for end := time.Now().Add(20 * time.Second); len(s.m.streams) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d streams are left though everybody has gone", len(s.m.streams))
		}
	}
}

// TestSlowReader: who does not read what happens is given up, and the engine side
// is not kept.
func TestSlowReader(t *testing.T) {
	lab.Slow(t)
	s := open(t, false)
	s.engine.watched = make(chan string, 2)
	line := strings.Repeat("x", 64<<10)
	for n := range 2000 {
		s.engine.beats = append(s.engine.beats, ask.Beat{Lines: []string{line}, Log: int64(n + 1)})
	}
	at := s.serve()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s/runs/r1/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", base, at, s.token)
	<-s.engine.watched
	began := time.Now()
	select {
	case <-s.engine.watched:
		t.Logf("given up after %v", time.Since(began))
	case <-time.After(90 * time.Second):
		t.Error("the engine side still tells somebody who does not listen")
	}
}

// TestQuietStream: a run in which nothing happens for long is watched without an
// end: what bounds requests does not bound those.
func TestQuietStream(t *testing.T) {
	lab.Slow(t)
	s := open(t, false)
	s.engine.block = make(chan struct{})
	s.engine.beats = []ask.Beat{{Lines: []string{"one"}, Log: 4}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	res, err := s.watch(ctx, s.serve())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	time.AfterFunc(25*time.Second, func() { close(s.engine.block) })
	began := time.Now()
	still := 0
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), ": still here") {
			still++
		}
	}
	if took := time.Since(began); took < 24*time.Second || still == 0 {
		t.Errorf("it ended after %v, with %d signs of life", took, still)
	}
}

// TestEvents: what happens, as events; whoever comes back with the last id misses
// nothing and gets nothing twice; what goes wrong later is told as an event.
func TestEvents(t *testing.T) {
	s := open(t, false)
	run := &ask.Run{RunRow: ask.RunRow{ID: "r1"}}
	s.engine.beats = []ask.Beat{{Run: run, Lines: []string{"one", "event: over"}, Log: 10}, {Bar: &ask.Bar{N: 1, Of: 2}, Log: 10}, {Lines: []string{"two\u2028three"}, Log: 20}}
	s.engine.fail = nil
	got := s.do(s.request("GET", base+"/runs/r1/events", "")).Body.String()
	for _, want := range []string{"retry: 2000\n\n", "event: log\nid: 10\ndata: {\"lines\":[\"one\",\"event: over\"],\"log\":10}\n\n", "event: run\nid: 10\ndata: {\"id\":\"r1\"", "event: bar\nid: 10\ndata: {\"n\":1,\"of\":2,",
		"event: log\nid: 20\ndata: {\"lines\":[\"two three\"],\"log\":20}\n\n", "event: error\nid: 20\ndata: {\"type\":\"/api/v1/problems/gone\""} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	s.engine.beats[2].Over = true
	got = s.do(s.request("GET", base+"/runs/r1/events", "", "Last-Event-ID", "10")).Body.String()
	if strings.Contains(got, `"one"`) || !strings.Contains(got, "two three") || !strings.HasSuffix(got, "event: over\nid: 20\ndata: {}\n\n") {
		t.Errorf("coming back gives\n%s", got)
	}
}
