package console

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"upkeep/internal/hub/ask"
)

// cookie holds the session. With TLS its name has a prefix by which browsers let
// nobody but this very host set it.
const cookie = "upkeep_session"

func (p *Page) cookie() string {
	if p.Secure {
		return "__Host-" + cookie
	}
	return cookie
}

// formMost bounds what a browser sends, in bytes.
const formMost = 64 << 10

// scriptMost bounds a form with a script that somebody has edited: most characters
// take three bytes there.
const scriptMost = 512 << 10

// answerWithin bounds an answer; what looks at a product may take that long.
const answerWithin = 10 * time.Minute

// policy lets a browser load nothing but our own files, run nothing that stands in
// a page, send forms nowhere else, and show the page in no other.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard stands before everything: names that are not ours (DNS rebinding), posts
// of other sites, long bodies and slow readers.
func (p *Page) guard(next http.Handler) http.Handler {
	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := p.visit(w, r)
		v.fail(http.StatusForbidden, &ask.Error{Kind: ask.Invalid, Text: v.t("error.foreign")})
	}))
	guarded := foreign.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if p.Strict {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !slices.Contains(p.Hosts, strings.ToLower(r.Host)) {
			v := p.visit(w, r)
			v.fail(http.StatusMisdirectedRequest, &ask.Error{Kind: ask.Invalid, Text: v.t("error.host", "host", r.Host, "known", strings.Join(p.Hosts, ", "))})
			return
		}
		if unprintable(r) {
			v := p.visit(w, r)
			v.fail(http.StatusBadRequest, &ask.Error{Kind: ask.Invalid, Text: v.t("error.unprintable")})
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerWithin)) // tests have none
		most := int64(formMost)
		if strings.HasSuffix(r.URL.Path, "/upgrade/review") {
			most = scriptMost
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		guarded.ServeHTTP(w, r)
	})
}

// unprintable says that an address holds characters that nobody types and that
// would hide what stands beside them, wherever the address is shown.
func unprintable(r *http.Request) bool {
	bad := func(text string, but string) bool {
		return strings.ContainsFunc(text, func(c rune) bool {
			return (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == 0x2028 || c == 0x2029) && !strings.ContainsRune(but, c)
		})
	}
	for name, values := range r.URL.Query() {
		if bad(name, "") || slices.ContainsFunc(values, func(v string) bool { return bad(v, "\r\n\t") }) {
			return true
		}
	}
	return bad(r.URL.Path, "")
}

// soon gives a browser its time to take the next piece of an answer.
func (v *visit) soon() {
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Now().Add(v.page.sendWithin)) // tests have none
}

// visit is one request of a browser.
type visit struct {
	*language
	page    *Page
	w       http.ResponseWriter
	r       *http.Request
	session string
	person  ask.Person
	ask     ask.Asking
	again   string // where somebody goes on whose form was refused; empty: nowhere in particular
}

func (p *Page) visit(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{language: p.speaks(r), page: p, w: w, r: r}
	if c, err := r.Cookie(p.cookie()); err == nil && !strings.HasPrefix(c.Value, ask.TokenPrefix) { // tokens are for programs
		v.session = c.Value
	}
	v.ask = p.Engine.As(v.session)
	return v
}

// in serves people with a session. What they change must carry the token of a
// form that they were shown.
func (p *Page) in(f func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := p.visit(w, r)
		var err error
		if v.person, err = v.ask.Who(r.Context()); err == nil {
			if v.person.Renewed != "" {
				v.keep(v.person.Renewed)
			}
			if r.Method == http.MethodPost && subtle.ConstantTimeCompare([]byte(r.PostFormValue("token")), []byte(v.Token())) != 1 {
				v.fail(http.StatusForbidden, &ask.Error{Kind: ask.Invalid, Text: v.t("error.token")})
				return
			}
			err = f(v)
		}
		switch {
		case err == nil:
		case ask.KindOf(err) == ask.Denied && r.Method == http.MethodGet:
			d := door{To: inside(r.URL.RequestURI()), Problem: err.Error()}
			if v.session == "" {
				d.Problem = v.t("error.kind.denied")
			}
			_ = v.door(http.StatusUnauthorized, d)
		default:
			v.fail(ask.KindOf(err).Status(), err)
		}
	}
}

// Token is what forms of this session carry. It lasts as long as the session, whose
// secret is exchanged from time to time.
func (v *visit) Token() string {
	if v.session == "" {
		return ""
	}
	id, _, _ := strings.Cut(v.session, ".")
	sum := sha256.Sum256([]byte("form of " + id))
	return hex.EncodeToString(sum[:])
}

// showEnter asks for a click: a program that fetches links ahead must not use up
// the one-time link.
func (p *Page) showEnter(w http.ResponseWriter, r *http.Request) {
	v := p.visit(w, r)
	_ = v.door(http.StatusOK, door{Code: r.URL.Query().Get("code"), To: "/"})
}

func (p *Page) enter(w http.ResponseWriter, r *http.Request) {
	v := p.visit(w, r)
	got, err := p.Engine.Enter(r.Context(), r.PostFormValue("code"))
	if err != nil {
		v.fail(ask.KindOf(err).Status(), err)
		return
	}
	v.keep(got.Session)
	to := "/"
	if got.Invited {
		to = "/you" // to choose a password
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// keep gives the browser its session, or takes it away.
func (v *visit) keep(session string) {
	c := &http.Cookie{Name: v.page.cookie(), Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: v.page.Secure}
	if session == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

func (p *Page) leave(v *visit) error {
	if err := v.ask.Leave(v.r.Context()); err != nil {
		return err
	}
	v.keep("")
	http.Redirect(v.w, v.r, "/enter", http.StatusSeeOther)
	return nil
}
