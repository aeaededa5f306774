package console

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/hub/ask"
)

// fakePeople is the part of the engine side that is about people.
type fakePeople struct {
	role     ask.Role
	password bool
	renewed  string
	quiet    bool // nothing was changed yet
	refuse   error
	heard    []string
	signed   []ask.SignIn
}

func (f *fakePeople) hear(words ...string) error {
	f.heard = append(f.heard, strings.Join(words, " "))
	return f.refuse
}

func (f *fakePeople) SignIn(_ context.Context, s ask.SignIn) (ask.Entered, error) {
	f.signed = append(f.signed, s)
	if s.Password != "right" {
		return ask.Entered{}, &ask.Error{Kind: ask.Denied, Text: "the name or the password is wrong"}
	}
	return ask.Entered{Session: "new.secret", Person: ask.Person{Name: s.Name}}, f.refuse
}

func (f *fakePeople) SetPassword(_ context.Context, p ask.Password) (ask.Entered, error) {
	return ask.Entered{Session: "new.secret"}, f.hear("password", p.Old, p.New)
}

func (f *fakePeople) LeaveAll(context.Context) error { return f.hear("leave all") }

func (f *fakePeople) People(context.Context) (ask.People, error) {
	return ask.People{People: []ask.PersonRow{
		{Person: ask.Person{Name: "anna", Role: ask.Administrator, Password: true}, Since: now.Add(-900 * time.Hour), By: "upkeep hub", Sessions: 2, Seen: now, Last: true},
		{Person: ask.Person{Name: "bert@example.org", Role: ask.Operator, Password: true}, Since: now.Add(-90 * time.Hour), By: "anna", Sessions: 1, Seen: now.Add(-3 * time.Hour)},
		{Person: ask.Person{Name: "carl", Role: ask.Viewer}, Since: now.Add(-9 * time.Minute), By: "anna", Invited: now.Add(51 * time.Minute)},
	}}, nil
}

func (f *fakePeople) AddPerson(_ context.Context, p ask.Person) (ask.Invitation, error) {
	return ask.Invitation{Person: p, Code: "ABC+/", Until: now.Add(time.Hour)}, f.hear("add", p.Name, string(p.Role))
}

func (f *fakePeople) Invite(_ context.Context, n ask.Name) (ask.Invitation, error) {
	return ask.Invitation{Person: ask.Person{Name: n.Name}, Code: "DEF", Until: now.Add(time.Hour)}, f.hear("link", n.Name)
}

func (f *fakePeople) SetRole(_ context.Context, p ask.Person) error {
	return f.hear("role", p.Name, string(p.Role))
}

func (f *fakePeople) RemovePerson(_ context.Context, n ask.Name) error {
	return f.hear("remove", n.Name)
}

func (f *fakePeople) EndSessions(_ context.Context, n ask.Name) error { return f.hear("leave", n.Name) }

func (f *fakePeople) Audit(_ context.Context, q ask.AuditQuery) (ask.Audit, error) {
	a := ask.Audit{File: "/var/lib/upkeep/.hub/audit.jsonl", Head: strings.Repeat("0", 64), Acts: []ask.Act{}}
	if f.quiet {
		return a, nil
	}
	a.Entries, a.Head, a.More = 9, strings.Repeat("ab12", 16), q.Skip == 0
	a.Acts = []ask.Act{
		{N: 9, At: now, By: "anna", Role: "administrator", Do: "start", On: map[string]string{"installation": "notes", "to": "3.0"}, Result: ask.ActOpen},
		{N: 7, At: now.Add(-time.Hour), By: "bert", Role: "operator", Do: "decide", On: map[string]string{"choice": "back", "run": "20260314-0924-ab"}, Result: ask.ActRefused, Text: "the run has passed its barrier"},
		{N: 5, At: now.Add(-2 * time.Hour), By: "anna", Role: "administrator", Do: "person-add", On: map[string]string{"name": "carl", "role": "viewer"}, Result: ask.ActDone},
		{N: 3, At: now.Add(-3 * time.Hour), By: "anna", Role: "administrator", Do: "something new", Result: ask.ActFailed, Text: "no space left on device"},
		{N: 1, At: now.Add(-4 * time.Hour), By: "anna", Role: "administrator", Do: "sign in", On: map[string]string{"from": "127.0.0.1"}, Result: ask.ActDone},
	}
	return a, nil
}

func TestSignIn(t *testing.T) {
	f := sample()
	b := open(t, f)
	// session fixation: what the browser was given by somebody else is not gone on with
	b.header.Set("Cookie", cookie+"=fixed.byothers")
	w := b.do("POST", "/signin", map[string][]string{"name": {" anna "}, "password": {"wrong"}, "to": {"/i/notes"}})
	if got := w.Body.String(); w.Code != 401 || len(w.Result().Cookies()) != 0 || !strings.Contains(got, "the name or the password is wrong") || !strings.Contains(got, `value="anna"`) || strings.Contains(got, `value="wrong"`) || !strings.Contains(got, `name="to" value="/i/notes"`) {
		t.Errorf("a wrong password gives %d %v\n%s", w.Code, w.Result().Cookies(), got)
	}
	w = b.do("POST", "/signin", map[string][]string{"name": {"anna"}, "password": {"right"}, "to": {"/i/notes?x=1"}})
	c := w.Result().Cookies()
	if w.Code != 303 || w.Header().Get("Location") != "/i/notes?x=1" || len(c) != 1 || c[0].Value != "new.secret" || !c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode {
		t.Errorf("the right one gives %d %v", w.Code, w.Header())
	}
	if len(f.signed) != 2 || f.signed[0].Name != "anna" || f.signed[0].From != "192.0.2.1" {
		t.Errorf("the engine side heard %+v", f.signed)
	}
	b.header.Set("Sec-Fetch-Site", "cross-site")
	if w := b.do("POST", "/signin", map[string][]string{"name": {"anna"}, "password": {"right"}}); w.Code != 403 || len(w.Result().Cookies()) != 0 {
		t.Errorf("from another site: %d", w.Code)
	}
}

// TestInside: signing in leads nowhere but to this page.
func TestInside(t *testing.T) {
	for path, want := range map[string]string{"": "/", "/": "/", "/i/notes?a=b": "/i/notes?a=b", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example/": "/", "javascript:alert(1)": "/",
		"i/notes": "/", "/enter?code=x": "/", "/a\r\nSet-Cookie: x": "/", "/%zz": "/", "/a%0d%0ab": "/a%0d%0ab"} {
		if got := inside(path); got != want {
			t.Errorf("%q gives %q, want %q", path, got, want)
		}
	}
}

func FuzzInside(f *testing.F) {
	f.Add("//evil.example")
	f.Fuzz(func(t *testing.T, path string) {
		if got := inside(path); !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n") {
			t.Errorf("%q gives %q", path, got)
		}
	})
}

func TestSecure(t *testing.T) {
	f := sample()
	b := open(t, f)
	b.page.Secure = true
	if w := b.get("/people"); w.Code != 401 {
		t.Errorf("with the cookie of a page without TLS: %d", w.Code)
	}
	w := b.do("POST", "/signin", map[string][]string{"name": {"anna"}, "password": {"right"}})
	if c := w.Result().Cookies(); len(c) != 1 || c[0].Name != "__Host-"+cookie || !c[0].Secure || c[0].Path != "/" || c[0].Domain != "" {
		t.Errorf("%v", w.Result().Cookies())
	}
}

// TestRenewed: the browser is given the new secret, and forms that were shown before
// stay good.
func TestRenewed(t *testing.T) {
	one, two := (&visit{session: "id.one"}).Token(), (&visit{session: "id.two"}).Token()
	if one != two || one == (&visit{session: "other.one"}).Token() || strings.Contains(one, "id") {
		t.Errorf("%s, %s", one, two)
	}
	f := sample()
	f.renewed = "s.next"
	w := open(t, f).get("/")
	if c := w.Result().Cookies(); w.Code != 200 || len(c) != 1 || c[0].Value != "s.next" {
		t.Errorf("%d %v", w.Code, c)
	}
}

func TestInvited(t *testing.T) {
	f := sample()
	f.role = ask.Administrator
	b := open(t, f)
	if got := b.post("/people", "name", " carl ", "role", "viewer").Body.String(); !strings.Contains(got, "http://127.0.0.1:8080/enter?code=ABC%2B%2F") || !strings.Contains(got, "One-time link for carl") {
		t.Errorf("adding shows\n%s", got)
	}
	if got := b.post("/people/bert@example.org", "do", "link").Body.String(); !strings.Contains(got, "/enter?code=DEF") {
		t.Errorf("a new link shows\n%s", got)
	}
	for _, tt := range [][]string{{"role", "role", "operator"}, {"leave"}, {"remove"}} {
		if w := b.post("/people/carl", append([]string{"do"}, tt...)...); w.Code != 303 || w.Header().Get("Location") != "/people" {
			t.Errorf("%v: %d %s", tt, w.Code, w.Body)
		}
	}
	if w := b.post("/people/carl", "do", "promote"); w.Code != 400 {
		t.Errorf("something else: %d", w.Code)
	}
	if w := b.post("/you/password", "old", "a", "new", "b", "again", "c"); w.Code != 400 || !strings.Contains(w.Body.String(), "differ") {
		t.Errorf("two passwords: %d", w.Code)
	}
	if w := b.post("/you/password", "old", "a", "new", "b", "again", "b"); w.Code != 303 || len(w.Result().Cookies()) != 1 {
		t.Errorf("a password: %d", w.Code)
	}
	if w := b.post("/you/leave"); w.Code != 303 || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("leaving everywhere: %d", w.Code)
	}
	if d := cmp.Diff([]string{"add carl viewer", "link bert@example.org", "role carl operator", "leave carl", "remove carl", "password a b", "leave all"}, f.heard); d != "" {
		t.Error(d)
	}
	f.refuse = &ask.Error{Kind: ask.Refused, Text: "this is the only administrator"}
	if w := b.post("/people/anna", "do", "remove"); w.Code != 409 || !strings.Contains(w.Body.String(), "only administrator") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := b.post("/you/password", "new", "b", "again", "b"); w.Code != 400 || !strings.Contains(w.Body.String(), "only administrator") {
		t.Errorf("what is wrong with a password does not stand at its form: %d", w.Code)
	}
}

// TestPeopleGuard: changes of accounts take the token of a form and our own site.
func TestPeopleGuard(t *testing.T) {
	for _, path := range []string{"/people", "/people/bert", "/you/password", "/you/leave"} {
		f := sample()
		b := open(t, f)
		if w := b.post(path, "token", "", "do", "remove"); w.Code != 403 {
			t.Errorf("%s without a token: %d", path, w.Code)
		}
		b.header.Set("Sec-Fetch-Site", "cross-site")
		if w := b.post(path, "do", "remove"); w.Code != 403 {
			t.Errorf("%s from another site: %d", path, w.Code)
		}
		if len(f.heard) > 0 {
			t.Errorf("%s: the engine side heard %v", path, f.heard)
		}
	}
}
