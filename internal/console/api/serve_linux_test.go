package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"upkeep/internal/hub"
	"upkeep/internal/hub/ask"
)

// engine is an engine side behind a real socket.
type engine struct {
	ask.Engine
	mu       sync.Mutex
	fail     error
	heard    []string
	watched  chan string // "began", "ended"
	beats    []ask.Beat
	together ask.Batch
	block    chan struct{} // Watch stays until it is closed, or whoever watches goes
}

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func (e *engine) hear(format string, args ...any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, fmt.Sprintf(format, args...))
	return e.fail
}

func (e *engine) told() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.heard, "\n")
}

func aRow() ask.RunRow {
	return ask.RunRow{ID: "r1", From: "1.0", To: "2.0", By: "anna", Opened: now.Add(-time.Hour), Closed: now, Result: ask.ResultOld, Version: "1.0", Outage: 95 * time.Second}
}

func (e *engine) Overview(context.Context) (ask.Overview, error) {
	row := aRow()
	return ask.Overview{At: now, Host: "www1", Upkeep: "0.9", Installations: []ask.Installation{
		{ID: "notes", Product: "no\"te\\s\n", Document: "/etc/upkeep/notes.yaml", Units: []ask.Unit{{ID: "web", Version: "1.0"}}, Currency: ask.Behind,
			Published: ask.Published{Version: "2.0", Looked: now, Signed: true}, Last: &row, Points: ask.PointsAge{Count: 3, Proven: now},
			Open: &ask.Open{Run: "r2", By: "anna", To: "2.0", Going: ask.WaitsChoice}, Notices: []ask.Notice{{Kind: ask.NoticeFeed, Text: "secret host"}}},
		{ID: "shop", Product: "shop", Document: "d", Currency: ask.CurrencyUnknown},
		{ID: "sick", Product: "sick", Document: "d", Error: "cannot read secret", Currency: ask.CurrencyUnknown}}}, e.hear("overview")
}
func (e *engine) Runs(_ context.Context, q ask.RunsQuery) (ask.Runs, error) {
	return ask.Runs{Product: "notes", Rows: []ask.RunRow{aRow()}}, e.hear("runs %s %d %d", q.Installation, q.Skip, q.Limit)
}
func (e *engine) Run(_ context.Context, q ask.RunQuery) (ask.Run, error) {
	if q.Run == "none" {
		return ask.Run{}, &ask.Error{Kind: ask.Unknown, Text: "there is no run none"}
	}
	return ask.Run{RunRow: aRow(), Digest: "d", Steps: []ask.Step{{ID: "a", Title: "A", Part: ask.PartOutage, Status: ask.Done}}}, e.hear("run %s %q", q.Installation, q.Run)
}
func (e *engine) Log(_ context.Context, q ask.LogQuery) (ask.Log, error) {
	return ask.Log{Lines: []string{"one"}, From: q.From, Next: 4, Size: 4}, e.hear("log %s %s %d", q.Installation, q.Run, q.From)
}
func (e *engine) Points(_ context.Context, q ask.Of) (ask.Points, error) {
	return ask.Points{Points: []ask.Point{{ID: "p", Made: now, Proven: now, ProvenBy: ask.Restored}}}, e.hear("points %s", q.Installation)
}
func (e *engine) Drift(_ context.Context, q ask.Of) (ask.Drift, error) {
	return ask.Drift{At: now, Parts: []ask.DriftPart{{Unit: "web"}}}, e.hear("drift %s", q.Installation)
}
func (e *engine) Doctor(_ context.Context, q ask.Of) (ask.Diagnosis, error) {
	return ask.Diagnosis{Symptoms: []ask.Symptom{{Text: "x"}}}, e.hear("doctor %s", q.Installation)
}
func (e *engine) Check(_ context.Context, by string, w ask.Wish) (ask.Readiness, error) {
	return ask.Readiness{Findings: []ask.Finding{{ID: "f", Level: "blocker"}}}, e.hear("check %s by %s to %s", w.Installation, by, w.To)
}
func (e *engine) Plan(_ context.Context, by string, w ask.Wish) (ask.Plan, error) {
	return ask.Plan{Digest: "d", Steps: []ask.Step{{ID: "a", Part: ask.PartBefore}}}, e.hear("plan %s by %s to %s %v", w.Installation, by, w.To, w.Waivers)
}
func (e *engine) Start(_ context.Context, by string, y ask.Yes) (ask.Started, error) {
	return ask.Started{Run: "r/9"}, e.hear("start %s by %s of %s", y.Installation, by, y.Digest)
}
func (e *engine) Resume(_ context.Context, by string, q ask.RunQuery) (ask.Started, error) {
	return ask.Started{Run: q.Run}, e.hear("resume %s by %s", q.Run, by)
}
func (e *engine) Decide(_ context.Context, by string, d ask.Decision) (ask.Started, error) {
	return ask.Started{Run: d.Run}, e.hear("decide %s by %s: %s at %s", d.Run, by, d.Choice, d.Step)
}
func (e *engine) Done(_ context.Context, by string, d ask.Word) (ask.Started, error) {
	return ask.Started{Run: d.Run}, e.hear("done %s by %s: %s", d.Run, by, d.Step)
}
func (e *engine) Watch(ctx context.Context, q ask.WatchQuery, tell func(ask.Beat) error) error {
	if e.watched != nil {
		e.watched <- "began"
		defer func() { e.watched <- "ended" }()
	}
	for _, b := range e.beats {
		if b.Log <= q.Log && len(b.Lines) > 0 {
			continue
		}
		if err := tell(b); err != nil {
			return err
		}
	}
	if e.block != nil {
		select {
		case <-e.block:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return e.hear("watch %s %s %d", q.Installation, q.Run, q.Log)
}

// folder keeps files in memory.
type folder struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (f *folder) Read(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if raw, ok := f.files[name]; ok {
		return raw, nil
	}
	return nil, fs.ErrNotExist
}
func (f *folder) Write(name string, raw []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files == nil {
		f.files = map[string][]byte{}
	}
	f.files[name] = raw
	return nil
}
func (f *folder) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.files, name)
	return nil
}
func (f *folder) Names() ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.files)), nil
}

// stand is the whole of it: engine side, socket, interface, and a page.
type stand struct {
	t      *testing.T
	engine *engine
	m      *Machines
	tokens *hub.Tokens
	people *hub.People
	token  string // an operator's
	chief  string // an administrator's, once it is needed
	at     string
}

const host = "127.0.0.1:8080"

// lines are names that stand for a page.
const thePage = "the page"

func open(t *testing.T, openMetrics bool) *stand {
	t.Helper()
	s := &stand{t: t, engine: &engine{}, tokens: hub.NewTokens(&folder{}, time.Now), people: hub.NewPeople(time.Now)}
	s.token = s.add("ci", ask.Operator, "")
	dir, err := os.MkdirTemp("", "api") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s.at = filepath.Join(dir, "s")
	l, err := net.Listen("unix", s.at)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	server := hub.New(s.engine, s.people, quiet).ForMachines(s.tokens, hub.NewStarts(&folder{}, time.Now), openMetrics).Auditing(ledger{})
	go func() { done <- server.Serve(ctx, l, os.Getuid()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	s.m = New(Options{Engine: ask.NewClient(s.at, nil), Hosts: []string{host}, Log: quiet, OpenMetrics: openMetrics})
	return s
}

func (s *stand) add(name string, role ask.Role, only string) string {
	s.t.Helper()
	secret, _, err := s.tokens.Add(hub.Token{Name: name, Role: role, Only: only, Ends: time.Now().AddDate(0, 0, 1)})
	if err != nil {
		s.t.Fatal(err)
	}
	return secret
}

func (s *stand) handler() http.Handler {
	return s.m.Around(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, thePage) }))
}

// request makes a request with the token; headers are names and values by turns.
func (s *stand) request(method, path, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://"+host+path, strings.NewReader(body))
	r.RequestURI = ""
	r.Header.Set("Authorization", "Bearer "+s.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(headers); n += 2 {
		switch {
		case headers[n] == "Host":
			r.Host = headers[n+1]
		case headers[n+1] == "":
			r.Header.Del(headers[n])
		default:
			r.Header.Set(headers[n], headers[n+1])
		}
	}
	return r
}

func (s *stand) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r)
	return w
}
