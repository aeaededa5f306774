package local

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/document"
	"upkeep/internal/hub/ask"
	"upkeep/internal/journal"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// TestTold: what a person can mend is told apart from what is broken, with its
// reasons.
func TestTold(t *testing.T) {
	for _, tt := range []struct {
		err     error
		kind    ask.Kind
		reasons int
	}{
		{&plan.Refusal{Reasons: []string{"a", "b"}}, ask.Refused, 2},
		{fmt.Errorf("around: %w", &manage.RefusedError{What: "x", Reasons: []string{"a"}}), ask.Refused, 1},
		{&manage.BusyError{Run: "r1", PID: 7, By: "anna"}, ask.Busy, 0},
		{&manage.Moved{Shown: "1", Now: "2", Changes: []string{"a"}}, ask.Moved, 1},
		{&manage.OpenTasksError{}, ask.Refused, 0},
		{&manage.NeedsPayloadError{Versions: []string{"2.0"}}, ask.Refused, 0},
		{&manage.RestoringError{Point: "p"}, ask.Refused, 0},
		{document.Errors{}, ask.Broken, 1},
		{&ask.Error{Kind: ask.Unknown, Text: "x"}, ask.Unknown, 0},
		{os.ErrPermission, ask.Broken, 0},
		{errors.New("x"), ask.Broken, 0},
	} {
		var e *ask.Error
		if !errors.As(told(tt.err), &e) || e.Kind != tt.kind || len(e.Reasons) != tt.reasons {
			t.Errorf("%T is told as %#v, want %s with %d reasons", tt.err, told(tt.err), tt.kind, tt.reasons)
		}
	}
	if told(nil) != nil {
		t.Error("nothing is told as an error")
	}
}

// TestInstallation: everything that status warns of is a notice.
func TestInstallation(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	watching := func(version string, behind bool) *manage.Watching {
		return &manage.Watching{Watch: manage.Watch{Looked: at, Published: manage.Seen{Version: version}}, Installed: []string{"1.0"}, Behind: behind}
	}
	known := func(change func(*manage.Status)) ask.Installation {
		s := &manage.Status{Record: []journal.Installed{{Component: "app", Version: "1.0"}, {Component: "web", Instance: "a", Version: "1.0"}}}
		change(s)
		return installation("id", manage.Known{Name: "n", Product: "p", Document: "d", Status: s})
	}
	for _, tt := range []struct {
		name   string
		change func(*manage.Status)
		is     ask.Currency
		kinds  string
	}{
		{"no feed", func(*manage.Status) {}, ask.CurrencyUnknown, ""},
		{"up to date", func(s *manage.Status) { s.Watching = watching("1.0", false) }, ask.UpToDate, ""},
		{"behind", func(s *manage.Status) { s.Watching = watching("2.0", true) }, ask.Behind, ""},
		{"nothing published", func(s *manage.Status) { s.Watching = watching("", false) }, ask.CurrencyUnknown, ""},
		{"changed by hand", func(s *manage.Status) { s.Found = map[string]string{"app": "1.1"} }, ask.CurrencyUnknown, "changed"},
		{"changed by the run that is open", func(s *manage.Status) {
			s.Found = map[string]string{"app": "1.1"}
			s.Open = &manage.Run{Plan: &plan.Plan{}, State: run.New(&plan.Plan{})}
		}, ask.CurrencyUnknown, ""},
		{"everything", func(s *manage.Status) {
			s.Watching = watching("2.0", true)
			s.Watching.Problem, s.Watching.Late = "no answer", 48*time.Hour
			s.Restoring, s.Timer, s.Stopped = &manage.RestoringError{Point: "p"}, &manage.TimerFailure{Since: at, Why: "full"}, &manage.Stopped{}
			s.Modes, s.Holds, s.NoBoot = []string{"read-only"}, []manage.Hold{{What: "a"}, {What: "b", Due: true}}, "no unit"
			s.Scheduled, s.Untold = &manage.Scheduled{Missed: at, Why: "another plan"}, []manage.Delivery{{ID: "anna", Problem: "refused"}}
		}, ask.Behind, "restoring timer stopped mode hold hold-due feed late boot missed untold"},
	} {
		got := known(tt.change)
		var kinds []string
		for _, n := range got.Notices {
			kinds = append(kinds, string(n.Kind))
		}
		if got.Currency != tt.is || strings.Join(kinds, " ") != tt.kinds {
			t.Errorf("%s: %s with %v, want %s with %s", tt.name, got.Currency, kinds, tt.is, tt.kinds)
		}
	}
	want := []ask.Unit{{ID: "app", Version: "1.1", Recorded: "1.0"}, {ID: "web@a", Version: "1.0"}}
	if d := cmp.Diff(want, known(func(s *manage.Status) { s.Found = map[string]string{"app": "1.1", "web@a": "1.0"} }).Units); d != "" {
		t.Error(d)
	}
	if got := installation("id", manage.Known{Name: "n", Document: "d", Err: os.ErrPermission}); got.Error == "" || got.Product != "n" {
		t.Errorf("one that cannot be read is %+v", got)
	}
}

func TestGoing(t *testing.T) {
	r := func(opened time.Time, engine int) *manage.Run {
		return &manage.Run{Run: journal.Run{ID: "r", Opened: opened}, Plan: &plan.Plan{}, State: run.New(&plan.Plan{}), Engine: engine}
	}
	waits := r(time.Now(), 0)
	waits.Waiting = &run.Action{}
	closed := r(time.Now(), 0)
	closed.Closed = time.Now()
	for _, tt := range []struct {
		run  *manage.Run
		want ask.Going
	}{
		{r(time.Now(), 7), ask.UnderWay}, {r(time.Now().Add(-time.Hour), 7), ask.UnderWay},
		{r(time.Now().Add(-time.Hour), 0), ask.Interrupted},
		{r(time.Now(), 0), ask.UnderWay}, // its engine is being started
		{waits, ask.WaitsChoice}, {closed, ""},
	} {
		if got := going(tt.run); got != tt.want {
			t.Errorf("%+v is %q, want %q", tt.run.Run, got, tt.want)
		}
	}
}

// TestSteps: the parts are what users see, whatever verbs the steps have.
func TestSteps(t *testing.T) {
	p := &plan.Plan{From: "1.0", Steps: []plan.Step{{ID: "a"}, {ID: "b", Down: true}, {ID: "c", Verb: plan.VerbBarrier, Class: plan.Control}, {ID: "d", Up: true}, {ID: "e"}}}
	parts := func() string {
		var out []string
		for _, s := range steps(p, plan.Forecast{}) {
			out = append(out, s.ID+":"+string(s.Part)+s.Control)
		}
		return strings.Join(out, " ")
	}
	if got, want := parts(), "a:before b:outage c:outagebarrier d:outage e:after"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	p.Steps[1].Down, p.Steps[3].Up = false, false
	if got, want := parts(), "a:before b:before c:beforebarrier d:before e:before"; got != want {
		t.Errorf("without an outage: %s, want %s", got, want)
	}
}

// TestWish: what a page cannot be trusted with is refused before anything is
// prepared.
func TestWish(t *testing.T) {
	e := New(Options{Releases: "/srv/releases"})
	if _, err := e.request(ask.Wish{OnFailure: "elsewhere"}, "anna"); ask.KindOf(err) != ask.Invalid {
		t.Errorf("a failure that leads elsewhere: %v", err)
	}
	if _, err := e.request(ask.Wish{Waivers: map[string]string{"c": " "}}, "anna"); ask.KindOf(err) != ask.Invalid {
		t.Errorf("a waiver without a reason: %v", err)
	}
	req, err := e.request(ask.Wish{To: "2.0", OnFailure: "stay", Waivers: map[string]string{"c": "why"}}, "anna")
	if err != nil || req.From != "/srv/releases" || req.To != "2.0" || req.OnFailure != "stay" || req.Waivers["c"] != "anna: why" || req.By != "anna" || req.Trigger != plan.TriggerCommand {
		t.Errorf("%+v, %v", req, err)
	}
	if _, err := e.Start(t.Context(), "anna", ask.Yes{Digest: "ab12"}); ask.KindOf(err) != ask.Invalid {
		t.Errorf("a yes to a part of a digest: %v", err)
	}
}
