package console

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"upkeep/internal/hub/ask"
)

// actsShown is how many changes a page of the audit log has.
const actsShown = 50

// door is where somebody comes in.
type door struct {
	Code    string // of a one-time link
	Name    string
	To      string // where to go then
	Problem string
}

func (v *visit) door(status int, d door) error {
	return v.show(status, "enter", v.t("enter.title"), nil, d)
}

// inside is a path of this page to go to, and nothing else: a link to the door
// must not lead to another site.
func inside(path string) string {
	if u, err := url.Parse(path); err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") || strings.HasPrefix(path, "/enter") {
		return "/"
	}
	return path
}

// signIn makes a session of a name and a password. Whatever session the browser has
// shown, it gets another one.
func (p *Page) signIn(w http.ResponseWriter, r *http.Request) {
	v := p.visit(w, r)
	from, _, _ := net.SplitHostPort(r.RemoteAddr) // of the listener
	name, to := strings.TrimSpace(r.PostFormValue("name")), inside(r.PostFormValue("to"))
	got, err := p.Engine.SignIn(r.Context(), ask.SignIn{Name: name, Password: r.PostFormValue("password"), From: from})
	if err != nil {
		if ask.KindOf(err) != ask.Denied {
			v.fail(ask.KindOf(err).Status(), err)
			return
		}
		_ = v.door(http.StatusUnauthorized, door{Name: name, To: to, Problem: err.Error()})
		return
	}
	v.keep(got.Session)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// you is the own account.
type you struct {
	ask.Person
	Old     bool   // the old password is asked for
	Changed bool   // a password was just given
	Problem string // with what was typed
}

func (p *Page) you(v *visit) error {
	return v.yours(http.StatusOK, you{Changed: v.r.URL.Query().Get("changed") != ""})
}

func (v *visit) yours(status int, y you) error {
	y.Person, y.Old = v.person, v.person.Password
	return v.show(status, "you", v.t("you.title"), []crumb{{v.t("you.title"), "/you"}}, y)
}

func (p *Page) setPassword(v *visit) error {
	w := ask.Password{Old: v.r.PostFormValue("old"), New: v.r.PostFormValue("new")}
	if w.New != v.r.PostFormValue("again") {
		return v.yours(http.StatusBadRequest, you{Problem: v.t("you.differ")})
	}
	got, err := v.ask.SetPassword(v.r.Context(), w)
	switch k := ask.KindOf(err); {
	case err == nil:
	case k == ask.Invalid, k == ask.Refused:
		return v.yours(http.StatusBadRequest, you{Problem: err.Error()})
	default:
		return err
	}
	v.keep(got.Session)
	http.Redirect(v.w, v.r, "/you?changed=yes", http.StatusSeeOther)
	return nil
}

func (p *Page) leaveAll(v *visit) error {
	if err := v.ask.LeaveAll(v.r.Context()); err != nil {
		return err
	}
	v.keep("")
	http.Redirect(v.w, v.r, "/enter", http.StatusSeeOther)
	return nil
}

// crew is the page of all people.
type crew struct {
	ask.People
	Roles   []ask.Role
	Me      string
	Invited *invited
}

// invited is a link that was just made: it is shown once.
type invited struct {
	ask.Invitation
	Link string
}

func (p *Page) people(v *visit) error { return v.crew(nil) }

func (v *visit) crew(i *ask.Invitation) error {
	all, err := v.ask.People(v.r.Context())
	if err != nil {
		return err
	}
	body := crew{People: all, Roles: ask.Roles(), Me: v.person.Name}
	if i != nil {
		scheme := "http://"
		if v.page.Secure {
			scheme = "https://"
		}
		body.Invited = &invited{*i, scheme + strings.ToLower(v.r.Host) + "/enter?code=" + url.QueryEscape(i.Code)}
	}
	return v.show(http.StatusOK, "people", v.t("people.title"), []crumb{{v.t("people.title"), "/people"}}, body)
}

func (p *Page) addPerson(v *visit) error {
	i, err := v.ask.AddPerson(v.r.Context(), ask.Person{Name: strings.TrimSpace(v.r.PostFormValue("name")), Role: ask.Role(v.r.PostFormValue("role"))})
	if err != nil {
		return err
	}
	return v.crew(&i)
}

// changePerson does what a button of a person's row says.
func (p *Page) changePerson(v *visit) error {
	n := ask.Name{Name: v.r.PathValue("name")}
	var err error
	switch do := v.r.PostFormValue("do"); do {
	case "link":
		i, err := v.ask.Invite(v.r.Context(), n)
		if err != nil {
			return err
		}
		return v.crew(&i)
	case "role":
		err = v.ask.SetRole(v.r.Context(), ask.Person{Name: n.Name, Role: ask.Role(v.r.PostFormValue("role"))})
	case "leave":
		err = v.ask.EndSessions(v.r.Context(), n)
	case "remove":
		err = v.ask.RemovePerson(v.r.Context(), n)
	default:
		err = &ask.Error{Kind: ask.Invalid, Text: v.t("people.nosuch", "do", do)}
	}
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, "/people", http.StatusSeeOther)
	return nil
}

// acts are what the audit log tells of, as the page names it; what is not listed is
// shown as it is noted.
func acts() []string {
	return []string{"enter by a link", "sign in", "password", "leave-all", "person-add", "person-link", "person-role", "person-remove", "person-leave", "person-password", "token-add", "token-remove",
		"start", "resume", "decide", "done"}
}

// act names a change.
func (l *language) act(do string) string {
	if text, ok := l.texts["act."+do]; ok {
		return text
	}
	return do
}

func (p *Page) audit(v *visit) error {
	skip, _ := strconv.Atoi(v.r.URL.Query().Get("skip")) // what is no number is the beginning
	skip = max(skip, 0)
	a, err := v.ask.Audit(v.r.Context(), ask.AuditQuery{Skip: skip, Limit: actsShown})
	if err != nil {
		return err
	}
	body := struct {
		ask.Audit
		Earlier, Later int
	}{a, 0, -1}
	if a.More {
		body.Earlier = skip + actsShown
	}
	if skip > 0 {
		body.Later = max(0, skip-actsShown)
	}
	return v.show(http.StatusOK, "audit", v.t("audit.title"), []crumb{{v.t("audit.title"), "/audit"}}, body)
}
