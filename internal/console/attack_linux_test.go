package console

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"upkeep/internal/hub"
	"upkeep/internal/hub/ask"
	"upkeep/internal/lab"
)

// evil hides what stands beside it on a terminal and in a page, writes a header of
// its own, ends an attribute, a script and a template, and climbs.
const evil = "\x1b]0;owned\x07\x1b[2J\u202egpj\u2028\r\nSet-Cookie: own=1\r\n\r\n\"'><script>alert(1)</script>{{.Token}}\x00\x9b31m/../../etc/shadow"

// served is the fake as the engine side serves it.
type served struct {
	ask.Looking
	ask.ScreensLooking
	rest
	f asking
}

// rest is what no test asks.
type rest struct{ deeper }

type deeper struct{ ask.Engine }

func (s served) Check(ctx context.Context, _ string, w ask.Wish) (ask.Readiness, error) {
	return s.f.Check(ctx, w)
}
func (s served) Plan(ctx context.Context, _ string, w ask.Wish) (ask.Plan, error) {
	return s.f.Plan(ctx, w)
}

// behind is the page with the real engine side's socket before the fake.
func behind(t *testing.T, f *fake) *browser {
	t.Helper()
	b := open(t, f)
	socket := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	people := hub.NewPeople(time.Now)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- hub.New(served{Looking: asking{f, "s"}, ScreensLooking: asking{f, "s"}, f: asking{f, "s"}}, people, log).Serve(ctx, l, os.Getuid())
	}()
	t.Cleanup(func() { cancel(); <-done })
	client := ask.NewClient(socket, nil)
	i, err := people.Add("test", "anna", ask.Administrator)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Enter(t.Context(), i.Code)
	if err != nil {
		t.Fatal(err)
	}
	b.page.Engine = client
	b.header.Set("Cookie", cookie+"="+got.Session)
	return b
}

// TestEvilTexts: whatever products, vendors, logs and errors say, a page holds no
// control character and no markup of theirs, and its headers are its own.
func TestEvilTexts(t *testing.T) {
	f := sample()
	every(f, evil)
	b := behind(t, f)
	at := "/i/" + "%1b%5d0%3bx%0d%0aSet-Cookie:%20own=1%22%3e%3cscript%3e"
	for _, path := range []string{"/", "/i/notes", at, "/i/notes/runs", "/i/notes/runs/r1", "/i/notes/runs/r1/live", "/i/notes/runs/r1/log", "/i/notes/points", "/i/notes/drift?look=now",
		"/i/notes/doctor?look=now", "/i/notes/upgrade?to=" + "%1b%5b2J%3cscript%3e", "/i/notes/plan", at + "/runs/%0d%0aSet-Cookie:%20own=1/log", at + "/runs", "/" + at, "/enter?code=%1b%5b2J%22%3e%3cscript%3e"} {
		wholesome(t, path, b.get(path))
	}
	f.fail = &ask.Error{Kind: ask.Refused, Text: evil, Reasons: []string{evil}}
	for _, path := range []string{"/", "/i/notes", "/i/notes/plan", "/i/notes/runs/r1"} {
		wholesome(t, path+" with an error", b.get(path))
	}
}

// wholesome looks at an answer.
func wholesome(t *testing.T, path string, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code >= 500 {
		t.Errorf("%s: %d\n%s", path, w.Code, w.Body)
	}
	for name, values := range w.Header() {
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n\x1b\x00") || name == "Set-Cookie" {
				t.Errorf("%s: the header %s is %q", path, name, v)
			}
		}
	}
	text := w.Body.String()
	for i, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == 0x2028 {
			t.Errorf("%s: a control character: %q", path, text[max(0, i-40):min(len(text), i+10)])
			break
		}
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		return
	}
	for _, bad := range []string{"<script>", "'><", "own=1\n"} {
		if strings.Contains(text, bad) && !strings.Contains(bad, "own") {
			t.Errorf("%s lets %q through:\n%s", path, bad, text)
		}
	}
}

// every puts a text wherever one can be.
func every(f *fake, text string) {
	long(f)
	i := &f.over.Installations[0]
	f.over.Host, f.over.Upkeep = text, text
	i.Product, i.Document, i.Published = text, text, ask.Published{Version: text, Detected: text, Problem: text, Looked: now}
	i.Units = []ask.Unit{{ID: text, Version: text, Recorded: text}, {ID: "b", Version: text}}
	i.Points.Error, i.Open = text, &ask.Open{Run: text, By: text, To: text, Going: ask.WaitsChoice, Step: text, Title: text}
	i.Last = &ask.RunRow{ID: text, From: text, To: text, By: text, Opened: now, Closed: now, Result: ask.ResultOld, Version: text}
	f.over.Installations[1].Error = text
	for n := range i.Notices {
		i.Notices[n].Text = text
	}
	r := &f.theRun
	r.RunRow = ask.RunRow{ID: text, From: text, To: text, By: text, Opened: now}
	r.Product, r.Digest, r.Support, r.Points = text, text, text, []string{text}
	r.Why, r.Task = &ask.Why{By: text, Step: text, Title: text, Text: text, Now: text}, &ask.Task{Step: text, Text: text, Lacks: text}
	r.Bar.Title, r.Bar.Line = text, text
	for n := range r.Steps {
		s := &r.Steps[n]
		s.ID, s.Title, s.As, s.Error, s.Now, s.Evidence = text, text, text, text, text, text
	}
	f.lines = []string{text, text}
	f.beats = []ask.Beat{{Run: r, Bar: &r.Bar, Lines: []string{text}, Log: 1, Over: true}}
	f.points = &ask.Points{Product: text, Place: text, Points: []ask.Point{{ID: text, Version: text, Parts: []string{text}, Note: text, Made: now, ProvenBy: ask.MadeRead}, {ID: text, Error: text}}}
	f.drift = &ask.Drift{Product: text, Version: text, Versions: []string{text}, Parts: []ask.DriftPart{{Unit: text, At: text, Items: []ask.DriftItem{{Name: text, What: "content", Diff: text}}}, {Unit: text, Unknown: text}, {Unit: text, Standard: text}}}
	f.doctor = &ask.Diagnosis{Product: text, UnderWay: text, Fine: []string{text}, Symptoms: []ask.Symptom{{Text: text, Evidence: text, Error: text, Try: []ask.Remedy{{Text: text, Does: []string{text}, As: text}}, Else: text}}}
	f.check = ask.Readiness{Product: text, Installed: text, To: text, Findings: []ask.Finding{{ID: text, Level: "warning", Text: text, Effect: text, Fix: text, Waived: text, Waivable: true}}}
	p := &f.thePlan
	p.Product, p.Installed, p.To, p.Digest, p.Vouched, p.Route = text, text, text, text, text, []string{text, text, text}
	p.Changes, p.Room = []ask.Change{{Unit: text, From: text, To: text, At: text}, {Unit: text, From: text, Gone: true}}, []ask.Room{{Place: text}}
	p.Notes, p.NoReturn, p.People, p.Goes = []string{text}, []string{text}, []string{text}, []string{text}
}

// TestSlowClients: who sends a request drop by drop, or does not read the answer,
// is sent away, and nobody waits for them.
func TestSlowClients(t *testing.T) {
	lab.Slow(t)
	f := sample()
	f.lines = many(2000, strings.Repeat("a line of a log ", 30))
	b := open(t, f)
	endless := &endlessLog{fake: f, ended: make(chan struct{}, 100)}
	b.page.Engine, b.page.sendWithin = endless, time.Second
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.page.Hosts = []string{l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.page.Serve(ctx, l) }()
	defer func() { cancel(); <-done }()
	dial := func(text string) net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprint(c, text)
		return c
	}
	head := "GET %s HTTP/1.1\r\nHost: " + l.Addr().String() + "\r\nCookie: " + cookie + "=s\r\n"
	var drops, deaf []net.Conn
	for range 100 {
		drops = append(drops, dial(fmt.Sprintf(head, "/")))
		deaf = append(deaf, dial(fmt.Sprintf(head, "/i/notes/runs/r1/log")+"\r\n"))
	}
	c := dial(fmt.Sprintf(head, "/") + "\r\n")
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 200 {
		t.Errorf("beside them the overview gives %v, %v", res, err)
	}
	for range deaf {
		select {
		case <-endless.ended:
		case <-time.After(20 * time.Second):
			t.Fatal("who does not read the answer is served for good")
		}
	}
	for _, c := range drops {
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Fatalf("who sends half a request is waited for: %v", err)
		}
	}
}

// endlessLog has a log that never ends.
type endlessLog struct {
	*fake
	ended chan struct{}
}

func (e *endlessLog) As(session string) ask.Asking {
	return &endlessFor{asking{e.fake, session}, e, 0}
}

type endlessFor struct {
	asking
	e *endlessLog
	n int
}

func (e *endlessFor) Log(ctx context.Context, q ask.LogQuery) (ask.Log, error) {
	if e.n++; e.n == 1 {
		context.AfterFunc(ctx, func() { e.e.ended <- struct{}{} }) // the answer is over
	}
	return ask.Log{Lines: e.lines, From: q.From, Next: q.From + 1}, nil
}
