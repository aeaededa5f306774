package gate

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ask(p Page, now time.Time, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/any/where", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.serve(w, r, now)
	return w
}

func TestPageByAccept(t *testing.T) {
	for _, c := range []struct{ name, accept, content, want string }{
		{"browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", htmlType},
		{"nothing said", "", "", textType},
		{"anything", "*/*", "", textType},
		{"anything, speaks JSON", "*/*", "application/json", jsonType},
		{"JSON", "application/json", "", jsonType},
		{"a kind of JSON", "application/problem+json", "", jsonType},
		{"text rather", "text/html;q=0.2, text/plain", "", textType},
		{"JSON rather", "text/html;q=0.5, application/json;q=0.9", "", jsonType},
		{"HTML refused", "text/html;q=0, text/plain;q=0.1", "", textType},
		{"broken weight", "text/html;q=x, application/json;q=0.1", "", jsonType},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(Page{Product: "Shop"}, noon, "Accept", c.accept, "Content-Type", c.content)
			if got := w.Header().Get("Content-Type"); got != c.want || w.Code != 503 {
				t.Errorf("%d %s, want 503 %s", w.Code, got, c.want)
			}
			if !strings.Contains(w.Body.String(), "Shop is unavailable for the moment") {
				t.Errorf("body %q", w.Body)
			}
			if c.want == jsonType {
				var v struct {
					Status, Retry_after int
				}
				if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || v.Status != 503 || v.Retry_after != 30 {
					t.Errorf("%+v, %v in %s", v, err, w.Body)
				}
			}
		})
	}
}

func TestRetryAfterAndEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		end   time.Time
		retry string
		text  string
	}{
		{"unknown", time.Time{}, "30", "Try again in 30 seconds."},
		{"in four minutes", noon.Add(4*time.Minute - time.Millisecond), "240", "Expected end: 12:03 (UTC), in about 4 minutes."},
		{"in a second", noon.Add(time.Second), "5", "Expected end: 12:00 (UTC), in less than a minute."},
		{"in a minute and a half", noon.Add(89 * time.Second), "89", "Expected end: 12:01 (UTC), in about a minute."},
		{"in three hours", noon.Add(3 * time.Hour), "3600", "Expected end: 15:00 (UTC)."},
		{"tomorrow", noon.Add(24 * time.Hour), "3600", "Expected end: 2026-03-02 12:00 (UTC)."},
		{"passed", noon.Add(-time.Minute), "30", "The expected end has passed; it should not take much longer."},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(Page{ExpectedEnd: c.end}, noon)
			if got := w.Header().Get("Retry-After"); got != c.retry || !strings.Contains(w.Body.String(), c.text) {
				t.Errorf("Retry-After %s, body %q; want %s and %q", got, w.Body, c.retry, c.text)
			}
		})
	}
}

func TestPageLanguage(t *testing.T) {
	for _, c := range []struct{ lang, accept, want string }{
		{"", "", "en"},
		{"", "fr-CH, fr;q=0.9, en;q=0.8", "fr"},
		{"", "pt, de;q=0.4, en;q=0.3", "de"},
		{"", "pt", "en"},
		{"fr", "de", "fr"},
		{"xx", "de", "de"},
	} {
		w := ask(Page{Lang: c.lang}, noon, "Accept-Language", c.accept, "Accept", "text/html")
		if got := w.Header().Get("Content-Language"); got != c.want || !strings.Contains(w.Body.String(), `<html lang="`+c.want+`">`) {
			t.Errorf("Lang %q, asked %q: %s, want %s", c.lang, c.accept, got, c.want)
		}
	}
}

// What a vendor or operator wrote is shown, never run.
func TestPageIsEscaped(t *testing.T) {
	evil := `<script>alert("x")</script>`
	w := ask(Page{Product: evil, Reason: evil, Contact: evil}, noon, "Accept", "text/html")
	if b := w.Body.String(); strings.Contains(b, "<script") || strings.Count(b, "&lt;script&gt;") != 4 { // title twice
		t.Errorf("not escaped:\n%s", b)
	}
	if b := w.Body.String(); strings.Contains(b, "http://") || strings.Contains(b, "src=") {
		t.Errorf("the page needs something from elsewhere:\n%s", b)
	}
	if h := w.Header(); h.Get("Cache-Control") != "no-store" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers %v", h)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	r := httptest.NewRequest(http.MethodHead, "/", nil)
	w := httptest.NewRecorder()
	Page{}.serve(w, r, noon)
	if w.Code != 503 || w.Body.Len() != 0 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
}

func TestOddSpecs(t *testing.T) {
	g := New()
	for name, s := range map[string]Spec{
		"no name":     {Ports: []uint16{80}},
		"bad name":    {Name: "Shop 1", Ports: []uint16{80}},
		"no ports":    {Name: "shop"},
		"port zero":   {Name: "shop", Ports: []uint16{80, 0}},
		"path":        {Name: "../x", Ports: []uint16{80}},
		"long name":   {Name: strings.Repeat("x", 200), Ports: []uint16{80}},
		"empty ports": {Name: "shop", Ports: []uint16{}},
	} {
		if err := g.Up(t.Context(), s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := g.SetPage("shop", Page{}); err == nil {
		t.Error("the page of a gate that is not up was changed")
	}
}

func TestReasonIsASentence(t *testing.T) {
	for reason, want := range map[string]string{"shop is being upgraded to 3.1": "upgraded to 3.1.\n", "It did not succeed.": "succeed.\n", "Soon!": "Soon!\n"} {
		if w := ask(Page{Reason: reason}, noon); !strings.Contains(w.Body.String(), want) {
			t.Errorf("body %q, want %q", w.Body, want)
		}
	}
}

// Every kind has its sentence in every language, in every format.
func TestPageSaysWhatIsDone(t *testing.T) {
	for _, c := range []struct {
		page   Page
		lang   string
		want   string
		noData bool
	}{
		{Page{Doing: Upgrade, To: "3.1"}, "en", "Shop is being upgraded to 3.1.", false},
		{Page{Doing: Upgrade, To: "3.1"}, "fr", "Shop passe à la version 3.1.", false},
		{Page{Doing: Upgrade, To: "3.1"}, "de", "Shop wird auf 3.1 gebracht.", false},
		{Page{Doing: Upgrade}, "fr", "Une mise à niveau est en cours.", false},
		{Page{}, "fr", "Une mise à niveau est en cours.", false},
		{Page{Doing: "something newer", To: "1"}, "fr", "Une mise à niveau est en cours.", false},
		{Page{Doing: Install, To: "3.1"}, "fr", "Shop est en cours d’installation.", true},
		{Page{Doing: Return, To: "3.0"}, "fr", "Shop revient à la version 3.0.", false},
		{Page{Doing: PutBack}, "fr", "Cela n’a pas réussi ; Shop est remis dans son état antérieur.", false},
		{Page{Doing: Waits}, "fr", "Le travail sur Shop dure plus longtemps que prévu ; son administrateur doit s’en occuper.", false},
		{Page{Doing: Upgrade, To: "3.1", ByHand: true}, "fr", "Shop passe à la version 3.1. Une partie du travail se fait à la main en ce moment.", false},
		{Page{Reason: "The index is built anew", ByHand: true}, "en", "The index is built anew. A part of the work is being done by hand now.", false},
		{Page{Doing: Upgrade, To: "%p"}, "en", "Shop is being upgraded to %p.", false}, // what a vendor calls a version
	} {
		c.page.Product = "Shop"
		for _, accept := range []string{"text/html", "application/json", "text/plain"} {
			w := ask(c.page, noon, "Accept", accept, "Accept-Language", c.lang)
			text := w.Body.String()
			t2, _ := words(c.lang)
			if w.Code != 503 || !strings.Contains(text, c.want) || strings.Contains(text, t2.kept) == c.noData {
				t.Errorf("%+v in %s as %s: %s", c.page, c.lang, accept, text)
			}
		}
	}
}

func TestWordsAreWhole(t *testing.T) {
	for _, lang := range []string{"en", "fr", "de"} {
		w, ok := words(lang)
		for d, text := range w.doing {
			if text == "" || d != "" && !strings.Contains(text, "%p") {
				t.Errorf("%s says of %q: %q", lang, d, text)
			}
		}
		if !ok || len(w.doing) != 6 || w.title == "" || w.end == "" || w.soon == "" || w.minute == "" || w.minutes == "" || w.late == "" || w.wait == "" || w.again == "" || w.contact == "" || w.thisService == "" || w.hand == "" || w.kept == "" {
			t.Errorf("%s lacks something: %+v", lang, w)
		}
	}
}

// A file cannot know who reads it.
func TestStaticPage(t *testing.T) {
	text := string(Page{Product: "<Shop>", Doing: Upgrade, To: "3.1", ExpectedEnd: noon.Add(4 * time.Minute)}.Static())
	for _, want := range []string{`<html lang="en">`, `<section lang="en">`, "&lt;Shop&gt; is being upgraded to 3.1.", "Expected end: 2026-03-01 12:04 (UTC).", `<section lang="fr">`, "&lt;Shop&gt; passe à la version 3.1.", "Fin prévue : 2026-03-01 12:04 (UTC).", `http-equiv="refresh"`} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "about") || strings.Contains(text, "http://") || strings.Contains(text, "src=") {
		t.Errorf("it says what will be wrong, or needs something from elsewhere:\n%s", text)
	}
	if text := string(Page{}.Static()); !strings.Contains(text, "It is being upgraded.") || strings.Contains(text, "end\">") {
		t.Errorf("without anything known:\n%s", text)
	}
}
