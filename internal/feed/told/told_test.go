package told_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/feed/told"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/version"
)

func order(t testing.TB, name string) version.Order {
	t.Helper()
	o, err := version.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// says is a page that answers with a text.
type says struct {
	text string
	err  error
}

func (s says) Read(context.Context, plan.Probe) (probe.Value, error) {
	return probe.Value{Text: s.text, Present: s.text != "", Evidence: "http://x answers 404, not 200"}, s.err
}

const notes = `<html><h2>Version 20.4</h2> <time>2026-01-05</time> <h2>Version 20.10</h2> <time>2026-03-01T08:00:00Z</time> <h2>Version 20.9</h2> <time>2026-02-01</time>`

func TestLatest(t *testing.T) {
	page := plan.Probe{Source: "http", Args: []string{"http://x/notes"}}
	for name, c := range map[string]struct {
		told.Source
		text string
		want string
		err  string
	}{
		"the highest, not the first": {told.Source{Select: `Version ([\d.]+)`, Published: `<time>([^<]*)`}, notes, "20.10 2026-03-01T08:00:00Z", ""},
		"without times":              {told.Source{Select: `Version ([\d.]+)`}, notes, "20.10", ""},
		"one time is missing":        {told.Source{Select: `Version ([\d.]+)`, Published: `<time>([^<]*Z)`}, notes, "20.10", ""},
		"a time that is none":        {told.Source{Select: `v([\d.]+)`, Published: `on (\w+)`}, "v1.2 on monday", "1.2", ""},
		"the whole answer":           {told.Source{}, "\n 3.2.0 \n", "3.2.0", ""},
		"JSON":                       {told.Source{Select: "versions", Published: "dates"}, `{"versions":["1.0","1.2"],"dates":["2026-01-01","2026-01-02"]}`, "1.2 2026-01-02T00:00:00Z", ""},
		"XML by its format":          {told.Source{Format: "xml", Select: "//release/@version"}, `<r><release version="1.0"/><release version="2.0"/></r>`, "2.0", ""},
		"what is no version":         {told.Source{Select: `Version (\S+)`}, "Version next Version 1.0 Version \x1b[31m9", "1.0", ""},
		"no version at all":          {told.Source{Select: `Version (\S+)`}, "Version \x1b[31mnext", "", `tells "\x1b[31mnext", which is no version of this product`},
		"nothing":                    {told.Source{Select: `Version (\S+)`}, "maintenance", "", "tells no version"},
		"another status":             {told.Source{Select: `Version (\S+)`}, "", "", "http://x answers 404, not 200"},
		"a flood":                    {told.Source{Select: `\d`}, strings.Repeat("1 ", 10_001), "", "at most 10000"},
		"apt-cache policy":           {told.Source{Format: "text", Select: `Candidate: .*?([\d.]+)`}, "pf-xivo:\n  Installed: 1.2.2\n  Candidate: 1.2.3\n  Version table:\n     1.2.3 500\n        500 http://mirror.example.org stable/main\n", "1.2.3", ""},
		"apt has nothing":            {told.Source{Format: "text", Select: `Candidate: .*?([\d.]+)`}, "pf-xivo:\n  Installed: (none)\n  Candidate: (none)\n", "", "tells no version"},
		"no format":                  {told.Source{Format: "html"}, "1.0", "", "unknown format"},
	} {
		c.Name, c.Probe, c.Order = "the page", page, order(t, "dotted")
		got, err := c.Latest(t.Context(), says{text: c.text})
		text := got.Version
		if !got.At.IsZero() {
			text += " " + got.At.Format(time.RFC3339)
		}
		if text != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v; want %q, %q", name, text, err, c.want, c.err)
		}
	}
}

// A page is read once, by the evaluator that a probe uses, with its bounds.
func TestLatestOfPage(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/old":
			http.Redirect(w, r, "/releases.xml", http.StatusFound)
		case "/endless":
			for range 8 << 10 {
				fmt.Fprint(w, strings.Repeat("version 9.9 ", 1024))
			}
		default:
			fmt.Fprint(w, `<releases><release version="20.5" date="2026-03-01"/></releases>`)
		}
	}))
	defer s.Close()
	e := probe.New(probe.Deps{})
	of := func(path string) told.Source {
		return told.Source{Name: "the page", Probe: plan.Probe{Source: "http", Args: []string{s.URL + path}, Params: map[string]string{"redirects": "follow"}},
			Select: "//release/@version", Published: "//release/@date", Order: order(t, "dotted")}
	}
	got, err := of("/releases.xml").Latest(t.Context(), e)
	if err != nil || got.Version != "20.5" || got.At.Format("2006-01-02") != "2026-03-01" || asked != 1 {
		t.Errorf("%+v, %v; asked %d times", got, err, asked)
	}
	moved := of("/old")
	moved.Format = "xml"
	if got, err := moved.Latest(t.Context(), e); err != nil || got.Version != "20.5" {
		t.Errorf("moved: %+v, %v", got, err)
	}
	if _, err := of("/endless").Latest(t.Context(), e); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("an endless page: %v", err)
	}
}

func TestSourceCheck(t *testing.T) {
	page := plan.Probe{Source: "http", Args: []string{"http://x/notes"}}
	for name, c := range map[string]struct {
		told.Source
		err string
	}{
		"right":           {told.Source{Probe: page, Select: `(\d+)`, Order: order(t, "dotted")}, ""},
		"a bad selector":  {told.Source{Probe: page, Format: "text", Select: `(\d+`}, "missing closing )"},
		"a bad format":    {told.Source{Probe: page, Format: "html"}, "unknown format"},
		"a bad address":   {told.Source{Probe: plan.Probe{Source: "http", Args: []string{"notes.html"}}}, "it needs an address"},
		"a bad selector2": {told.Source{Probe: page, Format: "xml", Published: `//@`}, ""},
	} {
		err := c.Check()
		if name == "a bad selector2" {
			if err == nil {
				t.Errorf("%s passes", name)
			}
			continue
		}
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
	}
}

func TestSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "status.xml")
	e, files := probe.New(probe.Deps{}), durable.OS()
	c := told.Cache{File: path, Select: "//detected/@version", At: "//detected/@at"}
	if got, err := c.Seen(t.Context(), e, files); err != nil || got != (told.Release{}) {
		t.Errorf("no file: %+v, %v", got, err)
	}
	put := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(`<updates><detected version="20.4" at="2026-03-01T09:00:00Z"/></updates>`)
	got, err := c.Seen(t.Context(), e, files)
	if err != nil || got.Version != "20.4" || got.At.Format(time.RFC3339) != "2026-03-01T09:00:00Z" {
		t.Errorf("%+v, %v", got, err)
	}
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	if got, err := (told.Cache{File: path, Select: c.Select}).Seen(t.Context(), e, files); err != nil || !got.At.Equal(at) {
		t.Errorf("by the file's own time: %+v, %v", got, err)
	}
	put(`<updates><detected version="20.4" at="soon"/></updates>`)
	if _, err := c.Seen(t.Context(), e, files); err == nil {
		t.Error("soon is a time")
	}
	put(`<updates><detected version=`)
	if _, err := c.Seen(t.Context(), e, files); err == nil {
		t.Error("a damaged file is read")
	}
}

func FuzzLatest(f *testing.F) {
	f.Add(notes, `Version ([\d.]+)`, "")
	f.Add(`{"a":["1.0"]}`, "a", "json")
	f.Add(`<r v="1"/>`, "//@v", "xml")
	o := order(f, "dotted")
	f.Fuzz(func(t *testing.T, text, by, format string) {
		s := told.Source{Name: "the page", Probe: plan.Probe{Source: "http", Args: []string{"http://x/"}}, Select: by, Published: by, Format: format, Order: o}
		got, err := s.Latest(t.Context(), says{text: text})
		if err == nil && o.Valid(got.Version) != nil {
			t.Errorf("%q is given as a version", got.Version)
		}
	})
}
