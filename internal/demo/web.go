package demo

import (
	"bytes"
	"encoding/json"
	"log"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// app answers requests.
type app struct {
	tree    string
	data    string
	release *release
	store   *store
	log     *log.Logger
}

// maxRequest bounds the body of a request, maxAuthor and maxText what is in it.
const (
	maxRequest = 64 << 10
	maxAuthor  = 80
	maxText    = 4000
)

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.index)
	mux.HandleFunc("GET /notes", a.list)
	mux.HandleFunc("POST /notes", a.add)
	mux.HandleFunc("GET /version", a.version)
	mux.HandleFunc("GET /health", a.health)
	mux.HandleFunc("GET /static/{name}", a.file("static"))
	mux.HandleFunc("GET /local/{name}", a.file("local"))
	// Pages of other sites must not write notes in a visitor's name.
	return a.guard(http.NewCrossOriginProtection().Handler(mux))
}

// index answers 200 whatever the database says, as many real products do.
func (a *app) index(w http.ResponseWriter, r *http.Request) {
	notes, err := a.store.notes(r.Context(), a.release.recent)
	count := 0
	if err == nil {
		count, err = a.store.count(r.Context())
	}
	if err != nil {
		a.note("cannot show the notes: %v", err)
	}
	_, theme := os.Stat(filepath.Join(a.tree, "local", "theme.css"))
	a.page(w, http.StatusOK, "index.html", map[string]any{
		"Name": a.release.name, "Version": a.release.version, "Count": count, "Notes": notes,
		"Problem": err != nil, "ReadOnly": a.on(a.release.readOnly), "Theme": theme == nil,
	})
}

func (a *app) list(w http.ResponseWriter, r *http.Request) {
	notes, err := a.store.notes(r.Context(), a.release.list)
	if err != nil {
		a.note("cannot list the notes: %v", err)
		a.fail(w, http.StatusInternalServerError, "the notes cannot be read")
		return
	}
	a.json(w, http.StatusOK, notes)
}

func (a *app) add(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var n struct {
		Author string `json:"author"`
		Text   string `json:"text"`
	}
	var err error
	if kind == "application/json" {
		err = json.NewDecoder(r.Body).Decode(&n)
	} else if err = r.ParseForm(); err == nil {
		n.Author, n.Text = r.PostForm.Get("author"), r.PostForm.Get("text")
	}
	n.Author, n.Text = strings.TrimSpace(n.Author), strings.TrimSpace(n.Text)
	if err != nil || n.Author == "" || n.Text == "" || len(n.Author) > maxAuthor || len(n.Text) > maxText {
		a.fail(w, http.StatusBadRequest, "a note needs an author and a text")
		return
	}
	if err := a.store.add(r.Context(), n.Author, n.Text, time.Now()); err != nil {
		a.note("cannot add a note: %v", err)
		a.fail(w, http.StatusInternalServerError, "the note cannot be written")
		return
	}
	if kind == "application/json" {
		a.json(w, http.StatusCreated, n)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// version tells the program's version and the database's own schema, not the
// one that the program expects.
func (a *app) version(w http.ResponseWriter, r *http.Request) {
	schema, err := a.store.schema(r.Context())
	if err != nil {
		a.note("cannot read the schema's version: %v", err)
		a.fail(w, http.StatusInternalServerError, "the schema's version cannot be read")
		return
	}
	a.json(w, http.StatusOK, map[string]any{"version": a.release.version, "schema": schema, "expects": a.release.schema, "features": a.release.features})
}

func (a *app) health(w http.ResponseWriter, _ *http.Request) {
	a.json(w, http.StatusOK, map[string]string{"status": "ok"})
}

// file serves a file of one folder of the tree.
func (a *app) file(folder string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
			http.NotFound(w, r)
			return
		}
		http.ServeFileFS(w, r, os.DirFS(a.tree), folder+"/"+name)
	}
}

// page writes a whole page or none.
func (a *app) page(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := a.release.pages.ExecuteTemplate(&b, name, data); err != nil {
		a.note("cannot make page %s: %v", name, err)
		a.fail(w, http.StatusInternalServerError, "the page cannot be made")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func (a *app) json(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

func (a *app) fail(w http.ResponseWriter, status int, why string) {
	a.json(w, status, map[string]string{"error": why})
}
