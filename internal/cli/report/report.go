// Package report writes the findings of a readiness check as files to keep or
// to hand on: one page of HTML that needs nothing beside it, and the XML that
// continuous integration servers read (JUnit).
//
// It may import internal/manage and internal/cli/show.
package report

import (
	_ "embed"
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// Report is a check with what a reader must know of it later.
type Report struct {
	Installation string // its id
	At           time.Time
	manage.Readiness
}

//go:embed report.html
var page string

// section is a group of findings that mean the same for the reader.
type section struct {
	Class, Title string
	Findings     []manage.Finding
}

// sections puts the findings in the order in which they matter.
func (r Report) sections() []section {
	all := []section{{"blocker", "To be mended first", nil}, {"warning", "Warnings", nil}, {"info", "To know", nil}, {"waived", "Waived", nil}, {"ok", "In order", nil}}
	for _, f := range r.Findings {
		i := 2
		switch {
		case f.OK:
			i = 4
		case f.Waived != "":
			i = 3
		case f.Level == "blocker":
			i = 0
		case f.Level == "warning":
			i = 1
		}
		f.Evidence = f.Text()
		for _, s := range []*string{&f.ID, &f.Evidence, &f.Effect, &f.Fix, &f.Reference, &f.Release, &f.Waived} {
			*s = show.Clean(*s)
		}
		all[i].Findings = append(all[i].Findings, f)
	}
	var out []section
	for _, s := range all {
		if len(s.Findings) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// verdict is the first thing to read: how it stands, in a word for the style
// and in a sentence.
func (r Report) verdict() (class, text string) {
	switch {
	case r.UpToDate:
		return "ok", "Up to date: there is nothing to upgrade."
	case r.Blocked():
		return "blocker", "The upgrade cannot start yet."
	case r.Warned():
		return "warning", "The upgrade can start; look at the warnings first."
	}
	return "ok", "Ready: the upgrade can start."
}

// HTML writes the page.
func HTML(w io.Writer, r Report) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		return fmt.Errorf("cannot read the template of the report: %w", err)
	}
	class, verdict := r.verdict()
	if err := t.Execute(w, map[string]any{"Installation": show.Clean(r.Installation), "From": show.Clean(r.Installed), "To": show.Clean(r.To), "Class": class, "Verdict": verdict,
		"At": r.At.UTC().Format("2006-01-02 15:04 UTC"), "ISO": r.At.UTC().Format(time.RFC3339), "Sections": r.sections()}); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

// The elements of JUnit's XML, as the servers that read it agree on them (the
// Ant task's schema). A blocker is a failure; what could not be checked is an
// error; what is waived is skipped.
type (
	suite struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Skipped  int        `xml:"skipped,attr"`
		At       string     `xml:"timestamp,attr"`
		Cases    []testCase `xml:"testcase"`
	}
	testCase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Failure *message `xml:"failure,omitempty"`
		Error   *message `xml:"error,omitempty"`
		Skipped *message `xml:"skipped,omitempty"`
		Out     string   `xml:"system-out,omitempty"`
	}
	message struct {
		Short string `xml:"message,attr"`
		Type  string `xml:"type,attr,omitempty"`
		Text  string `xml:",chardata"`
	}
)

// JUnit writes the XML. Warnings are cases that passed, with their text as
// output: they stop nothing.
func JUnit(w io.Writer, r Report) error {
	s := suite{Name: fmt.Sprintf("readiness of %s for %s", r.Installation, r.To), At: r.At.UTC().Format("2006-01-02T15:04:05")}
	for _, f := range r.Findings {
		c := testCase{Name: show.Clean(f.ID), Class: show.Clean(strings.Trim(r.Installation+"."+f.Release, "."))}
		m := &message{Short: show.Clean(f.Text()), Type: f.Level, Text: more(f)}
		switch {
		case f.OK:
			c.Out = m.Short
		case f.Waived != "":
			m.Short = show.Clean("waived by " + f.Waived)
			c.Skipped, s.Skipped = m, s.Skipped+1
		case f.Error != "":
			c.Error, s.Errors = m, s.Errors+1
		case f.Level == "blocker":
			c.Failure, s.Failures = m, s.Failures+1
		default:
			c.Out = f.Level + ": " + strings.TrimSpace(m.Short+"\n"+m.Text)
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func more(f manage.Finding) string {
	var lines []string
	for _, l := range []struct{ before, text string }{{"otherwise: ", f.Effect}, {"to mend it: ", f.Fix}, {"see ", f.Reference}} {
		if l.text != "" {
			lines = append(lines, show.Clean(l.before+l.text))
		}
	}
	return strings.Join(lines, "\n")
}
