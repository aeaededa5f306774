package demo

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// release is what a tree says of its version; it is read when the application
// starts.
type release struct {
	name     string
	version  string
	schema   int
	features []string

	maintenance string // markers of the access modes
	readOnly    string

	list   string   // all notes
	recent string   // those on the first page
	count  string   // how many there are
	add    []string // statements that add one, in order
	pages  *template.Template
}

func loadRelease(tree string) (*release, error) {
	r := &release{}
	var app struct {
		Name     string   `json:"name"`
		Schema   int      `json:"schema"`
		Features []string `json:"features"`
		Markers  struct {
			Maintenance string `json:"maintenance"`
			ReadOnly    string `json:"read-only"`
		} `json:"markers"`
	}
	text, err := os.ReadFile(filepath.Join(tree, "app.json"))
	if err != nil {
		return nil, fmt.Errorf("cannot start: the tree is not whole: %w", err)
	}
	if err := json.Unmarshal(text, &app); err != nil {
		return nil, fmt.Errorf("cannot start: cannot read app.json: %w", err)
	}
	r.name, r.schema, r.features = app.Name, app.Schema, app.Features
	r.maintenance = cmp.Or(app.Markers.Maintenance, MaintenanceMarker)
	r.readOnly = cmp.Or(app.Markers.ReadOnly, ReadOnlyMarker)
	for _, f := range []struct {
		to   *string
		name string
	}{{&r.version, "VERSION"}, {&r.list, "queries/list.sql"}, {&r.recent, "queries/recent.sql"}, {&r.count, "queries/count.sql"}} {
		text, err := os.ReadFile(filepath.Join(tree, f.name))
		if err != nil {
			return nil, fmt.Errorf("cannot start: the tree is not whole: %w", err)
		}
		*f.to = strings.TrimSpace(string(text))
	}
	names, err := fs.Glob(os.DirFS(tree), "queries/add/*.sql")
	if err == nil && len(names) == 0 {
		err = errors.New("queries/add holds no statement")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot start: the tree is not whole: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(tree, name))
		if err != nil {
			return nil, fmt.Errorf("cannot start: the tree is not whole: %w", err)
		}
		r.add = append(r.add, string(text))
	}
	if r.pages, err = template.ParseFS(os.DirFS(tree), "templates/*.html"); err != nil {
		return nil, fmt.Errorf("cannot start: cannot read the templates: %w", err)
	}
	return r, nil
}
