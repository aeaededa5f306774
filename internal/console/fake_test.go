package console

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
)

// now is when the tests play.
var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

// fake is an engine side with one person, anna, whose session is "s".
type fake struct {
	guided
	fail    error // what every question gives
	over    ask.Overview
	theRun  ask.Run
	lines   []string
	check   ask.Readiness
	thePlan ask.Plan
	beats   []ask.Beat
	watched []ask.WatchQuery
	yes     []ask.Yes
	resumed []ask.RunQuery
	decided []ask.Decision
	done    []ask.Word
	times   ask.Windows
	later   []ask.Later
	off     []ask.Of
	tried   []ask.Try
	left    bool
	fakePeople

	mark   string       // the pulse
	rows   []ask.RunRow // nil: some
	points *ask.Points
	drift  *ask.Drift
	doctor *ask.Diagnosis
	screensFake
}

func (f *fake) Enter(_ context.Context, code string) (ask.Entered, error) {
	if code != "once" {
		return ask.Entered{}, &ask.Error{Kind: ask.Denied, Text: "this link was used already"}
	}
	return ask.Entered{Session: "s", Person: ask.Person{Name: "anna"}}, nil
}

func (f *fake) As(session string) ask.Asking { return asking{f, session} }

type asking struct {
	*fake
	session string
}

func (a asking) Who(context.Context) (ask.Person, error) {
	if a.session != "s" {
		return ask.Person{}, &ask.Error{Kind: ask.Denied, Text: "your session has ended"}
	}
	return ask.Person{Name: "anna", Role: cmp.Or(a.role, ask.Administrator), Password: a.password, Renewed: a.renewed}, nil
}
func (a asking) Leave(context.Context) error { a.left = true; return nil }

func (f *fake) Overview(context.Context) (ask.Overview, error) { return f.over, f.fail }
func (f *fake) Pulse(context.Context) (ask.Pulse, error)       { return ask.Pulse{Mark: f.mark}, f.fail }
func (f *fake) Runs(_ context.Context, q ask.RunsQuery) (ask.Runs, error) {
	rows := []ask.RunRow{f.theRun.RunRow,
		{ID: "20260301-0800-cc", From: "1.0", To: "2.0", By: "bert", Opened: now.Add(-320 * time.Hour), Closed: now.Add(-319 * time.Hour), Result: ask.ResultOld, Version: "1.0", Outage: 95 * time.Second},
		{ID: "20260201-0800-aa", To: "1.0", By: "bert", Opened: now.Add(-990 * time.Hour), Closed: now.Add(-989 * time.Hour), Result: ask.ResultNew, Version: "1.0"}}
	if f.rows != nil {
		rows = f.rows
	}
	return ask.Runs{Product: "notes", Rows: rows, More: q.Skip == 0 && q.Limit > 10}, f.fail
}
func (f *fake) Run(context.Context, ask.RunQuery) (ask.Run, error) { return f.theRun, f.fail }
func (f *fake) Log(_ context.Context, q ask.LogQuery) (ask.Log, error) {
	if q.From > 0 {
		return ask.Log{From: q.From, Next: q.From}, f.fail
	}
	return ask.Log{Lines: f.lines, Next: 1234, Size: 1234}, f.fail
}
func (f *fake) Points(context.Context, ask.Of) (ask.Points, error) {
	if f.points != nil {
		return *f.points, f.fail
	}
	if f.noPoints {
		return ask.Points{Product: "notes", Place: "/srv/backup"}, f.fail
	}
	return ask.Points{Product: "notes", Place: "/srv/backup", Points: []ask.Point{
		{ID: "20260314-1", Version: "2.0", Made: now.Add(-time.Hour), Size: 1234567890, Parts: []string{"web", "db"}, Needed: true, Proven: now.Add(-30 * time.Minute), ProvenBy: ask.Restored},
		{ID: "20260310-1", Version: "2.0", Made: now.Add(-99 * time.Hour), Size: 999, Parts: []string{"db"}, Note: "before the audit", Encrypted: true, Proven: now.Add(-99 * time.Hour), ProvenBy: ask.MadeRead},
		{ID: "20260301-1", Made: now.Add(-399 * time.Hour), Error: "its record is cut off"}}}, f.fail
}
func (f *fake) Drift(context.Context, ask.Of) (ask.Drift, error) {
	if f.drift != nil {
		return *f.drift, f.fail
	}
	return ask.Drift{Product: "notes", Version: "2.0", At: now, Versions: []string{"web is 2.1, and Upkeep has installed 2.0"}, Parts: []ask.DriftPart{
		{Unit: "web", At: "/srv/notes", Items: []ask.DriftItem{{Name: "conf/app.ini", What: "content", Diff: "  [app]\n- debug = 0\n+ debug = 1\n"}, {Name: "old.php", What: "removed"}}},
		{Unit: "db", Database: true, Standard: "the standard of release 2.0"}, {Unit: "extra", Unknown: "what its release shipped is not known"}}}, f.fail
}
func (f *fake) Doctor(context.Context, ask.Of) (ask.Diagnosis, error) {
	if f.doctor != nil {
		return *f.doctor, f.fail
	}
	return ask.Diagnosis{Product: "notes", Fine: []string{"no run is open", "no hold is left"}, Symptoms: []ask.Symptom{
		{Text: "the queue is not worked off", Evidence: "412 jobs", ID: "queue", Try: []ask.Remedy{{Text: "restart notes-worker", Does: []string{"systemctl restart notes-worker"}, As: "root", Stops: []string{"notes-feed"}, Retry: 2, Every: time.Minute, Carries: true, Sum: "5e"}, {Text: "look whether the disk is slow"}, {Text: "waits: wait 20m0s", Wait: 20 * time.Minute, Carries: true, Choice: true, Sum: "5f"}}, Else: "support@example.org"},
		{Text: "the certificate", Error: "cannot read /etc/ssl/notes.pem"}}}, f.fail
}
func (f *fake) Check(context.Context, ask.Wish) (ask.Readiness, error) { return f.check, f.fail }
func (f *fake) Plan(context.Context, ask.Wish) (ask.Plan, error) {
	return f.thePlan, cmp.Or(f.fail, f.planFails)
}
func (f *fake) Watch(_ context.Context, q ask.WatchQuery, tell func(ask.Beat) error) error {
	f.watched = append(f.watched, q)
	for _, b := range f.beats {
		if err := tell(b); err != nil {
			return err
		}
	}
	return f.fail
}
func (f *fake) Start(_ context.Context, y ask.Yes) (ask.Started, error) {
	f.yes = append(f.yes, y)
	return ask.Started{Run: "r9"}, f.fail
}
func (f *fake) Resume(_ context.Context, q ask.RunQuery) (ask.Started, error) {
	f.resumed = append(f.resumed, q)
	return ask.Started{Run: q.Run}, f.fail
}

func (f *fake) Decide(_ context.Context, d ask.Decision) (ask.Started, error) {
	f.decided = append(f.decided, d)
	return ask.Started{Run: d.Run}, f.fail
}
func (f *fake) Done(_ context.Context, w ask.Word) (ask.Started, error) {
	f.done = append(f.done, w)
	return ask.Started{Run: w.Run}, f.fail
}

func (f *fake) Windows(context.Context, ask.Of) (ask.Windows, error) { return f.times, f.fail }
func (f *fake) Schedule(_ context.Context, l ask.Later) (ask.Scheduled, error) {
	f.later = append(f.later, l)
	return ask.Scheduled{}, f.fail
}
func (f *fake) Unschedule(_ context.Context, q ask.Of) (struct{}, error) {
	f.off = append(f.off, q)
	return struct{}{}, f.fail
}
func (f *fake) TryNotifications(_ context.Context, q ask.Try) (ask.Tried, error) {
	f.tried = append(f.tried, q)
	return ask.Tried{}, f.fail
}

// sample is an engine side with something of everything.
func sample() *fake {
	opened := now.Add(-2 * time.Minute)
	row := ask.RunRow{ID: "20260314-0924-ab", From: "2.0", To: "3.0", By: "anna", Opened: opened}
	done := ask.RunRow{ID: "20260312-1200-ff", From: "1.0", To: "2.0", By: "bert", Opened: now.Add(-46 * time.Hour), Closed: now.Add(-45 * time.Hour), Result: ask.ResultNew, Version: "2.0", Outage: 42 * time.Second}
	step := func(id, title string, part ask.Part, s ask.Status, from, took time.Duration) ask.Step {
		out := ask.Step{ID: id, Title: title, Part: part, Status: s, Forecast: took}
		if s != ask.Pending {
			out.Began = opened.Add(from)
		}
		if s == ask.Done {
			out.Ended, out.Took = out.Began.Add(took), took
		}
		return out
	}
	steps := []ask.Step{
		step("unpack", "unpack 3.0 beside 2.0", ask.PartBefore, ask.Done, 0, 14*time.Second),
		step("gate", "keep users out", ask.PartOutage, ask.Done, 14*time.Second, 300*time.Millisecond),
		step("backup", "make a restore point", ask.PartOutage, ask.Done, 15*time.Second, 61*time.Second),
		step("migrate", "migrate the data to 3.0", ask.PartOutage, ask.Doing, 76*time.Second, 40*time.Second),
		{ID: "barrier", Title: "from here on there is no way back", Part: ask.PartOutage, Control: "barrier"},
		step("open", "let users in", ask.PartOutage, ask.Pending, 0, time.Second),
		step("clean", "remove the old tree", ask.PartAfter, ask.Pending, 0, time.Second),
	}
	bar := ask.Bar{N: 4, Of: 6, Fraction: 0.58, Left: 31 * time.Second, LeftOK: true, Title: "migrate the data to 3.0", Line: "0042_index.sql: 61 %"}
	stages := stagesOf(ask.StageReady, ask.StagePlan)
	return &fake{
		guided: guided{guide: ask.Guide{Stages: stages}},
		over: ask.Overview{At: now, Host: "www1", Upkeep: "0.9", Installations: []ask.Installation{
			{ID: "notes", Product: "notes", Document: "/etc/upkeep/notes.yaml", Entry: "http://127.0.0.1:8090/", Currency: ask.Behind,
				Units:     []ask.Unit{{ID: "web", Version: "2.0", At: "/srv/notes"}, {ID: "db", Version: "41"}},
				Published: ask.Published{Version: "3.0", At: now.Add(-72 * time.Hour), Looked: now.Add(-20 * time.Minute), Signed: true, Detected: "2.0", Fetched: true},
				Last:      &done, Points: ask.PointsAge{Count: 3, Proven: now.Add(-30 * time.Minute)}},
			{ID: "shop", Product: "altazion", Document: "/etc/upkeep/shop.yaml", Entry: "https://shop.example/admin?a=1&b=<2>", Currency: ask.UpToDate,
				Units:     []ask.Unit{{ID: "portal", Version: "7.2", Recorded: "7.1"}},
				Published: ask.Published{Version: "7.1", Looked: now.Add(-26 * time.Hour), Problem: "no answer"}, Last: &row,
				Open:   &ask.Open{Run: row.ID, By: "anna", To: "3.0", Going: ask.UnderWay, Step: "migrate", Title: "migrate the data to 3.0"},
				Points: ask.PointsAge{Count: 1, Proven: now.Add(-500 * time.Hour)},
				Notices: []ask.Notice{{Kind: ask.NoticeChanged, Text: "portal"}, {Kind: ask.NoticeHold, Text: "the nightly job: off", At: now.Add(-50 * time.Hour)},
					{Kind: ask.NoticeFeed, Text: "no answer", At: now.Add(-26 * time.Hour)}}},
			{ID: "old", Product: "old", Document: "/etc/upkeep/old.yaml", Currency: ask.CurrencyUnknown, Units: []ask.Unit{}},
			{ID: "sick", Product: "sick", Document: "/etc/upkeep/sick.yaml", Error: "cannot read the installation document: permission denied"}}},
		theRun: ask.Run{RunRow: row, Product: "notes", Digest: strings.Repeat("ab12", 16), Going: ask.UnderWay, Cancel: true, Out: true, Took: 2 * time.Minute, Steps: steps, Bar: bar, Foreseen: 110 * time.Second, Points: []string{"20260314-0924-ab-full (2.0, 1.2 GB)"}},
		lines:  []string{"09:24:53 begin do unpack", "  | tar: 4211 files", "09:25:07 ended do unpack"},
		check: ask.Readiness{Product: "notes", Installed: "2.0", To: "3.0", Findings: []ask.Finding{{ID: "php", Level: "blocker", OK: true, Text: "8.2"},
			{ID: "cron-quiet", Level: "warning", Text: "2 jobs run", Effect: "they are cut off", Fix: "wait until they are through", Waivable: true}}},
		thePlan: ask.Plan{Product: "notes", Installed: "2.0", To: "3.0", Digest: strings.Repeat("ab12", 16), Vouched: "signed by the feed notes (root 0123456789ab)", Fetch: 19300000,
			Route: []string{"2.0", "2.5", "3.0"}, Changes: []ask.Change{{Unit: "web", From: "2.0", To: "3.0", At: "/srv/notes"}, {Unit: "db", From: "41", To: ""}, {Unit: "jobs", From: "7", To: "7"}},
			Steps: steps, Outage: 110 * time.Second, Total: 3 * time.Minute, Closed: "gate", Room: []ask.Room{{Place: "/srv", Needs: 2e9, Free: 81e9}}, Notes: []string{"edited files are merged"}, NoReturn: []string{"send a mail to all users"}, Stages: stages},
		beats: []ask.Beat{{Run: &ask.Run{RunRow: row, Product: "notes", Going: ask.UnderWay, Steps: steps, Bar: bar}, Lines: []string{"one"}, Log: 100}, {Bar: &bar, Log: 100}, {Lines: []string{"two", "three"}, Log: 110, Over: true}},
	}
}

// server is the page with the engine side, and a browser that is signed in.
type browser struct {
	t      *testing.T
	page   *Page
	header http.Header
}

// parsed is the page without an engine side: reading all templates takes a while.
var parsed = sync.OnceValues(func() (*Page, error) {
	p, err := New(Options{Hosts: []string{"127.0.0.1:8080", "localhost:8080"}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: func() time.Time { return now }})
	if err == nil {
		for _, l := range p.languages {
			l.zone = time.UTC
		}
	}
	return p, err
})

func open(t *testing.T, f *fake) *browser {
	t.Helper()
	shared, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	own := *shared
	p := &own
	p.Engine, p.streams = f, make(chan struct{}, 2)
	return &browser{t, p, http.Header{"Cookie": {cookie + "=s"}, "Accept-Language": {"en"}}}
}

func (b *browser) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, path, body)
	r.Host = "127.0.0.1:8080"
	for k, v := range b.header {
		r.Header[k] = v
	}
	if h := r.Header.Get("Host"); h != "" {
		r.Host = h
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	b.page.Handler().ServeHTTP(w, r)
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil)
}

func (b *browser) post(path string, pairs ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	form := url.Values{"token": {(&visit{session: "s"}).Token()}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, form)
}
