package console

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/hub/ask"
)

var update = flag.Bool("update", false, "write the golden files anew")

// screens are the pages that have golden files. Those of states_test.go have none:
// a real browser looks at all of them.
var screens = []screen{
	{"overview", "/", nil},
	{"overview-empty", "/", func(f *fake) { f.over.Installations = nil }},
	{"installation", "/i/notes", nil},
	{"installation-sick", "/i/sick", nil},
	{"runs", "/i/notes/runs", nil},
	{"run", "/i/notes/runs/r1", nil},
	{"run-new", "/i/notes/runs/r1", func(f *fake) {
		r := &f.theRun
		r.Going, r.Cancel, r.Out, r.Result, r.Version, r.Closed, r.Outage = "", false, false, ask.ResultNew, "3.0", now, 100*time.Second
	}},
	{"run-old", "/i/notes/runs/r1", func(f *fake) {
		r := &f.theRun
		r.Going, r.Cancel, r.Out, r.Back, r.Result, r.Version, r.Closed, r.Outage, r.Support = "", false, false, true, ask.ResultOld, "2.0", now, 100*time.Second, "support@example.org"
		r.Why = &ask.Why{Step: "migrate", Title: "migrate the data to 3.0", Text: "0042_index.sql: line 3:\n  duplicate key", Now: "remove the duplicate"}
		r.Steps[3].Status, r.Steps[3].Error = ask.Undone, "duplicate key"
	}},
	{"run-waits", "/i/notes/runs/r1", func(f *fake) {
		r := &f.theRun
		r.Going, r.Outage = ask.WaitsChoice, 100*time.Second
		r.Waiting = &ask.Waiting{Step: "migrate", Title: "migrate the data to 3.0", Text: "it cannot be told whether the script has run", Evidence: "exit 137", Choices: []ask.Choice{ask.ChooseRetry, ask.ChooseAccept, ask.ChooseBack}}
	}},
	{"run-interrupted", "/i/notes/runs/r1", func(f *fake) { f.theRun.Going = ask.Interrupted }},
	{"run-asks", "/i/notes/runs/r1", func(f *fake) {
		f.theRun.Going, f.theRun.Task = ask.AsksPerson, &ask.Task{Step: "panel", Text: "Switch the alarm panel to test.", Lacks: "the panel reads armed"}
	}},
	{"points", "/i/notes/points", nil},
	{"sign-in", "/enter", nil},
	{"you", "/you", func(f *fake) { f.role, f.password = ask.Operator, true }},
	{"you-first", "/you", func(f *fake) { f.role = ask.Viewer }},
	{"people", "/people", func(f *fake) { f.role, f.password = ask.Administrator, true }},
	{"audit", "/audit", func(f *fake) { f.role, f.password = ask.Administrator, true }},
	{"audit-empty", "/audit", func(f *fake) { f.role, f.quiet = ask.Administrator, true }},
	{"drift", "/i/notes/drift", nil},
	{"drift-found", "/i/notes/drift?look=now", nil},
	{"doctor-found", "/i/notes/doctor?look=now", nil},
	{"overview-several", "/", func(f *fake) {
		f.over.Installations[2].Currency, f.over.Installations[2].Published.Version = ask.Behind, "2.0"
	}},
	{"points-none", "/i/notes/points", func(f *fake) { f.noPoints = true }},
	{"points-going", "/i/notes/points", func(f *fake) {
		f.theErrand = ask.Errand{Installation: "notes", Kind: ask.ErrandVerify, Point: "20260314-1", ID: "e1", By: "anna", Began: now.Add(-time.Minute), Going: true, Stage: "reading the restore point, all of it", Done: 500e6, Total: 1234567890, Part: "db"}
	}},
	{"points-broken", "/i/notes/points", func(f *fake) {
		f.theErrand = ask.Errand{Installation: "notes", Kind: ask.ErrandRestore, Point: "20260314-1", By: "anna", Began: now.Add(-time.Minute), Broken: true, Stage: "restoring db"}
	}},
	{"restore", "/i/notes/points/20260314-1", nil},
	{"restore-found", "/i/notes/points/20260314-1?look=now", nil},
	{"restore-refused", "/i/notes/points/20260314-1?look=now&only=db", func(f *fake) {
		f.refused = "db would be of version 2.0, and web stays on 3.0: the one does not fit the other"
	}},
	{"back", "/i/notes/back", nil},
	{"back-found", "/i/notes/back?look=now", nil},
	{"together", "/together?i=notes&i=shop", nil},
	{"together-refused", "/together?all=1", func(f *fake) {
		f.planFails = &ask.Error{Kind: ask.Refused, Text: "the upgrade cannot start; nothing was changed", Reasons: []string{"no room on /srv"}}
	}},
	{"batch", "/together/last", func(f *fake) {
		f.theBatch = ask.Batch{By: "anna", Began: now.Add(-time.Hour), Stop: true, Items: []ask.BatchItem{{Installation: "notes", State: ask.BatchNew, Run: "r1", Version: "3.0"}, {Installation: "shop", State: ask.BatchGoing, Run: "r2"},
			{Installation: "old", State: ask.BatchRefused, Why: "the plan has changed", Reasons: []string{"the step x is new"}}, {Installation: "sick", State: ask.BatchNext}}}
	}},
	{"batch-none", "/together/last", nil},
	{"settings", "/i/notes/settings", nil},
	{"support", "/i/notes/support", nil},
	{"doctor-mended", "/i/notes/doctor", func(f *fake) {
		f.theErrand = ask.Errand{Installation: "notes", Kind: ask.ErrandMend, Symptom: "queue", By: "anna", Began: now.Add(-time.Minute), Ended: now.Add(-30 * time.Second), Still: "398 jobs", Lines: []string{"restarted"}}
	}},
	{"errand", "/i/notes/errand", func(f *fake) {
		f.theErrand = ask.Errand{Installation: "notes", Kind: ask.ErrandCreate, Made: "20260314-2", By: "anna", Began: now.Add(-time.Minute), Ended: now.Add(-30 * time.Second)}
	}},
	{"upgrade", "/i/notes/upgrade", nil},
	{"upgrade-only", "/i/notes/upgrade?only=web&only=db", nil},
	{"upgrade-blocked", "/i/notes/upgrade?to=3.0&waive.cron-quiet=they+may", func(f *fake) {
		f.check.Blocked, f.check.Findings[0].OK = true, false
		f.check.Findings[1].Waived, f.guide.Stages[0].Open = "anna: they may", true
	}},
	{"upgrade-current", "/i/notes/upgrade", func(f *fake) { f.check = ask.Readiness{Product: "notes", Installed: "3.0", UpToDate: true} }},
	{"plan", "/i/notes/plan?on-failure=stay&waive.cron-quiet=they+may", nil},
	{"plan-stopped", "/i/notes/plan", func(f *fake) { f.thePlan.Unsigned, f.thePlan.Closed = true, "stopped" }},
	{"plan-decided", "/i/notes/plan?choose=storage&set.mail=false", way},
	{"upgrade-needs", "/i/notes/upgrade", func(f *fake) {
		f.guide.Needs, f.guide.Missing, f.guide.Stages, f.check.Findings = true, 19300000, stagesOf("!ready", "plan"), nil
	}},
	{"plan-closed", "/i/notes/plan", func(f *fake) {
		f.thePlan.Begin = ask.Begin{Why: []string{"upgrades begin mon-fri 22:00-04:00 (Europe/Paris) only"}, Next: now.Add(12 * time.Hour), Zone: "Europe/Paris", Propose: "2026-03-14T22:00",
			Scheduled: &ask.Scheduled{To: "2.9", When: "Sat 14 Mar 2026 22:00 CET"}}
	}},
	{"plan-not-later", "/i/notes/plan", func(f *fake) {
		f.thePlan.Begin = ask.Begin{NotLater: "it needs a person: turn the key", Zone: "UTC", Propose: "2026-03-15T02:00"}
	}},
	{"windows", "/i/notes/windows", func(f *fake) { f.times = timesOf() }},
	{"windows-empty", "/i/notes/windows", func(f *fake) {
		f.times = ask.Windows{Product: "notes", Document: "/etc/upkeep/notes.yaml", Text: "at any time", Zone: "UTC", Open: true}
	}},
	{"windows-missed", "/i/notes/windows", func(f *fake) {
		f.times = timesOf()
		f.times.Open, f.times.Until, f.times.Next, f.times.Frozen = false, time.Time{}, now.Add(9*24*time.Hour), "the year's end"
		f.times.Scheduled.Missed, f.times.Scheduled.Why = now, "the plan is another one than the one that was agreed to: hook PREINSTALL_web.sh is new"
	}},
	{"upgrade-first", "/i/notes/upgrade", func(f *fake) { f.guide.First, f.check.Installed, f.check.Findings = true, "", nil }},
	{"plan-first", "/i/notes/plan", func(f *fake) { f.thePlan.First, f.thePlan.Installed = true, "" }},
	{"upgrade-missing", "/i/notes/upgrade", func(f *fake) { f.guide.Missing = 19300000 }},
	{"upgrade-later", "/i/notes/upgrade", func(f *fake) {
		way(f)
		f.check.Findings[0] = ask.Finding{ID: "plan", Level: "blocker", Text: "the database db is not migrated automatically", Settled: ask.StageReview}
		f.check.Findings[1].Reference, f.check.Findings[1].Fixable, f.check.Findings[1].New, f.check.Findings[1].Release = "https://vendor.example/cron", true, true, "3.0"
	}},
	{"safety", "/i/notes/upgrade/safety?on-failure=stay&rehearse=yes", way},
	{"safety-nowhy", "/i/notes/upgrade/safety?safety=leave&waive.backup=+", way},
	{"params", "/i/notes/upgrade/params?set.url=http%3A%2F%2Fnotes.example%2F&set.mail=false", way},
	{"params-wrong", "/i/notes/upgrade/params?set.port=x", func(f *fake) {
		way(f)
		f.guide.Params[3].Problem, f.guide.Stages[2].Open = "it is no number", true
	}},
	{"choices", "/i/notes/upgrade/choices?choose=storage", way},
	{"choices-refused", "/i/notes/upgrade/choices?choose=simple&choose=storage", func(f *fake) {
		way(f)
		f.guide.Groups[1].Features[1].Asked, f.guide.Stages[3].Open = true, true
		f.guide.Refused = []string{"simple does not go with storage: leave one of them out"}
	}},
	{"tasks", "/i/notes/upgrade/tasks", func(f *fake) { way(f); f.guide.Stages[4].Open = true }},
	{"tasks-finding", "/i/notes/upgrade/tasks", func(f *fake) {
		way(f)
		f.guide.Stages[4].Open = true
		f.guide.Tasks[1] = ask.Asked{ID: "log.1", Kind: ask.AskedFinding, Text: "disk sda: 4 errors", Open: true}
	}},
	{"tasks-done", "/i/notes/upgrade/tasks", func(f *fake) { way(f); f.guide.Tasks = f.guide.Tasks[:1] }},
	{"review", "/i/notes/upgrade/review?choose=storage", func(f *fake) { way(f); f.guide.Stages[5].Open, f.guide.Undecided = true, 1 }},
	{"review-done", "/i/notes/upgrade/review", func(f *fake) {
		way(f)
		f.reviews.Scripts[1].Decided, f.reviews.Scripts[1].By, f.reviews.Scripts[1].At, f.reviews.Scripts[1].Stale = ask.Edit, "anna", now, ""
		f.reviews.Shown = nil
	}},
	{"fixes", "/i/notes/upgrade/fixes?finding=php&to=3.0", way},
	{"fetch", "/i/notes/fetch?to=3.0", func(f *fake) {
		f.fetches = ask.Fetching{Known: true, Going: true, By: "anna", File: "app.tar.zst", Done: 7200000, Total: 19300000}
	}},
	{"fetch-failed", "/i/notes/fetch?to=3.0", func(f *fake) { f.fetches = ask.Fetching{Known: true, Error: "the feed does not answer"} }},
	{"error-refused", "/i/notes/plan", func(f *fake) {
		f.fail = &ask.Error{Kind: ask.Refused, Text: "the upgrade cannot start; nothing was changed", Reasons: []string{"no room on /srv", "the service notes\nis not there"}}
	}},
	{"error-gone", "/", func(f *fake) {
		f.fail = &ask.Error{Kind: ask.Gone, Text: "the engine side of the hub does not answer: refused"}
	}},
	{"enter", "/enter?code=once", nil},
}

// TestScreens compares every page with its golden file, and looks for texts that
// are missing in any language.
func TestScreens(t *testing.T) {
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			f := sample()
			if s.change != nil {
				s.change(f)
			}
			b := open(t, f)
			for _, code := range []string{"en", "fr"} {
				b.header.Set("Accept-Language", code)
				got := b.get(s.path).Body.String()
				for l := range strings.Lines(got) {
					if strings.Contains(l, ">[") || strings.Contains(l, "{n}") || strings.Contains(l, "ZgotmplZ") {
						t.Errorf("%s: a text or a value is missing: %s", code, l)
					}
				}
				if code == "fr" && s.name != "plan" {
					continue // the same templates; one is looked at
				}
				file := filepath.Join("testdata", s.name+"."+code+".html")
				got = fixed(got)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(want), got); d != "" {
					t.Errorf("%s, by go test ./internal/console -update written anew:\n%s", file, d)
				}
			}
		})
	}
}

// fixed takes the sums of files out, so that a change of style is no change of
// all pages.
func fixed(html string) string {
	p, _ := parsed()
	for name, x := range p.static {
		html = strings.ReplaceAll(html, x.address, name)
	}
	return html
}

// TestPlain: pages hold no words of their own and nothing that the policy would
// stop, and need no other computer.
func TestPlain(t *testing.T) {
	list, err := templates.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		raw, err := templates.ReadFile("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{" style=", "<style", "javascript:", "onclick", "onload", "http://", "https://", "//cdn", "hx-on"} {
			if strings.Contains(string(raw), bad) {
				t.Errorf("%s has %q", f.Name(), bad)
			}
		}
	}
	for _, s := range screens {
		f := sample()
		if s.change != nil {
			s.change(f)
		}
		w := open(t, f).get(s.path)
		if w.Header().Get("Content-Security-Policy") != policy {
			t.Errorf("%s has no policy", s.name)
		}
		for part := range strings.SplitSeq(w.Body.String(), "<script") {
			if code, ok := strings.CutPrefix(part, ">"); ok {
				t.Errorf("%s has a script of its own: %.60s", s.name, code)
			}
		}
	}
}

var (
	formTag  = regexp.MustCompile(`(?s)<form[^>]*>.*?</form>`)
	scripted = regexp.MustCompile(`hx-(post|put|delete|patch)|type="button"`)
)

// TestForms: whatever a screen lets people do is a form that works without script,
// has a button, and carries the token where it changes something.
func TestForms(t *testing.T) {
	seen := 0
	for _, s := range all() {
		f := sample()
		if s.change != nil {
			s.change(f)
		}
		text := open(t, f).get(s.path).Body.String()
		if strings.Count(text, "<form") != len(formTag.FindAllString(text, -1)) {
			t.Errorf("%s has a form in a form, or one without an end", s.name)
		}
		if what := scripted.FindString(text); what != "" {
			t.Errorf("%s has %s: it does nothing without script", s.name, what)
		}
		for _, form := range formTag.FindAllString(text, -1) {
			head, _, _ := strings.Cut(form, ">")
			post := strings.Contains(head, `method="post"`)
			switch {
			case !post && !strings.Contains(head, `method="get"`):
				t.Errorf("%s has a form without a method: %s", s.name, head)
			case !strings.Contains(form, "<button"):
				t.Errorf("%s has a form without a button: %s", s.name, head)
			case post && strings.Contains(text, `class="person"`) && !strings.Contains(head, `action="/signin"`) && // who signs in has no session yet
				!strings.Contains(form, `name="token" value="`+(&visit{session: "s"}).Token()+`"`):
				t.Errorf("%s has a form without the token: %s", s.name, head)
			}
			seen++
		}
	}
	if seen < 50 {
		t.Errorf("only %d forms were seen", seen)
	}
}

// TestHostile: names and lines of products are text, whatever is in them.
func TestHostile(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'{{.}}`
	f := sample()
	i := &f.over.Installations[0]
	i.ID, i.Product, i.Document, i.Units[0].Version, i.Published.Version = evil, evil, evil, evil, evil
	i.Notices = []ask.Notice{{Kind: ask.NoticeFeed, Text: evil}}
	i.Open = &ask.Open{Run: evil, By: evil, To: evil, Going: ask.WaitsChoice, Title: evil}
	r := &f.theRun
	r.Product, r.From, r.To, r.By, r.Digest, r.ID = evil, evil, evil, evil, evil, "../../"+evil
	r.Steps[0].Title, r.Steps[0].Error, r.Bar.Line, r.Bar.Title, r.Points = evil, evil, evil, evil, []string{evil}
	r.Why = &ask.Why{Title: evil, Text: evil, Now: evil}
	f.lines = []string{evil}
	f.check.Findings[1] = ask.Finding{ID: evil, Level: "warning", Text: evil, Effect: evil, Fix: evil, Waivable: true}
	f.thePlan.Vouched, f.thePlan.Changes[0].At, f.thePlan.Notes = evil, evil, []string{evil}
	f.beats = []ask.Beat{{Run: r, Lines: []string{evil, "event: over"}, Log: 7, Over: true}}
	b := open(t, f)
	for _, path := range []string{"/", "/i/notes", "/i/notes/runs", "/i/notes/runs/r1", "/i/notes/runs/r1/live", "/i/notes/upgrade", "/i/notes/plan", "/enter?code=" + strings.ReplaceAll(strings.ReplaceAll(evil, " ", "+"), ">", "%3E"), "/i/%22%3E%3Cscript%3Ealert(1)%3C/script%3E/runs"} {
		got := b.get(path).Body.String()
		for _, bad := range []string{"<script>alert", "<img src=x", "ZgotmplZ"} {
			if strings.Contains(got, bad) {
				t.Errorf("%s lets %q through", path, bad)
			}
		}
	}
	for l := range strings.Lines(b.get("/i/notes/runs/r1/live").Body.String()) {
		if strings.HasPrefix(l, "event: over") {
			return
		}
		if strings.Contains(l, "event: over") && !strings.HasPrefix(l, "data: ") {
			t.Errorf("a line of the log speaks for the page: %s", l)
		}
	}
	t.Error("the stream does not say that it is over")
}
