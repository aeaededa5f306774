package console

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
)

// screen is a page in a state.
type screen struct {
	name, path string
	change     func(*fake)
}

// word is longer than a small telephone is wide, and has no place to break at.
const word = "com.example.heidelberg.tenant-0042.production.documents-and-correspondence"

// sentence is what a careful product says at length.
const sentence = "cannot build the index documents_by_owner_and_created_at_where_not_deleted: the table documents of " + word +
	" holds 3 rows whose owner is not in the table people (ids 4711, 4712 and 4713): give them an owner, or remove them, and try again"

// all are the screens with golden files, and those that are only looked at.
func all() []screen { return append(append([]screen(nil), screens...), states()...) }

// states are pages that people look at and that have no golden file: what is
// empty, long or much.
func states() []screen {
	return []screen{
		{"overview-fine", "/", func(f *fake) {
			i := f.over.Installations[0]
			i.Currency, i.Published.Version = ask.UpToDate, "2.0"
			f.over.Installations = []ask.Installation{i}
		}},
		{"overview-many", "/", func(f *fake) { f.over.Installations = many(40, f.over.Installations...) }},
		{"overview-long", "/", long},
		{"installation-long", "/i/notes", long},
		{"installation-busy", "/i/shop", nil},
		{"installation-new", "/i/old", nil},
		{"runs-long", "/i/notes/runs?skip=50", long},
		{"runs-many", "/i/notes/runs", func(f *fake) { f.rows = many(50, f.theRun.RunRow) }},
		{"runs-empty", "/i/notes/runs", func(f *fake) { f.rows = []ask.RunRow{} }},
		{"run-long", "/i/notes/runs/r1", long},
		{"run-waits-long", "/i/notes/runs/r1", func(f *fake) {
			long(f)
			f.theRun.Going, f.theRun.Out = ask.WaitsChoice, false
			f.theRun.Waiting = &ask.Waiting{Step: "migrate", Title: sentence, Text: sentence + "\n" + sentence, Evidence: word, Choices: ask.Choices()}
		}},
		{"run-said", "/i/notes/runs/r1", func(f *fake) {
			f.theRun.Going, f.theRun.Task = ask.AsksPerson, &ask.Task{Step: "panel", Text: "Switch the alarm panel to test.", Said: "bert"}
		}},
		{"run-work", "/i/notes/runs/r1", func(f *fake) {
			r := &f.theRun
			r.Going, r.Cancel, r.Out, r.Result, r.Version, r.Closed, r.Outage, r.Work = "", false, false, ask.ResultNew, "3.0", now, 100*time.Second, 2
		}},
		{"run-first", "/i/notes/runs/r1", func(f *fake) {
			f.theRun.From = ""
			for i := range f.theRun.Steps {
				f.theRun.Steps[i].Part = ask.PartWhole
			}
		}},
		{"points-empty", "/i/notes/points", func(f *fake) { f.points = &ask.Points{Product: "notes", Place: "/srv/backup"} }},
		{"points-long", "/i/notes/points", func(f *fake) {
			long(f)
			f.points = &ask.Points{Product: word, Place: "sftp://backup." + word + ":2222/srv/backups/" + word, Points: many(20,
				ask.Point{ID: "20260314-0924-" + word, Version: word, Made: now, Size: 1e13, Parts: []string{"web", word, "db"}, Note: sentence, Encrypted: true, Needed: true, Proven: now, ProvenBy: ask.MadeRestored},
				ask.Point{ID: "20260313-1", Made: now, Error: sentence})}
		}},
		{"drift-fine", "/i/notes/drift?look=now", func(f *fake) {
			f.drift = &ask.Drift{Product: "notes", Version: "2.0", At: now, Parts: []ask.DriftPart{{Unit: "web", At: "/srv/notes"}, {Unit: "db", Database: true, Standard: "the standard of release 2.0"}}}
		}},
		{"drift-long", "/i/notes/drift?look=now", func(f *fake) {
			f.drift = &ask.Drift{Product: word, Version: word, At: now, Versions: []string{sentence}, Parts: []ask.DriftPart{{Unit: word, At: "/srv/" + word, Items: many(30,
				ask.DriftItem{Name: "lib/" + strings.ReplaceAll(word, ".", "/"), What: "content", Diff: "  " + sentence + "\n- " + sentence + "\n+ " + word + "\n"}, ask.DriftItem{Name: word, What: "removed"})}}}
		}},
		{"doctor", "/i/notes/doctor", nil},
		{"doctor-fine", "/i/notes/doctor?look=now", func(f *fake) {
			f.doctor = &ask.Diagnosis{Product: "notes", Fine: []string{"no run is open", "no hold is left"}}
		}},
		{"doctor-long", "/i/notes/doctor?look=now", func(f *fake) {
			f.doctor = &ask.Diagnosis{Product: word, UnderWay: sentence, Fine: many(30, sentence), Symptoms: []ask.Symptom{{Text: sentence, Evidence: word, Try: []ask.Remedy{{Text: sentence}, {Text: word}}, Else: sentence}, {Text: word, Error: sentence}}}
		}},
		{"upgrade-none", "/i/notes/upgrade", func(f *fake) { f.check.Findings = nil }},
		{"upgrade-long", "/i/notes/upgrade?to=" + word, func(f *fake) {
			long(f)
			f.check.Blocked = true
		}},
		{"plan-long", "/i/notes/plan", long},
		{"plan-many", "/i/notes/plan", func(f *fake) {
			f.thePlan.Steps = many(150, f.thePlan.Steps...)
			f.thePlan.Changes = many(25, f.thePlan.Changes...)
			f.thePlan.Goes = []string{"20260101-1", "20260102-1"}
		}},
		{"plan-current", "/i/notes/plan", func(f *fake) { f.thePlan = ask.Plan{Product: "notes", Installed: "3.0", UpToDate: true} }},
		{"plan-first", "/i/notes/plan", func(f *fake) { f.thePlan.First, f.thePlan.Installed, f.thePlan.NoReturn = true, "", nil }},
		{"error-long", "/i/notes/plan", func(f *fake) {
			f.fail = &ask.Error{Kind: ask.Refused, Text: sentence, Reasons: many(8, sentence, word)}
		}},
		{"error-busy", "/i/notes/plan", func(f *fake) {
			f.fail = &ask.Error{Kind: ask.Busy, Text: "run 20260314-0924-ab, started by bert, is open: there is one run at a time"}
		}},
		{"error-moved", "/i/notes/plan", func(f *fake) {
			f.fail = &ask.Error{Kind: ask.Moved, Text: "the plan that was shown (ab12) is not the plan that would be carried out now (cd34); nothing was changed", Reasons: []string{"the step reindex is new"}}
		}},
		{"error-denied", "/i/notes/plan", func(f *fake) { f.fail = &ask.Error{Kind: ask.Denied, Text: "your session has ended"} }},
		{"error-forbidden", "/i/notes/plan", func(f *fake) {
			f.fail = &ask.Error{Kind: ask.Forbidden, Text: "bert is viewer here, and this takes the role operator: an administrator can give it"}
		}},
		{"error-unknown", "/no/such/page", nil},
		{"enter-how", "/enter", nil},
	}
}

// many repeats things until there are n.
func many[T any](n int, of ...T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = of[i%len(of)]
	}
	return out
}

// long makes every text as long as texts get.
func long(f *fake) {
	i := &f.over.Installations[0]
	i.Product, i.Document = word, "/etc/upkeep/"+word+".yaml"
	i.Units = nil
	for n := range 12 {
		i.Units = append(i.Units, ask.Unit{ID: fmt.Sprintf("%s-%d", word, n), Version: "2.0.0-rc.1+build.20260314", Recorded: "1.9"})
	}
	i.Published.Version = "3.0.0-rc.1+build.20260314.sha.5114f85"
	i.Points.Error = sentence
	i.Notices = nil
	for _, k := range ask.NoticeKinds() {
		i.Notices = append(i.Notices, ask.Notice{Kind: k, Text: sentence, At: now})
	}
	r := &f.theRun
	r.Product, r.From, r.To, r.By = word, "2.0.0-rc.1+build.20260314", "3.0.0-rc.1+build.20260314.sha.5114f85", word+" (timer)"
	for n := range r.Steps {
		r.Steps[n].Title = sentence
	}
	r.Steps[0].Error, r.Steps[0].Now, r.Steps[0].Status = sentence, sentence, ask.Failed
	r.Why = &ask.Why{Title: sentence, Text: strings.Repeat(sentence+"\n", 3), Now: sentence}
	r.Support, r.Points = "https://support.example.org/"+word, []string{"20260314-0924-" + word + " (2.0, 1.2 GB)"}
	r.Bar.Title, r.Bar.Line = sentence, sentence
	f.lines = many(60, sentence, word+word+word+word)
	f.check.Installed, f.check.To = r.From, r.To
	for n := range f.check.Findings {
		x := &f.check.Findings[n]
		x.ID, x.Text, x.Effect, x.Fix, x.OK = word, sentence, sentence, sentence, false
	}
	p := &f.thePlan
	p.Product, p.Installed, p.To, p.Vouched = word, r.From, r.To, sentence
	p.Route = []string{r.From, "2.5.0-rc.1+build.20260314", r.To}
	p.Changes[0] = ask.Change{Unit: word, From: r.From, To: r.To, At: "/srv/" + word + "/" + word}
	p.Room, p.Notes, p.NoReturn, p.People = []ask.Room{{Place: "/srv/" + word, Needs: 2e12, Free: 81e12}}, []string{sentence}, []string{sentence, word}, []string{sentence}
}
