package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/drift"
	"upkeep/internal/manage"
)

//go:embed drift.html
var driftPage string

// DriftHTML writes what differs from the vendor's standard as one page.
func DriftHTML(w io.Writer, d manage.Drift) error {
	t, err := template.New("drift").Funcs(template.FuncMap{"clean": show.Clean, "word": show.EditWord, "hunks": drift.ParseDiff, "code": code,
		"class": func(op byte) string { return map[byte]string{'-': "gone", '+': "new"}[op] }, "sign": func(op byte) string { return string(rune(op)) },
		"id": func(d drift.Difference) string { return show.Clean(d.Object().ID()) }}).Parse(driftPage)
	if err != nil {
		return fmt.Errorf("cannot read the template of the report: %w", err)
	}
	files, objects := 0, 0
	unknown := false
	for _, t := range d.Trees {
		files += len(t.Files)
		unknown = unknown || t.Unknown != ""
	}
	for _, db := range d.Databases {
		objects += len(db.Differences)
		unknown = unknown || db.Unknown != ""
	}
	verdict := "Nothing differs from the vendor's standard."
	switch {
	case len(d.Versions)+files+objects > 0:
		var parts []string
		for _, p := range []struct {
			n         int
			one, many string
		}{{len(d.Versions), "version", "versions"}, {files, "file", "files"}, {objects, "database object", "database objects"}} {
			if p.n == 1 {
				parts = append(parts, "1 "+p.one)
			} else if p.n > 1 {
				parts = append(parts, fmt.Sprintf("%d %s", p.n, p.many))
			}
		}
		verdict = "Not as the vendor made it: " + strings.Join(parts, ", ") + "."
	case unknown:
		verdict = "Not all of it could be compared."
	}
	class := "ok"
	if d.Any() {
		class = "warning"
	}
	if err := t.Execute(w, map[string]any{"D": d, "Verdict": verdict, "Class": class, "At": d.At.UTC().Format("2006-01-02 15:04 UTC"), "ISO": d.At.UTC().Format(time.RFC3339)}); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

// code makes a line safe and keeps its indentation.
func code(text string) string { return show.Clean(strings.ReplaceAll(text, "\t", "    ")) }
