package show_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"upkeep/internal/backup"
	"upkeep/internal/cli/report/reporttest"
	"upkeep/internal/cli/show"
	"upkeep/internal/journal"
	"upkeep/internal/manage"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	opened = time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC)
	now    = opened.Add(75 * time.Second)
)

// evil is what a product, a document or a user may bring: nothing of it may
// reach the terminal as it is.
const evil = "\x1b[2J\r\u009b1A\u202eshop\x07"

func step(id, verb, phase, title string, more ...func(*plan.Step)) plan.Step {
	s := plan.Step{ID: id, Verb: verb, Phase: phase, Class: plan.Reversible, Title: title, Deadline: time.Minute, Node: "here"}
	for _, f := range more {
		f(&s)
	}
	return s
}

func as(account string) func(*plan.Step)  { return func(s *plan.Step) { s.As = account } }
func class(c plan.Class) func(*plan.Step) { return func(s *plan.Step) { s.Class = c } }
func down(s *plan.Step)                   { s.Down = true }
func up(s *plan.Step)                     { s.Up, s.Class = true, plan.Irreversible }
func undo(how string) func(s *plan.Step)  { return func(s *plan.Step) { s.Undo = how } }

// shop is a plan of one hop.
func shop() *plan.Plan {
	return &plan.Plan{Format: 1, Digest: "77c9fac6c210aaaa", Product: "shop", From: "3.0", To: "3.1", OnFailure: "origin", Closed: "gate", Barrier: "barrier",
		Hops: []plan.Hop{{From: "3.0", To: "3.1"}},
		Instances: []plan.Instance{
			{Component: "app", Kind: "tree", At: "/srv/shop/app", From: "3.0", To: "3.1", Versions: []string{"3.1"}},
			{Component: "database", Kind: "postgres", From: "3", To: "4", Versions: []string{"4"}},
			{Component: "themes", Kind: "tree", At: "/srv/shop/themes", From: "1.4", To: "1.4", Versions: []string{"1.4"}},
		},
		Steps: []plan.Step{
			step("check", "check", "stage", "check once more what could stop the upgrade", class(plan.Check)),
			step("h1.stage.app", "stage", "stage", "unpack app 3.1 beside the one in use"),
			step("gate", "access", "maintenance", "close the gate: users see the outage page (port 443)", down),
			step("stop.web", "stop", "stop", "stop web", as("shop"), down),
			step("backup", "backup", "backup", "make the restore point of 3.0 (app, database), read it back and compare"),
			step("h1.hooks.after-install", "hooks", "after-install", "run the site hook 10_theme.sh", as("shop"), undo("none")),
			step("h1.migrate.database", "migrate", "migrate", "migrate database for 3.1: 2 scripts", undo("restore")),
			step("h1.milestone", plan.VerbMilestone, "verify", "3.1 is there and verified", class(plan.Control)),
			step("barrier", plan.VerbBarrier, "barrier", "the point of no return: from here users work on the new version", class(plan.Control)),
			step("reopen.gate", "access", "reopen", "open the gate: users are in", up),
			step("clean-up", "clean-up", "clean-up", "remove what is no longer needed; the old files and 3 restore points stay", class(plan.Irreversible)),
		},
		Milestones: []plan.Milestone{{ID: "m1", Version: "3.1", Step: "h1.milestone"}}}
}

// grown adds a tree and a folder, and takes another tree away.
func grown() *plan.Plan {
	p := shop()
	p.Instances = append(p.Instances, plan.Instance{Component: "calls", Kind: "tree", At: "/srv/shop/more/calls", To: "1.4", Versions: []string{"1.4"}, Added: 1},
		plan.Instance{Component: "tapes", Kind: "tree", At: "/srv/shop/more/tapes", Versions: []string{""}, Added: 1},
		plan.Instance{Component: "fax", Kind: "tree", At: "/srv/shop/fax", From: "1.1", Versions: []string{""}, Gone: true})
	return p
}

// twoHops adds a required stop, and stays there when a later hop fails.
func twoHops() *plan.Plan {
	p := shop()
	p.To, p.OnFailure = "4.0", "stay"
	p.Hops = []plan.Hop{{From: "3.0", To: "3.1", Why: "not straight from 3.0 to 4.0: 4.0 can be reached only from >= 3.1"}, {From: "3.1", To: "4.0"}}
	p.Notes = []string{"read-only mode was on before: it stays on after the run, since Upkeep did not switch it on", "cannot be put back: run the site hook 10_theme.sh (step h1.hooks.after-install)"}
	return p
}

// stopped has neither gate nor mode.
func stopped() *plan.Plan {
	p := shop()
	p.Closed = "stopped"
	p.Waivers = map[string]string{}
	p.Steps = append(p.Steps[:2:2], p.Steps[3:9]...)
	p.Steps = append(p.Steps, step("h1.start.web", "start", "start", "start web: users reach it from here", as("shop"), up))
	p.Notes = []string{"users cannot be kept out while the new version is verified (only root can close it, and the product has no maintenance mode): starting it reopens it, so the barrier lies before the start, and what fails after it is not put back by itself"}
	return p
}

var forecast = plan.Forecast{Outage: 95 * time.Second, Space: []plan.Need{{Volume: "1", Places: []string{"/srv/shop", "/var/lib/upkeep"}, Bytes: 3 << 30, Free: 70 << 30}}}

// state tells what became of the first steps: a word a step, "=" done, "!"
// failed, "?" unclear, "-" undone, "x" undo failed, "v" vouched for.
func state(p *plan.Plan, words string) *run.State {
	s := run.New(p)
	s.Run, s.OpenedAt = "20260304-220000-77c9", opened
	for i, w := range words {
		st := &run.StepState{Began: opened.Add(time.Duration(i) * time.Second), Ended: opened.Add(time.Duration(i+1) * time.Second), Touched: true, Intended: true,
			Last: run.Ended{OK: true, Took: time.Duration(i+1) * 300 * time.Millisecond}}
		switch w {
		case '=':
			st.Status = run.Done
		case '!':
			st.Status, st.Last.OK = run.Failed, false
		case '?':
			st.Status, st.Last.OK = run.Unclear, false
		case '-':
			st.Status = run.Undone
		case 'x':
			st.Status, st.Last.OK = run.UndoFailed, false
		case 'v':
			st.Status, st.Last.OK = run.Undone, false
		}
		if !st.Last.OK {
			st.Last.Error = "script 2 of 2 failed and left nothing behind: duplicate key value violates unique constraint \"notes_slug\"\nDETAIL: Key (slug)=(a) is duplicated."
			st.Last.Now = "report it to the vendor, with the log"
		}
		s.Steps[p.Steps[i].ID] = st
	}
	return s
}

func outcome(s *run.State) show.Outcome {
	return show.Outcome{ID: s.Run, Plan: s.Plan, State: s, Forecast: forecast.Outage, Command: "upkeep --installation /etc/upkeep/shop.yaml", Now: now,
		Points: []string{"20260304-220000-77c9-origin (3.0, 1.2 GiB)"}}
}

func closed(s *run.State, r run.Result, version string, work ...string) show.Outcome {
	s.Mode, s.Closed, s.ClosedAt = run.Over, &run.Closed{Result: r, Version: version, Work: work}, opened.Add(61*time.Second)
	return outcome(s)
}

func failedAt(s *run.State, id string) *run.State {
	s.Why = &run.Decided{Choice: run.ChooseBack, Step: id, By: "plan", Why: "script 2 of 2 failed and left nothing behind: duplicate key value violates unique constraint \"notes_slug\""}
	return s
}

func waits(s *run.State, id string, choices ...run.Choice) show.Outcome {
	o := outcome(s)
	st, _ := s.Plan.Find(id)
	o.Waiting = &run.Action{Kind: run.ActWait, Step: st, Choices: choices}
	return o
}

func past(id string, r run.Result, version string, work int) journal.Run {
	return journal.Run{ID: id, From: "3.0", To: "3.1", By: "anna", Opened: opened, Closed: now, Result: r, Version: version, Outage: 8400 * time.Millisecond, Work: work}
}

// screens are all that a person is shown, by name.
func screens() map[string]func(width show.Paper) string {
	opens := func(o show.Outcome) func(show.Paper) string {
		return func(w show.Paper) string { return show.Result(o, w) }
	}
	plans := func(p *plan.Plan) func(show.Paper) string {
		return func(w show.Paper) string { return show.Plan(p, forecast, w) }
	}
	status := func(s manage.Status) func(show.Paper) string {
		s.Product, s.Document = "shop", "/etc/upkeep/shop.yaml"
		return func(w show.Paper) string { return show.Status(s, "upkeep", now, w) }
	}
	held := []manage.Hold{
		{ID: "setting.guard", What: "setting guard", To: "lax", Was: "strict", Run: "20260304-220000-77c9", Since: opened, Until: "30 days after the run", Ends: opened.AddDate(0, 0, 30)},
		{ID: "start-type.importer", What: "start-type importer", To: "disabled", Was: "enabled", Run: "20260304-220000-77c9", Since: opened, Until: "2026-03-01", Ends: opened.AddDate(0, 0, -2), Due: true},
		{ID: "setting.agents", What: "setting agents", To: "let in", Was: evil, Run: "20260304-220000-77c9", Since: opened, Until: "file /srv/shop/old is 0", Asks: true, Evidence: "content of /srv/shop/old; it is 12, and ends the hold when it is 0"},
		{ID: "setting.gone", What: "setting gone", To: "on", Was: "off", Run: "20260304-220000-77c9", Since: opened, Until: "file /root/x is 0", Asks: true, Error: "cannot tell whether its end has come: permission denied"},
		{ID: "service.queue", What: "service.queue", Error: "cannot read /var/lib/upkeep/shop/holds/service.queue.json, which says what is held: unexpected end of JSON input"},
	}
	live := func(engine int, s *run.State, a *run.Action) *manage.Run {
		return &manage.Run{Run: journal.Run{ID: s.Run, From: "3.0", To: "3.1", By: "anna", Opened: opened}, Plan: s.Plan, State: s, Engine: engine, Waiting: a}
	}
	back := failedAt(state(shop(), "=----=-"), "h1.migrate.database")
	back.Steps["h1.hooks.after-install"].Touched = false
	gone := failedAt(state(shop(), "=--v---"), "h1.migrate.database")
	cancelled := state(shop(), "=---")
	cancelled.Why = &run.Decided{Choice: run.ChooseBack, By: "anna", Why: "it is late"}
	stay := failedAt(state(twoHops(), "======="), "h1.migrate.database")
	behind := state(shop(), "=========!")
	behind.Barrier = true
	backing := failedAt(state(shop(), "===x"), "h1.migrate.database")
	backing.Mode = run.Backing
	undecided := state(shop(), "=====?")
	skipped := state(stopped(), "========!")
	lost := behind
	unlucky := outcome(undecided)
	unlucky.Waiting = &run.Action{Step: shop().Steps[5], Choices: []run.Choice{run.ChooseRetry, run.ChooseAccept, run.ChooseBack}}
	bad := shop()
	bad.Product, bad.From, bad.To, bad.Notes = evil, evil, evil, []string{evil}
	for i := range bad.Steps {
		bad.Steps[i].Title, bad.Steps[i].As = evil, evil
	}
	bad.Instances[0].From, bad.Instances[0].At = evil, evil
	finding := manage.LintFinding{Finding: manifest.Finding{ID: "unknown-reference", Level: manifest.LevelError, Msg: "there is no ${dir.dta}", Hint: `did you mean "data"?`},
		At: "shop.yaml:25:16", Excerpt: "   25 |   maintenance: {marker: \"${dir.dta}/closed\"}\n      |                ^ did you mean \"data\"?"}
	findings := []manage.Finding{
		{ID: "writable", OK: true, Level: "blocker", Evidence: "/srv/shop/data can be written by shop"},
		{ID: "php", Level: "blocker", Evidence: "PHP 7.4, and 3.1 needs >= 8.1", Effect: "3.1 does not start", Fix: "install php8.2-fpm, then run the check again"},
		{ID: "plugins", Level: "warning", Evidence: "2 plugins are not known to the vendor", Effect: "they may not work", Waivable: true},
		{ID: "memory", Level: "warning", Waived: "anna: it is a test machine", Evidence: "1 GiB"},
		{ID: "mail", Level: "info", Error: "the server does not answer", Evidence: ""},
	}
	fp := manage.Fingerprint{Versions: map[string]string{"app": "3.0"}, Files: map[string]string{"app": strings.Repeat("ab", 32)}, Services: map[string]string{"web": "running"}, Modes: map[string]string{"gate": "up"}}
	fp2 := manage.Fingerprint{Versions: map[string]string{"app": "3.0"}, Files: map[string]string{"app": strings.Repeat("cd", 32)}, Services: map[string]string{"web": "running"}}
	return map[string]func(show.Paper) string{
		"drift": func(w show.Paper) string { return show.Drift(reporttest.Drift(), w) },
		"drift-none": func(w show.Paper) string {
			return show.Drift(manage.Drift{Installation: "shop", Version: "3.0", Trees: []manage.TreeDrift{{Unit: "app", At: "/srv/shop/app"}}}, w)
		},
		"plan":                       plans(shop()),
		"plan two hops":              plans(twoHops()),
		"plan without a gate":        plans(stopped()),
		"plan with evil texts":       plans(bad),
		"plan adds and takes away":   plans(grown()),
		"result new":                 opens(closed(state(shop(), "==========="), run.ResultNew, "3.1")),
		"result work remains":        opens(closed(state(shop(), "==========!"), run.ResultNew, "3.1", "clean-up")),
		"result not verified":        opens(closed(skipped, run.ResultNew, "3.1", "h1.start.web")),
		"result old":                 opens(closed(back, run.ResultOld, "3.0")),
		"result old but":             opens(closed(gone, run.ResultOld, "3.0")),
		"result cancelled":           opens(closed(cancelled, run.ResultOld, "3.0")),
		"result milestone":           opens(closed(stay, run.ResultMilestone, "3.1")),
		"waiting unclear":            opens(unlucky),
		"waiting undo failed":        opens(waits(backing, "stop.web", run.ChooseRetry, run.ChooseAccept)),
		"waiting behind the barrier": opens(waits(behind, "reopen.gate", run.ChooseRetry, run.ChooseAccept)),
		"waiting to skip":            opens(waits(lost, "clean-up", run.ChooseRetry, run.ChooseSkip)),
		"status nothing":             status(manage.Status{}),
		"status quiet": status(manage.Status{Record: []journal.Installed{{Component: "app", Version: "3.1"}, {Component: "database", Version: "4"}},
			Last: func() *journal.Run { r := past("20260304-220000-77c9", run.ResultNew, "3.1", 0); return &r }(), Modes: []string{"maintenance (the gate)"}}),
		"status under way":                      status(manage.Status{Open: live(4711, undecided, nil)}),
		"status interrupted":                    status(manage.Status{Open: live(0, undecided, nil)}),
		"status interrupted behind the barrier": status(manage.Status{Open: live(0, behind, nil)}),
		"status held":                           status(manage.Status{Holds: held}),
		"holds":                                 func(w show.Paper) string { return show.Holds(held, "upkeep", w) },
		"holds none":                            func(w show.Paper) string { return show.Holds(nil, "upkeep", w) },
		"hold ended":                            func(w show.Paper) string { return show.HoldEnded(held[0], false, w) + show.HoldEnded(held[1], true, w) },
		"status restoring":                      status(manage.Status{Restoring: &manage.RestoringError{Point: "20260304-220000-77c9-origin"}}),
		"runs": func(w show.Paper) string {
			return show.Runs([]journal.Run{{ID: "20260305-220000-77c9", From: "3.0", To: "3.1", By: "anna", Opened: now}, past("20260304-220000-77c9", run.ResultNew, "3.1", 0),
				past("20260303-220000-77c9", run.ResultNew, "3.1", 2), past("20260302-220000-77c9", run.ResultOld, "3.0", 0), past("20260301-220000-77c9", run.ResultMilestone, "3.1", 0)}, w)
		},
		"runs none":  func(w show.Paper) string { return show.Runs(nil, w) },
		"run":        func(w show.Paper) string { return show.Run(live(0, back, nil), w) },
		"detached":   func(w show.Paper) string { return show.Detached("20260304-220000-77c9", "upkeep", w) },
		"up to date": func(show.Paper) string { return show.UpToDate("shop", "3.1") },
		"readiness": func(w show.Paper) string {
			return show.Readiness(manage.Readiness{Installed: "3.0", To: "3.1", Findings: findings}, "upkeep", " --from /srv/releases", w)
		},
		"readiness warnings": func(w show.Paper) string {
			return show.Readiness(manage.Readiness{Installed: "3.0", To: "3.1", Findings: findings[2:3]}, "upkeep", " --from /srv/releases", w)
		},
		"refusal": func(w show.Paper) string {
			return show.Refusal(&plan.Refusal{Reasons: []string{"service web has no account: say as: ACCOUNT; root must be written", "too little room: the upgrade needs 3.0 GiB on the volume of /srv, where 1.0 GiB are free"}}, w)
		},
		"lint": func(w show.Paper) string {
			return show.Lint(manage.LintResult{Path: "shop.yaml", Error: "shop.yaml:3:5: unknown key \"servces\": did you mean services?\n  3 |     servces:\n          ^"}, w)
		},
		"refusal of a document": func(w show.Paper) string {
			return show.Refusal(&plan.Refusal{Reasons: []string{finding.Pretty(), "check space: 1.0 GiB free,\nwanted 3.0 GiB"}}, w)
		},
		"lint findings": func(w show.Paper) string {
			return show.Lint(manage.LintResult{Path: "shop.yaml", Findings: []manage.LintFinding{finding, {Finding: manifest.Finding{ID: "no-line", Level: manifest.LevelError, Msg: "nothing says what takes it back", Hint: "say undo:"}}}}, w)
		},
		"lint clean": func(w show.Paper) string { return show.Lint(manage.LintResult{Path: "shop.yaml"}, w) },
		"modes":      func(w show.Paper) string { return show.Modes(map[string]bool{"gate": true, "maintenance": false}, w) },
		"points": func(w show.Paper) string {
			return show.Points(opened.Add(50*time.Hour), w, points()...)
		},
		"restore point made": func(w show.Paper) string {
			return show.Created(&manage.Created{Listed: points()[1], Removed: []string{"20260201-030000-timer"}, Old: []string{"20250101-120000-hand"}}, "upkeep", w)
		},
		"outlook": func(w show.Paper) string {
			return show.Outlook(&manage.Outlook{Point: points()[0].Point, Installed: "3.1", Services: []string{"web", "worker"}, Mixed: []string{"database"}, Changes: []manage.Change{
				{Part: "app", Kind: "files", Added: 2, Changed: 1, Removed: 40, Files: []string{"+ lib/old.so", "+ lib/older.so", "~ VERSION", "- lib/new.so"}},
				{Part: "data", Kind: "sqlite", Replaced: "table notes: 12 rows, were 10"}, {Part: "conf", Kind: "files", Same: true}}}, w)
		},
		"status timer": status(manage.Status{Timer: &manage.TimerFailure{Since: opened, At: opened, Why: "the place of restore points, /mnt/nas/shop, is not there: is something not mounted?"}}),
		"fingerprints": func(w show.Paper) string { return show.Fingerprints(fp, fp2, w) },
		"users": func(w show.Paper) string {
			return show.Users(show.UserView{Asked: 89, Out: 879 * time.Millisecond, Page: "Shop is unavailable for the moment."}, w)
		},
	}
}

// points are one of a run, one of a person, and one that is broken.
func points() []manage.Listed {
	p := backup.Point{ID: "20260304-220000-77c9-origin", Engine: "archive", About: backup.About{Version: "3.0", Note: "before the fair"}, Consistency: "at rest", Made: opened}
	q := p
	q.ID, q.Consistency, q.Encrypted, q.About.Note = "20260305-030000-hand", "live", []string{"age1x"}, ""
	return []manage.Listed{{Point: p, Size: 3 << 30, Needed: true, Proof: &manage.Proof{By: manage.Verified, At: opened.Add(time.Hour)}}, {Point: q, Size: 20 << 20},
		{Point: backup.Point{ID: "broken"}, Error: "its record cannot be read"}}
}

func TestScreens(t *testing.T) {
	t.Setenv("TZ", "UTC")
	time.Local = time.UTC
	for name, screen := range with(with(with(screens(), reviewScreens()), watchScreens()), whenScreens()) {
		for _, width := range []int{60, 100} {
			t.Run(fmt.Sprintf("%s/%d", name, width), func(t *testing.T) {
				at := filepath.Join("testdata", fmt.Sprintf("%s-%d.golden", strings.ReplaceAll(name, " ", "-"), width))
				got := ansi.Strip(screen(show.Columns(width)))
				if *update {
					if err := os.WriteFile(at, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				want, err := os.ReadFile(at)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(want), got); d != "" {
					t.Errorf("the screen has changed; if that is right, run go test ./internal/cli/show -update (-want +got):\n%s", d)
				}
			})
		}
	}
}

// controls are what may move a cursor, beside the line feeds and colours of
// the screens themselves.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Every screen keeps to its width at any width, leaves no blanks at the ends
// of lines, and passes on nothing that a terminal would obey.
func TestScreensKeepTheirWidth(t *testing.T) {
	for name, screen := range with(with(with(screens(), reviewScreens()), watchScreens()), whenScreens()) {
		for width := 40; width <= 120; width++ {
			text := screen(show.Columns(width))
			if rest := colour.ReplaceAllString(text, ""); strings.ContainsAny(rest, "\x1b\r\a\u009b\u202e") {
				t.Fatalf("%s passes on what a terminal obeys: %q", name, rest)
			}
			if !strings.HasSuffix(text, "\n") {
				t.Errorf("%s does not end its last line", name)
			}
			for line := range strings.Lines(ansi.Strip(text)) {
				line = strings.TrimSuffix(line, "\n")
				words := strings.Fields(line)
				tooLong := len(words) > 1 && longest(words) < width-20
				if lipgloss.Width(line) > width && tooLong && name != "lint" && !(name == "drift" && strings.HasPrefix(line, "      ")) && !strings.Contains(line, " | ") && !strings.Contains(line, "upkeep --installation") { // a command stays in one piece, and so does code
					t.Errorf("%s at %d is %d wide: %q", name, width, lipgloss.Width(line), line)
				}
				if strings.TrimRight(line, " ") != line {
					t.Errorf("%s at %d has blanks at the end of %q", name, width, line)
				}
			}
		}
	}
}

func longest(words []string) (n int) {
	for _, w := range words {
		n = max(n, lipgloss.Width(w))
	}
	return n
}
