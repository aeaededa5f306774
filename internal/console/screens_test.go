package console

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/hub/ask"
)

// TestSend: what a form asks for reaches the engine side as it was shown, and the
// browser goes on to where it can be watched.
func TestSend(t *testing.T) {
	for _, tt := range []struct {
		path, goes string
		form       []string
		want       ask.Errand
	}{
		{"points/create", "points", []string{"note", " before the audit "}, ask.Errand{Kind: ask.ErrandCreate, Note: "before the audit"}},
		{"points/verify", "points", []string{"point", "p1"}, ask.Errand{Kind: ask.ErrandVerify, Point: "p1"}},
		{"points/restore", "points", []string{"point", "p1", "sum", "51", "only", "db"}, ask.Errand{Kind: ask.ErrandRestore, Point: "p1", Sum: "51", Only: []string{"db"}}},
		{"doctor/mend", "doctor", []string{"symptom", "queue", "sum", "5e"}, ask.Errand{Kind: ask.ErrandMend, Symptom: "queue", Sum: "5e"}},
	} {
		f := sample()
		b := open(t, f)
		w := b.post("/i/notes/"+tt.path, tt.form...)
		tt.want.Installation = "notes"
		if w.Code != 303 || w.Header().Get("Location") != "/i/notes/"+tt.goes {
			t.Errorf("%s: %d to %s", tt.path, w.Code, w.Header().Get("Location"))
		}
		if d := cmp.Diff([]ask.Errand{tt.want}, f.sent); d != "" {
			t.Errorf("%s: %s", tt.path, d)
		}
	}
}

// TestForeignScreens: no other site, no link and no form of another session makes
// anything be done.
func TestForeignScreens(t *testing.T) {
	for _, path := range []string{"/refresh", "/together", "/i/notes/refresh", "/i/notes/points/create", "/i/notes/points/verify", "/i/notes/points/restore", "/i/notes/doctor/mend", "/i/notes/back", "/i/notes/support"} {
		f := sample()
		b := open(t, f)
		heard := func(how string, w *httptest.ResponseRecorder, status int) {
			if n := len(f.sent) + len(f.takenBack) + len(f.started) + len(f.refreshed); n > 0 || w.Code != status {
				t.Errorf("%s %s: %d, and the engine side heard %d", path, how, w.Code, n)
			}
		}
		heard("without a token", b.post(path, "token", ""), 403)
		b.header.Set("Sec-Fetch-Site", "cross-site")
		heard("from another site", b.post(path, "i", "notes"), 403)
		b.header.Del("Sec-Fetch-Site")
		b.header.Del("Cookie")
		heard("from nobody", b.post(path), 401)
	}
}

func TestTogether(t *testing.T) {
	f := sample()
	b := open(t, f)
	form := map[string][]string{"token": {(&visit{session: "s"}).Token()}, "i": {"notes", "shop"}, "digest.notes": {"d1"}, "digest.shop": {"d2"}, "digest.old": {"d3"}, "stop": {"1"}}
	w := b.do("POST", "/together", form)
	if w.Code != 303 || w.Header().Get("Location") != "/together/last" {
		t.Errorf("%d to %s", w.Code, w.Header().Get("Location"))
	}
	yes := func(id, digest string) ask.Yes { return ask.Yes{Wish: ask.Wish{Installation: id}, Digest: digest} }
	if d := cmp.Diff([]ask.Together{{Stop: true, Yeses: []ask.Yes{yes("notes", "d1"), yes("shop", "d2")}}}, f.started); d != "" {
		t.Error(d)
	}
	if got := b.get("/together").Body.String(); !strings.Contains(got, "No upgrade was chosen.") {
		t.Error(got)
	}
	// what is not behind, or has an open run, is not among all
	f.over.Installations[1].Currency = ask.Behind
	if got := b.get("/together?all=1").Body.String(); !strings.Contains(got, "digest.notes") || strings.Contains(got, "digest.shop") {
		t.Error(got)
	}
}

// TestErrandLive: with script a page asks for the work alone, and is loaded anew at
// the end.
func TestErrandLive(t *testing.T) {
	f := sample()
	f.theErrand = ask.Errand{Installation: "notes", Kind: ask.ErrandVerify, Point: "p1", Going: true, Began: now}
	b := open(t, f)
	page := b.get("/i/notes/points").Body.String()
	if !strings.Contains(page, `hx-get="/i/notes/errand" hx-trigger="every 1s"`) || !strings.Contains(page, `<meta http-equiv="refresh" content="3">`) || strings.Contains(page, `action="/i/notes/points/verify"`) {
		t.Errorf("while it goes the page is\n%s", page)
	}
	b.header.Set("HX-Request", "true")
	if w := b.get("/i/notes/errand"); w.Header().Get("HX-Refresh") != "" || !strings.Contains(w.Body.String(), `id="errand"`) {
		t.Errorf("while it goes: %v\n%s", w.Header(), w.Body)
	}
	f.theErrand.Going, f.theErrand.Ended = false, now
	if w := b.get("/i/notes/errand"); w.Header().Get("HX-Refresh") != "true" {
		t.Errorf("when it is over: %v", w.Header())
	}
	f.theErrand.Ended = now.Add(-25 * time.Hour)
	if got := b.get("/i/notes/points").Body.String(); strings.Contains(got, "is whole.") {
		t.Error("it is told for ever")
	}
}

func TestFiles(t *testing.T) {
	f := sample()
	b := open(t, f)
	for path, want := range map[string]string{"/i/notes/runs/r1/report?format=html": "<p>run", "/i/notes/drift/report?format=json": "<p>drift"} {
		w := b.get(path)
		if w.Code != 200 || w.Body.String() != want || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment; filename=upkeep-") || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
	}
	if w := b.post("/i/notes/support"); w.Code != 200 || w.Body.Len() != 2 || w.Header().Get("Content-Type") != "application/zstd" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	f.fail = errors.New("the disk has failed")
	if w := b.post("/i/notes/support"); w.Code != 500 || !strings.Contains(w.Body.String(), "the disk has failed") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTakeBack(t *testing.T) {
	f := sample()
	b := open(t, f)
	w := b.post("/i/notes/back", "digest", "d1")
	if w.Code != 303 || w.Header().Get("Location") != "/i/notes/runs/r9" || len(f.takenBack) != 1 || f.takenBack[0].Digest != "d1" || f.takenBack[0].Installation != "notes" {
		t.Errorf("%d to %s, %v", w.Code, w.Header().Get("Location"), f.takenBack)
	}
	if w := b.post("/refresh"); w.Code != 303 || !cmp.Equal(len(f.refreshed), 3) { // all but the one that cannot be read
		t.Errorf("%d, %v", w.Code, f.refreshed)
	}
}

// TestViewerScreens: who only looks is offered nothing that would be refused.
func TestViewerScreens(t *testing.T) {
	f := sample()
	f.role = ask.Viewer
	b := open(t, f)
	for _, path := range []string{"/", "/i/notes", "/i/notes/points", "/i/notes/doctor?look=now", "/i/notes/settings"} {
		for l := range strings.Lines(b.get(path).Body.String()) {
			if strings.Contains(l, `method="post"`) && !strings.Contains(l, `action="/leave"`) {
				t.Errorf("%s offers a viewer %s", path, l)
			}
		}
	}
}
