package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"upkeep/internal/hub/ask"
)

// wished reads the fields of an address as a page does.
func wished(raw string) draft {
	q, _ := url.ParseQuery(raw) // what cannot be read is left out, as by net/http
	r, _ := http.NewRequest(http.MethodGet, "/i/notes/upgrade", nil)
	r.SetPathValue("id", "notes")
	return (&visit{r: r}).wish(q)
}

// TestWishTravels: what somebody has said comes through every page as it was, and a
// form with the fields of its own stage says the whole of it.
func TestWishTravels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zA-Z0-9/.:&=+%é-]{1,12}`)
		d := draft{Wish: ask.Wish{Installation: "notes", To: rapid.StringMatching(`[0-9.]{0,5}`).Draw(t, "to"), OnFailure: rapid.SampledFrom([]string{"", "origin", "stay"}).Draw(t, "on failure"),
			Waivers: rapid.MapOf(word, word).Draw(t, "waivers"), Params: rapid.MapOf(word, rapid.StringMatching(`[a-z:/.]{0,9}`)).Draw(t, "params"),
			Choose: rapid.SliceOfDistinct(word, func(s string) string { return s }).Draw(t, "choose"), Rehearse: rapid.Bool().Draw(t, "rehearse"), Prove: rapid.Bool().Draw(t, "prove")}}
		if len(d.Choose) == 0 {
			d.Choose = nil
		}
		d.Leave = d.Waivers["backup"] == "" && rapid.Bool().Draw(t, "leave")
		if diff := cmp.Diff(d, wished(query(d))); diff != "" {
			t.Fatalf("%s\nsays something else:\n%s", query(d), diff)
		}
		for _, s := range ask.Stages() {
			own := 0
			for _, f := range fields(d) {
				if asks(s, f[0]) {
					own++
				}
			}
			r, _ := http.NewRequest(http.MethodGet, "/", nil)
			r.SetPathValue("id", "notes")
			if st := newStage(&visit{r: r}, s, nil, d, 0); len(st.Fields)+own != len(fields(d)) {
				t.Fatalf("the stage %s loses fields: %v of %v", s, st.Fields, fields(d))
			}
		}
	})
}

func FuzzWish(f *testing.F) {
	f.Add("to=3.0&waive.php=why&set.url=http%3A%2F%2Fx&choose=a&choose.1=b&safety=leave")
	f.Add("safety=make&waive.backup=why&choose.=&set.=&waive.=%00")
	f.Fuzz(func(t *testing.T, raw string) {
		once := wished(raw)
		if diff := cmp.Diff(once, wished(query(once))); diff != "" {
			t.Errorf("%q is said otherwise the second time:\n%s", raw, diff)
		}
	})
}

// TestSafety: to leave the restore point out takes both the choice and a reason.
func TestSafety(t *testing.T) {
	for raw, want := range map[string]struct {
		waived string
		leave  bool
	}{"": {}, "safety=make&waive.backup=why": {}, "safety=leave&waive.backup=why": {"why", false}, "safety=leave&waive.backup=+": {"", true}, "safety=leave": {"", true}, "waive.backup=why": {"why", false}} {
		if d := wished(raw); d.Waivers["backup"] != want.waived || d.Leave != want.leave {
			t.Errorf("%q: %v", raw, d)
		}
	}
}

// TestNobodyGetsPast: a stage that is not settled comes before those after it, and
// what the wish does not need is passed over.
func TestNobodyGetsPast(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		stages     []ask.StageState
		current    bool
		goes       string
	}{
		{"nothing in the way", "/i/notes/upgrade/choices", stagesOf(ask.Stages()...), false, ""},
		{"not ready", "/i/notes/upgrade/choices?to=3.0", stagesOf("!ready", "choices", "plan"), false, "/i/notes/upgrade?to=3.0"},
		{"not ready, and there", "/i/notes/upgrade", stagesOf("!ready", "plan"), false, ""},
		{"a wrong value", "/i/notes/upgrade/tasks?set.url=x", stagesOf("ready", "!params", "choices", "tasks", "plan"), false, "/i/notes/upgrade/params?set.url=x"},
		{"a wrong value, and there", "/i/notes/upgrade/params?set.url=x", stagesOf("ready", "!params", "choices", "plan"), false, ""},
		{"back from it", "/i/notes/upgrade", stagesOf("ready", "!params", "plan"), false, ""},
		{"no reason", "/i/notes/upgrade/params?safety=leave", stagesOf("ready", "safety", "params", "plan"), false, "/i/notes/upgrade/safety?safety=leave"},
		{"a stage that is not needed", "/i/notes/upgrade/safety", stagesOf("ready", "choices", "plan"), false, "/i/notes/upgrade/choices?to="},
		{"none is needed", "/i/notes/upgrade/tasks", stagesOf("ready", "plan"), false, "/i/notes/plan?to="},
		{"scripts first", "/i/notes/plan", stagesOf("ready", "!review", "plan"), false, "/i/notes/upgrade/review?to="},
		{"up to date", "/i/notes/upgrade/tasks", stagesOf("ready"), true, "/i/notes/upgrade?to="},
	} {
		f := sample()
		f.guide.Stages, f.thePlan.Stages, f.check.UpToDate = tt.stages, tt.stages, tt.current
		f.guide.Params = []ask.Param{{ID: "url", Now: "y", Value: "x", Changed: true, Problem: "no"}}
		w := open(t, f).get(tt.path)
		if goes := w.Header().Get("Location"); goes != tt.goes || (w.Code == http.StatusSeeOther) != (tt.goes != "") {
			t.Errorf("%s: %s leads to %q (%d), want %q", tt.name, tt.path, goes, w.Code, tt.goes)
		}
	}
}

// TestWizardAsks: what somebody says reaches the engine side with the wish, and the
// page goes on where she was.
func TestWizardAsks(t *testing.T) {
	wish := []string{"to", "3.0", "choose", "storage"}
	for _, tt := range []struct {
		path string
		form []string
		goes string
		told func(*fake) bool
	}{
		{"/i/notes/upgrade/tasks", []string{"task", "jobs", "text", "yes"}, "/i/notes/upgrade/tasks", func(f *fake) bool {
			return len(f.said) == 1 && f.said[0].ID == "jobs" && f.said[0].Text == "yes" && f.said[0].To == "3.0"
		}},
		{"/i/notes/upgrade/review", []string{"script", "db:1.sql", "sha256", "aa", "judgement", "approve", "note", "n", "content", "not this"}, "/i/notes/upgrade/review", func(f *fake) bool {
			v := f.judged
			return len(v) == 1 && v[0].Script == "db:1.sql" && v[0].SHA256 == "aa" && v[0].Judgement == ask.Approve && v[0].Note == "n" && v[0].Content == ""
		}},
		{"/i/notes/upgrade/review", []string{"script", "db:1.sql", "judgement", "edit", "content", strings.Repeat("x", 2*formMost)}, "/i/notes/upgrade/review", func(f *fake) bool {
			return len(f.judged) == 1 && len(f.judged[0].Content) == 2*formMost
		}},
		{"/i/notes/upgrade/fixes", []string{"finding", "php", "fix", "install it"}, "/i/notes/upgrade", func(f *fake) bool {
			return len(f.mends) == 1 && f.mends[0].Finding == "php" && f.mends[0].Text == "install it" && slices.Equal(f.mends[0].Choose, []string{"storage"})
		}},
		{"/i/notes/fetch", nil, "/i/notes/fetch", func(f *fake) bool { return len(f.fetch) == 1 && f.fetch[0].To == "3.0" }},
	} {
		f := sample()
		f.mended.Gone = true
		b := open(t, f)
		w := b.post(tt.path, append(slices.Clone(wish), tt.form...)...)
		if goes := w.Header().Get("Location"); w.Code != http.StatusSeeOther || goes != tt.goes+"?choose=storage&to=3.0" || !tt.told(f) {
			t.Errorf("%s %.80v: %d to %q", tt.path, tt.form, w.Code, goes)
		}
		for _, header := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Cookie": ""}} {
			f := sample()
			b := open(t, f)
			for k, v := range header {
				b.header.Set(k, v)
			}
			if w := b.post(tt.path, tt.form...); w.Code < 400 || len(f.said)+len(f.judged)+len(f.mends)+len(f.fetch) > 0 {
				t.Errorf("%s with %v: %d, and the engine side was told", tt.path, header, w.Code)
			}
		}
	}
}

// TestRefusedForm: who is refused goes on where the form was, with all that was said.
func TestRefusedForm(t *testing.T) {
	for path, goes := range map[string]string{"start": "plan", "upgrade/tasks": "upgrade/tasks", "upgrade/review": "upgrade/review", "upgrade/fixes": "upgrade", "fetch": "upgrade"} {
		f := sample()
		f.fail = &ask.Error{Kind: ask.Moved, Text: "another plan"}
		w := open(t, f).post("/i/notes/"+path, "to", "3.0", "choose", "a&b", "digest", "d")
		if want := `href="/i/notes/` + goes + `?choose=a%26b&amp;to=3.0"`; w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, want %s in\n%s", path, w.Code, want, w.Body)
		}
	}
}

// TestFetched: who waits for a fetch is led on, also by a part of the page.
func TestFetched(t *testing.T) {
	f := sample()
	f.fetches = ask.Fetching{Known: true}
	b := open(t, f)
	if w := b.get("/i/notes/fetch?to=3.0"); w.Header().Get("Location") != "/i/notes/plan?to=3.0" {
		t.Errorf("it leads to %q", w.Header().Get("Location"))
	}
	b.header.Set("HX-Request", "true")
	if w := b.get("/i/notes/fetch?to=3.0"); w.Header().Get("HX-Redirect") != "/i/notes/plan?to=3.0" {
		t.Errorf("a part of the page leads to %q", w.Header().Get("HX-Redirect"))
	}
}

func TestWeb(t *testing.T) {
	for text, want := range map[string]string{"https://vendor.example/a?b": "https://vendor.example/a?b", "http://v": "http://v", "Guide 4.6": "", "javascript:alert(1)": "", "https:": "", "//v/x": "", "%": ""} {
		if got := web(text); got != want {
			t.Errorf("%q is the address %q", text, got)
		}
	}
}
