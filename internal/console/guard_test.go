package console

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/hub/ask"
)

// TestGuard: who may not look or change anything gets nothing, and the engine
// side hears nothing.
func TestGuard(t *testing.T) {
	start := []string{"digest", "d"}
	for _, tt := range []struct {
		name, method, path string
		header             map[string]string
		form               []string
		status             int
		want               string
	}{
		{"the overview", "GET", "/", nil, nil, 200, "Installations"},
		{"another name (DNS rebinding)", "GET", "/", map[string]string{"Host": "evil.example:8080"}, nil, 421, "not called evil.example:8080"},
		{"our name on another port", "GET", "/", map[string]string{"Host": "127.0.0.1:9999"}, nil, 421, "not called"},
		{"another name for a file", "GET", "/static/console.css", map[string]string{"Host": "evil.example"}, nil, 421, "not called"},
		{"our other name", "GET", "/", map[string]string{"Host": "LOCALHOST:8080"}, nil, 200, "Installations"},
		{"nobody", "GET", "/", map[string]string{"Cookie": ""}, nil, 401, "You are not signed in"},
		{"an old session", "GET", "/i/notes/runs/r1", map[string]string{"Cookie": cookie + "=old"}, nil, 401, "your session has ended"},
		{"watching with an old session", "GET", "/i/notes/runs/r1/live", map[string]string{"Cookie": cookie + "=old"}, nil, 200, "You are not signed in"},
		{"starting", "POST", "/i/notes/start", nil, start, 303, ""},
		{"starting as nobody", "POST", "/i/notes/start", map[string]string{"Cookie": ""}, start, 401, "not signed in"},
		{"starting without a token", "POST", "/i/notes/start", nil, []string{"digest", "d", "token", ""}, 403, "not made for your session"},
		{"starting with another's token", "POST", "/i/notes/start", nil, []string{"digest", "d", "token", (&visit{session: "other"}).Token()}, 403, "not made for your session"},
		{"starting from another site", "POST", "/i/notes/start", map[string]string{"Sec-Fetch-Site": "cross-site"}, start, 403, "Another site has sent this"},
		{"starting from another origin", "POST", "/i/notes/start", map[string]string{"Origin": "http://evil.example"}, start, 403, "Another site has sent this"},
		{"starting by a link", "GET", "/i/notes/start?digest=d", nil, nil, 404, "There is no page"},
		{"resuming from another site", "POST", "/i/notes/runs/r1/resume", map[string]string{"Sec-Fetch-Site": "same-site"}, start, 403, "Another site"},
		{"cancelling from another site", "POST", "/i/notes/runs/r1/decide", map[string]string{"Sec-Fetch-Site": "cross-site"}, start, 403, "Another site"},
		{"saying done without a token", "POST", "/i/notes/runs/r1/done", nil, []string{"step", "x", "token", ""}, 403, "not made for your session"},
		{"leaving from another site", "POST", "/leave", map[string]string{"Sec-Fetch-Site": "cross-site"}, start, 403, "Another site"},
		{"entering from another site", "POST", "/enter", map[string]string{"Sec-Fetch-Site": "cross-site"}, []string{"code", "once"}, 403, "Another site"},
		{"a form of 10 GB", "POST", "/i/notes/start", nil, []string{"digest", strings.Repeat("x", formMost)}, 403, "not made for your session"},
		{"an address that hides something", "GET", "/i/a%1b%5b2J", nil, nil, 400, "cannot be shown"},
		{"a field that turns the writing", "GET", "/i/notes/upgrade?to=3%e2%80%ae", nil, nil, 400, "cannot be shown"},
		{"a field of several lines", "GET", "/i/notes/upgrade?to=3%0d%0a", nil, nil, 200, "3.0"},
		{"climbing", "GET", "/static/..%2f..%2fguard.go", nil, nil, 404, ""},
		{"climbing by an installation", "GET", "/i/..%2f..%2fetc/nothing", nil, nil, 404, "There is no page"},
		{"a file without its sum", "GET", "/static/console.css", nil, nil, 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := sample()
			b := open(t, f)
			for k, v := range tt.header {
				b.header.Set(k, v)
			}
			var w *httptest.ResponseRecorder
			if tt.method == "POST" {
				w = b.post(tt.path, tt.form...)
			} else {
				w = b.get(tt.path)
			}
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%d\n%s\nwant %d with %q", w.Code, w.Body, tt.status, tt.want)
			}
			if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("X-Content-Type-Options") == "" {
				t.Error("the answer has no policy")
			}
			if len(f.watched) != 0 {
				t.Error("somebody watches a run")
			}
			if heard := len(f.yes) + len(f.resumed) + len(f.decided) + len(f.done); heard != 0 && tt.status != 303 || f.left {
				t.Errorf("the engine side heard %v %v", f.yes, f.resumed)
			}
		})
	}
}

func TestEnter(t *testing.T) {
	f := sample()
	b := open(t, f)
	b.header.Del("Cookie")
	if got := b.get("/enter?code=once").Body.String(); !strings.Contains(got, `value="once"`) {
		t.Errorf("looking at the link gives %s", got)
	}
	if w := b.do("POST", "/enter", map[string][]string{"code": {"twice"}}); w.Code != 401 || len(w.Result().Cookies()) != 0 {
		t.Errorf("a wrong link gives %d %v", w.Code, w.Result().Cookies())
	}
	w := b.do("POST", "/enter", map[string][]string{"code": {"once"}})
	c := w.Result().Cookies()
	if w.Code != 303 || len(c) != 1 || c[0].Value != "s" || !c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("the link gives %d %v", w.Code, c)
	}
	b.header.Set("Cookie", cookie+"=s")
	w = b.post("/leave")
	if c := w.Result().Cookies(); w.Code != 303 || len(c) != 1 || c[0].MaxAge >= 0 || !f.left {
		t.Errorf("leaving gives %d %v", w.Code, c)
	}
}

func TestStart(t *testing.T) {
	f := sample()
	b := open(t, f)
	w := b.post("/i/notes/start", "digest", "abc", "to", "3.0", "on-failure", "stay", "waive.cron", " they may ", "waive.other", " ")
	if w.Code != 303 || w.Header().Get("Location") != "/i/notes/runs/r9" {
		t.Errorf("%d to %s", w.Code, w.Header().Get("Location"))
	}
	if len(f.yes) != 1 {
		t.Fatalf("the engine side heard %v", f.yes)
	}
	y := f.yes[0]
	if y.Installation != "notes" || y.To != "3.0" || y.OnFailure != "stay" || y.Digest != "abc" || len(y.Waivers) != 1 || y.Waivers["cron"] != "they may" {
		t.Errorf("the engine side heard %+v", y)
	}
	f.fail = &ask.Error{Kind: ask.Moved, Text: "it is another plan", Reasons: []string{"the step x is new"}}
	w = b.post("/i/notes/start", "digest", "abc")
	if got := w.Body.String(); w.Code != 409 || !strings.Contains(got, "The plan has changed") || !strings.Contains(got, "the step x is new") {
		t.Errorf("%d %s", w.Code, got)
	}
	f.fail = nil
	if w := b.post("/i/notes/runs/r1/resume"); w.Code != 303 || len(f.resumed) != 1 || f.resumed[0] != (ask.RunQuery{Installation: "notes", Run: "r1"}) {
		t.Errorf("resume: %d, %v", w.Code, f.resumed)
	}
}

func TestDecide(t *testing.T) {
	f := sample()
	b := open(t, f)
	q := ask.RunQuery{Installation: "notes", Run: "r1"}
	for _, tt := range []struct {
		path  string
		pairs []string
	}{{"decide", []string{"step", "migrate", "choice", "retry", "why", "mended"}}, {"decide", []string{"choice", "back"}}, {"done", []string{"step", "panel"}}} {
		if w := b.post("/i/notes/runs/r1/"+tt.path, tt.pairs...); w.Code != 303 || w.Header().Get("Location") != "/i/notes/runs/r1" {
			t.Errorf("%v: %d to %s", tt, w.Code, w.Header().Get("Location"))
		}
	}
	want := []ask.Decision{{RunQuery: q, Step: "migrate", Choice: "retry", Why: "mended"}, {RunQuery: q, Choice: "back"}}
	if d := cmp.Diff(want, f.decided); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]ask.Word{{RunQuery: q, Step: "panel"}}, f.done); d != "" {
		t.Error(d)
	}
	f.fail = &ask.Error{Kind: ask.Refused, Text: "back after the barrier"}
	if w := b.post("/i/notes/runs/r1/decide", "choice", "back"); w.Code != 409 || !strings.Contains(w.Body.String(), "back after the barrier") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestLive(t *testing.T) {
	f := sample()
	b := open(t, f)
	got := b.get("/i/notes/runs/r1/live?log=77").Body.String()
	for _, want := range []string{"retry: 2000\n\n", "event: log\nid: 100\ndata: one\ndata: \n\n", "event: run\nid: 100\ndata: ", "event: bar\nid: 100\n", "event: log\nid: 110\ndata: two\ndata: three\ndata: \n\n", "event: over\nid: 110\ndata: \n\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	over := *f.beats[0].Run
	over.Cancel = !over.Cancel
	f.beats = append(f.beats, ask.Beat{Run: &over, Log: 120})
	b.header.Set("Last-Event-ID", "100")
	if again := b.get("/i/notes/runs/r1/live?log=77").Body.String(); strings.Contains(got, "event: cancel\n") == strings.Contains(again, "event: cancel\nid: 120\ndata: \n\n") {
		t.Errorf("the form that cancels goes or stays whether or not it can be cancelled:\n%s", again)
	}
	if len(f.watched) != 2 || f.watched[0].Log != 77 || f.watched[1].Log != 100 {
		t.Errorf("the engine side was asked for %+v", f.watched)
	}
	// whatever goes wrong in between, the browser is to come back with its place
	f.fail = &ask.Error{Kind: ask.Gone, Text: "it does not answer"}
	f.beats = nil
	if w := b.get("/i/notes/runs/r1/live"); w.Code != 200 {
		t.Errorf("without the engine side the stream gives %d", w.Code)
	}
}

// TestSince: an open overview is shown anew when a run has begun or ended, and
// otherwise now and then only.
func TestSince(t *testing.T) {
	f := sample()
	b := open(t, f)
	at := now
	b.page.Now = func() time.Time { return at }
	since := func() string {
		_, rest, _ := strings.Cut(b.get("/").Body.String(), `hx-get="`)
		path, _, _ := strings.Cut(rest, `"`)
		return path
	}
	path := since()
	if w := b.get(path); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("%s, and nothing has changed: %d", path, w.Code)
	}
	f.mark = "another"
	if w := b.get(path); w.Code != 200 || !strings.Contains(w.Body.String(), "Installations") {
		t.Errorf("a run has begun: %d", w.Code)
	}
	path = since()
	at = at.Add(anewEvery)
	if w := b.get(path); w.Code != 200 {
		t.Errorf("after a while: %d", w.Code)
	}
	f.fail = &ask.Error{Kind: ask.Denied, Text: "your session has ended"}
	if w := b.get(path); w.Code != 401 {
		t.Errorf("without a session: %d", w.Code)
	}
}

// TestLiveMost: there is an end to how many may watch, and who goes makes room.
func TestLiveMost(t *testing.T) {
	f := sample()
	b := open(t, f)
	hold := &holding{fake: f, watching: make(chan struct{}), gone: make(chan struct{})}
	b.page.Engine = hold
	srv := httptest.NewServer(b.page.Handler())
	defer srv.Close()
	get := func(ctx context.Context) *http.Response {
		r, _ := http.NewRequestWithContext(ctx, "GET", srv.URL+"/i/notes/runs/r1/live", nil)
		r.Host = "127.0.0.1:8080"
		r.Header.Set("Cookie", cookie+"=s")
		res, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 2 {
		get(ctx)
		<-hold.watching
	}
	if text, err := io.ReadAll(get(ctx).Body); err != nil || string(text) != "retry: 2000\n\n" {
		t.Errorf("one too many gets %q, %v", text, err)
	}
	cancel()
	for range 2 {
		<-hold.gone
	}
	deadline := time.Now().Add(5 * time.Second)
	for len(b.page.streams) > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	if res := get(ctx); res.StatusCode != 200 {
		t.Errorf("after the others have gone: %d", res.StatusCode)
	}
	<-hold.watching
	cancel()
	<-hold.gone
}

// holding watches until whoever watches goes.
type holding struct {
	*fake
	watching, gone chan struct{}
}

func (h *holding) As(s string) ask.Asking { return holdingAs{asking{h.fake, s}, h} }

type holdingAs struct {
	asking
	h *holding
}

func (h holdingAs) Watch(ctx context.Context, _ ask.WatchQuery, _ func(ask.Beat) error) error {
	h.h.watching <- struct{}{}
	<-ctx.Done()
	select {
	case h.h.gone <- struct{}{}:
	case <-time.After(5 * time.Second):
	}
	return ctx.Err()
}

func TestLog(t *testing.T) {
	f := sample()
	b := open(t, f)
	w := b.get("/i/notes/runs/r1/log")
	if w.Code != 200 || w.Body.String() != strings.Join(f.lines, "\n")+"\n" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d %v\n%s", w.Code, w.Header(), w.Body)
	}
	f.fail = errors.New("the disk has failed")
	if w := b.get("/i/notes/runs/r1/log"); w.Code != 500 || !strings.Contains(w.Body.String(), "the disk has failed") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
}

// TestFirstView: style, scripts and the overview stay below 100 KB over the wire.
func TestFirstView(t *testing.T) {
	b := open(t, sample())
	b.header.Set("Accept-Encoding", "gzip")
	w := b.get("/")
	total := w.Body.Len()
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for name, a := range b.page.static {
		if name == a.address || !strings.Contains(string(page), a.address) {
			continue
		}
		got := b.get("/static/" + a.address)
		if got.Code != 200 || !strings.Contains(got.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", a.address, got.Code, got.Header())
		}
		files++
		total += got.Body.Len()
	}
	t.Logf("%d bytes in %d files and the page", total, files)
	if files < 4 || total > 100_000 {
		t.Errorf("the first view is %d bytes in %d files", total, files)
	}
}

func TestFormats(t *testing.T) {
	p, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	en, fr := p.languages["en"], p.languages["fr"]
	for _, tt := range []struct{ got, want string }{
		{en.size(0), "0 bytes"}, {en.size(1), "1 byte"}, {fr.size(0), "0 octet"}, {en.size(999), "999 bytes"}, {en.size(1000), "1.0 kB"}, {fr.size(1500), "1,5 ko"},
		{en.size(999_999), "1.0 MB"}, {en.size(12_345_678), "12 MB"}, {en.size(5e15), "5.0 PB"},
		{en.dur(0), "0 ms"}, {fr.dur(1500 * time.Millisecond), "1,5 s"}, {en.dur(59 * time.Second), "59 s"}, {en.dur(61 * time.Second), "1 min 01 s"}, {en.dur(2 * time.Hour), "2 h 00 min"},
		{en.ago(now), "just now"}, {en.ago(now.Add(-time.Minute)), "1 minute ago"}, {fr.ago(now.Add(-3 * time.Hour)), "il y a 3 heures"}, {en.ago(now.Add(-72 * time.Hour)), "3 days ago"}, {en.ago(time.Time{}), "never"},
		{en.at(now), "2026-03-14 09:26"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
