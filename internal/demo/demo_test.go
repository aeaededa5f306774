package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"upkeep/examples/notes"
	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
)

// place is an installed product for a test, without its trees.
type place struct {
	t    *testing.T
	data string
}

func newSite(t *testing.T) *place {
	t.Helper()
	s := &place{t, t.TempDir()}
	if err := Seed(t.Context(), s.db()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *place) db() string { return filepath.Join(s.data, DatabaseFile) }

func (s *place) mark(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.data, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *place) unmark(name string) {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.data, name)); err != nil {
		s.t.Fatal(err)
	}
}

// migrate applies a release's scripts with Upkeep's own means: in order, each
// in a transaction. It returns how many were committed.
func (s *place) migrate(version string) (int, error) {
	s.t.Helper()
	db := sqlite.New(sqlite.Config{Path: s.db(), FS: durable.OS(), Temp: s.t.TempDir(), OpID: "test/migrate/do"})
	defer db.Close()
	dir := "releases/" + version + "/migrations"
	scripts, err := fs.ReadDir(notes.Files, dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for i, script := range scripts {
		text, err := notes.Files.ReadFile(dir + "/" + script.Name())
		if err != nil {
			s.t.Fatal(err)
		}
		if err := databasetest.Apply(s.t.Context(), db, database.Script{Name: script.Name(), SQL: string(text)}); err != nil {
			return i, err
		}
	}
	return len(scripts), nil
}

// server is a running application.
type server struct {
	t    *testing.T
	url  string
	stop func() error
}

func (s *place) serve(version string) *server {
	s.t.Helper()
	tree := filepath.Join(s.t.TempDir(), "app")
	if err := writeTree(durable.OS().Unsynced(), tree, version); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- Serve(ctx, Options{Tree: tree, Data: s.data, Listen: "127.0.0.1:0", Ready: func(a string) { ready <- a }})
	}()
	select {
	case address := <-ready:
		stop := sync.OnceValue(func() error { cancel(); return <-ended })
		s.t.Cleanup(func() { _ = stop() })
		return &server{s.t, "http://" + address, stop}
	case err := <-ended:
		cancel()
		s.t.Fatalf("%s did not start: %v", version, err)
	case <-time.After(10 * time.Second):
		cancel()
		s.t.Fatalf("%s did not start in time", version)
	}
	return nil
}

// ask sends a request; headers are pairs.
func (s *server) ask(method, path, body string, headers ...string) (int, string, http.Header) {
	s.t.Helper()
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header
}

// listed reads all notes back, each as author, text and time: what every
// version must keep.
func (s *server) listed() (all []string, first map[string]any) {
	s.t.Helper()
	status, body, _ := s.ask("GET", "/notes", "")
	if status != 200 {
		s.t.Fatalf("/notes answers %d: %s", status, body)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		s.t.Fatal(err)
	}
	for _, n := range list {
		all = append(all, fmt.Sprint(n["id"], "|", n["author"], "|", n["text"], "|", n["created"]))
	}
	return all, list[0]
}

func TestUpgradesByHandKeepTheNotes(t *testing.T) {
	s := newSite(t)
	var before []string
	for _, step := range []struct {
		version string
		schema  float64
		has     []string
		hasNot  []string
	}{
		{"1.0", 1, nil, []string{"title", "since", "slug"}},
		{"2.0", 2, []string{"title"}, []string{"since", "slug"}},
		{"3.0", 3, []string{"title", "since"}, []string{"slug"}},
	} {
		if step.version != "1.0" {
			if _, err := s.migrate(step.version); err != nil {
				t.Fatal(err)
			}
		}
		app := s.serve(step.version)
		all, first := app.listed()
		if before == nil {
			before = all
		}
		if len(all) != Notes || !slices.Equal(all, before) {
			t.Errorf("%s lists %d other notes", step.version, len(all))
		}
		for _, key := range step.has {
			if text, _ := first[key].(string); text == "" {
				t.Errorf("%s: a note has no %s: %v", step.version, key, first)
			}
		}
		for _, key := range step.hasNot {
			if _, has := first[key]; has {
				t.Errorf("%s: a note has a %s", step.version, key)
			}
		}
		_, body, _ := app.ask("GET", "/version", "")
		var v map[string]any
		if err := json.Unmarshal([]byte(body), &v); err != nil || v["version"] != step.version || v["schema"] != step.schema || v["expects"] != step.schema {
			t.Errorf("/version says %s (%v)", body, err)
		}
		status, page, _ := app.ask("GET", "/", "")
		if status != 200 || !strings.Contains(page, `<span class="version">`+step.version) || !strings.Contains(page, "480 notes") || strings.Count(page, "<article") != 40 {
			t.Errorf("%s: / answers %d\n%.600s", step.version, status, page)
		}
		if err := app.stop(); err != nil {
			t.Errorf("%s ends with %v", step.version, err)
		}
		if left, _ := filepath.Glob(s.db() + "-*"); len(left) > 0 {
			t.Errorf("%s leaves %v behind", step.version, left)
		}
	}
}

// What HTTP 200 proves: nothing.
func TestProgramAndSchemaMustFit(t *testing.T) {
	s := newSite(t)
	for schema, migrated := range []string{"", "2.0", "3.0"} {
		if migrated != "" {
			if _, err := s.migrate(migrated); err != nil {
				t.Fatal(err)
			}
		}
		for expects, version := range []string{"1.0", "2.0", "3.0", "3.1"} {
			app := s.serve(version)
			fits := expects == schema
			front, page, _ := app.ask("GET", "/", "")
			health, _, _ := app.ask("GET", "/health", "")
			list, _, _ := app.ask("GET", "/notes", "")
			add, _, _ := app.ask("POST", "/notes", `{"author": "Ada", "text": "New. Yes"}`, "Content-Type", "application/json")
			_, said, _ := app.ask("GET", "/version", "")
			if front != 200 || health != 200 || (list == 200) != fits || (add == 201) != fits || strings.Contains(page, "cannot be shown") == fits {
				t.Errorf("%s on schema %d: / %d, /health %d, /notes %d, adding %d", version, schema+1, front, health, list, add)
			}
			if want := fmt.Sprintf(`"schema":%d`, schema+1); !strings.Contains(said, want) {
				t.Errorf("%s on schema %d says %s", version, schema+1, said)
			}
			if err := app.stop(); err != nil {
				t.Error(err)
			}
		}
	}
}

// 3.1 fails half way: its first script is committed, its second is not.
func TestMigrationTo31FailsHalfWay(t *testing.T) {
	s := newSite(t)
	for _, version := range []string{"2.0", "3.0"} {
		if _, err := s.migrate(version); err != nil {
			t.Fatal(err)
		}
	}
	done, err := s.migrate("3.1")
	if done != 1 || err == nil || !strings.Contains(err.Error(), "002-unique-slugs.sql") || !strings.Contains(err.Error(), "UNIQUE constraint failed: notes.author_id, notes.slug") {
		t.Fatalf("%d scripts were committed, then: %v", done, err)
	}
	db, err := openDB(s.db(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, c := range []struct {
		query string
		want  int
	}{
		{"SELECT count(*) FROM notes WHERE slug <> ''", Notes}, // the rows are changed
		{"SELECT version FROM schema_version", 3},
		{"SELECT count(*) FROM sqlite_schema WHERE name IN ('redirects', 'notes_slug')", 0}, // what failed left nothing
	} {
		var n int
		if err := db.QueryRow(c.query).Scan(&n); err != nil || n != c.want {
			t.Errorf("%s: %d, %v; want %d", c.query, n, err, c.want)
		}
	}
}

func TestMaintenance(t *testing.T) {
	s := newSite(t)
	s.mark(PrivateToken, "s3cret\n")
	app := s.serve("1.0")
	s.mark(MaintenanceMarker, "Notes is being upgraded to 2.0.\nmore\n")
	html := []string{"Accept", "text/html"}
	for _, c := range []struct {
		method, path string
		headers      []string
		status       int
		says         string
	}{
		{"GET", "/", html, 503, "<p>Notes is being upgraded to 2.0.</p>"},
		{"GET", "/", nil, 503, `{"error":"Notes is being upgraded to 2.0."}`},
		{"GET", "/notes", nil, 503, "upgraded"},
		{"POST", "/notes", []string{PrivateHeader, "s3cret"}, 503, "upgraded"},
		{"GET", "/static/base.css", nil, 503, "upgraded"},
		{"GET", "/nowhere", nil, 503, "upgraded"},
		{"GET", "/notes", []string{PrivateHeader, "wrong"}, 503, "upgraded"},
		{"GET", "/notes", []string{PrivateHeader, "s3cret"}, 200, `"author"`},
		{"GET", "/health", nil, 200, "ok"},
		{"GET", "/version", nil, 200, `"version":"1.0"`},
	} {
		status, body, header := app.ask(c.method, c.path, "", c.headers...)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s %v: %d %.200s", c.method, c.path, c.headers, status, body)
		}
		if (status == 503) != (header.Get("Retry-After") == "10") {
			t.Errorf("%s %s: %d with Retry-After %q", c.method, c.path, status, header.Get("Retry-After"))
		}
	}
	s.mark(PrivateToken, "\n")
	if status, _, _ := app.ask("GET", "/notes", "", PrivateHeader, ""); status != 503 {
		t.Errorf("an empty token lets in: %d", status)
	}
	s.unmark(MaintenanceMarker)
	if status, _, _ := app.ask("GET", "/", ""); status != 200 {
		t.Errorf("after maintenance / answers %d", status)
	}
}

func TestReadOnly(t *testing.T) {
	s := newSite(t)
	app := s.serve("1.0")
	// The probe that must be refused writes nothing when it is not.
	if status, _, _ := app.ask("POST", "/notes", ""); status != 400 {
		t.Errorf("an empty note is answered %d", status)
	}
	s.mark(ReadOnlyMarker, "")
	for _, kind := range []string{"application/json", "application/x-www-form-urlencoded"} {
		if status, body, _ := app.ask("POST", "/notes", `{"author": "a", "text": "b"}`, "Content-Type", kind); status != 403 {
			t.Errorf("writing is answered %d %s", status, body)
		}
	}
	if all, _ := app.listed(); len(all) != Notes {
		t.Errorf("%d notes", len(all))
	}
	if _, page, _ := app.ask("GET", "/", ""); strings.Contains(page, "<form") {
		t.Error("the page offers to write")
	}
	s.unmark(ReadOnlyMarker)
	status, _, header := app.ask("POST", "/notes", "author=Ada&text=Hello+<b>", "Content-Type", "application/x-www-form-urlencoded")
	if status != 303 || header.Get("Location") != "/" {
		t.Errorf("the form is answered %d", status)
	}
	if all, _ := app.listed(); len(all) != Notes+1 || !strings.Contains(all[Notes], "|Ada|Hello <b>|") {
		t.Errorf("the new note is not there: %v", all[len(all)-1])
	}
	if _, page, _ := app.ask("GET", "/", ""); !strings.Contains(page, "Hello &lt;b&gt;") {
		t.Error("the page does not show the note, or not as text")
	}
}

func TestBadRequests(t *testing.T) {
	app := newSite(t).serve("1.0")
	for _, c := range []struct {
		method, path, body, kind string
		origin                   string
		status                   int
	}{
		{"POST", "/notes", "{", "application/json", "", 400},
		{"POST", "/notes", `{"author": " ", "text": "x"}`, "application/json", "", 400},
		{"POST", "/notes", `{"author": "x", "text": "` + strings.Repeat("x", maxText+1) + `"}`, "application/json", "", 400},
		{"POST", "/notes", "author=" + strings.Repeat("x", maxRequest), "application/x-www-form-urlencoded", "", 400},
		{"POST", "/notes", "author=a&text=b", "application/x-www-form-urlencoded", "https://elsewhere.example", 403},
		{"PUT", "/notes", "", "", "", 405},
		{"GET", "/nowhere", "", "", "", 404},
		{"GET", "/static/style.css", "", "", "", 200},
		{"GET", "/static/absent.css", "", "", "", 404},
		{"GET", "/static/..%2fapp.json", "", "", "", 404},
		{"GET", "/local/theme.css", "", "", "", 404},
	} {
		status, _, _ := app.ask(c.method, c.path, c.body, "Content-Type", c.kind, "Origin", c.origin)
		if status != c.status {
			t.Errorf("%s %s %.40s: %d, want %d", c.method, c.path, c.body, status, c.status)
		}
	}
}
