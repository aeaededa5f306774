package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"upkeep/internal/cli/report"
	"upkeep/internal/cli/show"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

func outcome(text string) show.Outcome {
	at := time.Date(2026, 3, 14, 9, 26, 0, 0, time.UTC)
	p := &plan.Plan{Product: text, From: "2.0", To: "3.0", Digest: "ab12", Waivers: map[string]string{"cron": text}, Steps: []plan.Step{{ID: "stage", Title: "unpack 3.0"}, {ID: "migrate", Title: text}}}
	s := run.New(p)
	s.Opened, s.OpenedAt, s.ClosedAt = run.Opened{By: text}, at, at.Add(time.Minute)
	s.Steps["stage"] = &run.StepState{Status: run.Undone, Last: run.Ended{OK: true, Took: 1500 * time.Millisecond, Evidence: text}}
	s.Steps["migrate"] = &run.StepState{Status: run.Failed, Last: run.Ended{Error: text + "\nline 2"}}
	s.Why = &run.Decided{Choice: run.ChooseBack, Step: "migrate", Why: text, By: "plan"}
	s.Closed = &run.Closed{Result: run.ResultOld, Version: "2.0"}
	return show.Outcome{ID: "r1", Plan: p, State: s, Forecast: 90 * time.Second, Points: []string{"r1-origin (2.0, 1 GB)"}, Now: at.Add(time.Hour)}
}

func TestRunHTML(t *testing.T) {
	var b bytes.Buffer
	if err := report.RunHTML(&b, "notes", outcome("migrate the data")); err != nil {
		t.Fatal(err)
	}
	golden(t, "run.html", b.String())
	b.Reset()
	if err := report.RunHTML(&b, "notes", outcome("\x1b[2J<script>alert(1)</script>\u202e")); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "<script") || strings.Contains(b.String(), "http") || strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("the page holds what it must not:\n%s", b.String())
	}
}
