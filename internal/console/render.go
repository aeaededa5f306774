package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
)

// templates: layout.html is around every page; names that begin with part- are
// pieces that pages share, and that are sent alone while a run goes on.
//
//go:embed templates/*.html
var templates embed.FS

// crumb is a step of the way to a page.
type crumb struct{ Name, Link string }

// leaf is what the layout shows.
type leaf struct {
	Title   string
	Crumbs  []crumb
	Person  string
	Admin   bool // may let people in
	May     bool // run, restore and decide
	Token   string
	Refresh int  // seconds, for browsers without script; 0: never
	Live    bool // scripts are wanted
	Body    any
}

func (p *Page) parse() (map[string]map[string]*template.Template, error) {
	list, err := templates.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	var pages, shared []string
	for _, f := range list {
		if name := f.Name(); name == "layout.html" || strings.HasPrefix(name, "part-") {
			shared = append(shared, "templates/"+name)
		} else {
			pages = append(pages, "templates/"+name)
		}
	}
	out := map[string]map[string]*template.Template{}
	for code, l := range p.languages {
		l.now = p.Now
		out[code] = map[string]*template.Template{}
		base, err := template.New("layout.html").Funcs(p.functions(l)).ParseFS(templates, shared...)
		if err != nil {
			return nil, fmt.Errorf("cannot read the layout of pages: %w", err)
		}
		for _, file := range pages {
			name := strings.TrimSuffix(path.Base(file), ".html")
			t, err := base.Clone()
			if err == nil {
				t, err = t.ParseFS(templates, file)
			}
			if err != nil {
				return nil, fmt.Errorf("cannot read the page %s: %w", name, err)
			}
			saying(t)
			out[code][name] = t
		}
	}
	return out, nil
}

func (p *Page) functions(l *language) template.FuncMap {
	return template.FuncMap{
		"t": l.t, "n": l.n, "say": l.say, "dur": l.dur, "size": l.size, "at": l.at, "ago": l.ago, "clock": l.clock, "iso": iso,
		"lang":   func() string { return l.Code },
		"static": func(name string) string { return "/static/" + p.static[name].address },
		"to":     to,
		"key":    func(parts ...any) string { return key(parts...) },
		"percent": func(x float64) int {
			return int(100*min(max(x, 0), 1) + 0.5)
		},
		"times": func(x, y float64) float64 { return x * y },
		"rows": func(id string, rows []ask.RunRow) any {
			return struct {
				ID   string
				Rows []ask.RunRow
			}{id, rows}
		},
		"act":   l.act,
		"web":   web,
		"ident": ident,
		"plus":  func(a, b int) int { return a + b },
		"op":    op,
		"known": func(t time.Time) bool { return !t.IsZero() },
		"short": func(digest string) string { return digest[:min(12, len(digest))] },
		"join":  strings.Join,
		"has":   slices.Contains[[]string],
		"share": func(done, total int64) float64 { return float64(done) / float64(max(total, 1)) },
		"fresh": func(e ask.Errand) bool { // what was done last is told for a day
			return e.Kind != "" && (e.Going || e.Broken || p.Now().Sub(e.Ended) < 24*time.Hour)
		},
		"lines": func(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") },
	}
}

// op is the class of a line of a comparison.
func op(line string) string {
	switch {
	case strings.HasPrefix(line, "+"):
		return "add"
	case strings.HasPrefix(line, "-"):
		return "del"
	}
	return "same"
}

// ident makes the id of an element of what it stands for: the same on every look,
// and one that selectors can name.
func ident(kind, name string) string { return kind + "-" + hex.EncodeToString([]byte(name)) }

// to makes the path of a page of its elements.
func to(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// key makes the key of a text of its parts.
func key(parts ...any) string {
	var s []string
	for _, p := range parts {
		s = append(s, fmt.Sprint(p))
	}
	return strings.Join(s, ".")
}

// show writes a page.
func (v *visit) show(status int, name, title string, crumbs []crumb, body any) error {
	return v.showLeaf(status, name, leaf{Title: title, Crumbs: crumbs, Body: body})
}

func (v *visit) showLeaf(status int, name string, l leaf) error {
	l.Person, l.Admin, l.May, l.Token = v.person.Name, v.person.Role == ask.Administrator, v.person.Role.Covers(ask.Operator), v.Token()
	var b bytes.Buffer
	if err := v.page.pages[v.Code][name].ExecuteTemplate(&b, "layout.html", l); err != nil {
		v.page.Log.Error("cannot make a page", "page", name, "why", err)
		http.Error(v.w, "this page cannot be made: "+err.Error(), http.StatusInternalServerError)
		return nil
	}
	v.soon()
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Code)
	h.Add("Vary", "Accept-Language, Accept-Encoding")
	if !strings.Contains(v.r.Header.Get("Accept-Encoding"), "gzip") {
		v.w.WriteHeader(status)
		_, _ = v.w.Write(b.Bytes()) // whoever asked has gone, otherwise
		return nil
	}
	h.Set("Content-Encoding", "gzip")
	v.w.WriteHeader(status)
	z := gzip.NewWriter(v.w)
	_, _ = z.Write(b.Bytes()) // likewise
	_ = z.Close()
	return nil
}

// part writes a piece of a page.
func (v *visit) part(page, name string, body any) (string, error) {
	var b bytes.Buffer
	err := v.page.pages[v.Code][page].ExecuteTemplate(&b, name, body)
	return b.String(), err
}

// trouble is what the error page shows.
type trouble struct {
	Kind    ask.Kind
	Text    string
	Reasons []string
	Again   string // the address, where trying again makes sense
	Doctor  string // of the installation, where it may say more
}

// fail shows an error.
func (v *visit) fail(status int, err error) {
	t := trouble{Kind: ask.KindOf(err), Text: err.Error()}
	var e *ask.Error
	if errors.As(err, &e) {
		t.Reasons = e.Reasons
	}
	t.Again = v.again
	if v.r.Method == http.MethodGet && t.Kind != ask.Denied && t.Kind != ask.Unknown && t.Kind != ask.Invalid {
		t.Again = v.r.URL.RequestURI()
	}
	if t.Kind == ask.Broken || t.Kind == ask.Gone {
		v.page.Log.Warn("a page could not be shown", "path", v.r.URL.Path, "why", err)
	}
	var crumbs []crumb
	if v.id() != "" && v.person.Name != "" && t.Kind != ask.Unknown {
		crumbs = v.about()
		if t.Kind == ask.Refused || t.Kind == ask.Broken {
			t.Doctor = to("i", v.id(), "doctor")
		}
	}
	_ = v.show(status, "error", v.t(key("error", "kind", t.Kind)), crumbs, t)
}
