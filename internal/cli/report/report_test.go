package report_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/cli/report"
	"upkeep/internal/manage"
)

var update = flag.Bool("update", false, "write the golden files anew")

func sample() report.Report {
	return report.Report{Installation: "shop", At: time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC),
		Readiness: manage.Readiness{Installed: "3.0", To: "3.2", Findings: []manage.Finding{
			{ID: "php", Level: "blocker", OK: true, Evidence: "8.2 is at least 8.1", Release: "3.1"},
			{ID: "disk", Level: "blocker", Evidence: "1.2 GiB free on the volume of /srv, wanted is >= 4 GiB", Effect: "the restore point does not fit", Fix: "make room on /srv", Reference: "Guide 4.2", Release: "3.2"},
			{ID: "ldap", Level: "blocker", Error: "cannot read command php: not found in its PATH: install php-cli", Release: "3.2"},
			{ID: "clock", Level: "warning", Evidence: "nothing keeps the clock of this computer in step", Effect: "times in the log are off"},
			{ID: "smtp", Level: "warning", Evidence: "mail.example refuses connections", Waived: "Anna B.: no mail is sent here", Waivable: true},
			{ID: "themes", Level: "info", Evidence: "two themes are not the vendor's"},
		}}}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestReports(t *testing.T) {
	var page, junit bytes.Buffer
	if err := report.HTML(&page, sample()); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.html", page.String())
	if err := report.JUnit(&junit, sample()); err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.xml", junit.String())
}

// TestNothingEscapes: what a document or a program brings is text, never markup
// or a command to a terminal.
func TestNothingEscapes(t *testing.T) {
	const evil = "\x1b[2J<script>alert(1)</script>\u202e]]>&\x00\""
	r := report.Report{Installation: evil, At: time.Now(), Readiness: manage.Readiness{Installed: evil, To: evil, Findings: []manage.Finding{
		{ID: evil, Level: "blocker", Evidence: evil, Effect: evil, Fix: evil, Reference: evil, Release: evil},
		{ID: evil, Level: "warning", Error: evil, Waived: evil},
	}}}
	var page, junit bytes.Buffer
	if err := report.HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "<script") || strings.Contains(page.String(), "http") || strings.ContainsAny(page.String(), "\x1b\x00\u202e") {
		t.Errorf("the page holds a script or an address:\n%s", page.String())
	}
	if err := report.JUnit(&junit, r); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(junit.String(), "\x1b\x00") || strings.Contains(junit.String(), "<script") {
		t.Errorf("the XML holds what it must not:\n%q", junit.String())
	}
	var back struct {
		Cases []struct {
			Name    string    `xml:"name,attr"`
			Failure *struct{} `xml:"failure"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal(junit.Bytes(), &back); err != nil || len(back.Cases) != 2 || back.Cases[0].Failure == nil || back.Cases[1].Skipped == nil {
		t.Errorf("read back: %+v, %v", back, err)
	}
}
