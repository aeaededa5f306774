package console

import (
	"context"
	"time"

	"upkeep/internal/hub/ask"
)

// screensFake answers what the screens beside the wizard ask, and keeps what was
// to be done.
type screensFake struct {
	theErrand ask.Errand
	theBatch  ask.Batch
	noPoints  bool
	planFails error
	refused   string // what stands in the way of a restore
	sent      []ask.Errand
	takenBack []ask.Yes
	started   []ask.Together
	refreshed []string
}

func (f *fake) Errand(context.Context, ask.Of) (ask.Errand, error) { return f.theErrand, f.fail }
func (f *fake) Batch(context.Context) (ask.Batch, error)           { return f.theBatch, f.fail }
func (f *fake) Singles(context.Context, ask.Of) ([]string, error)  { return []string{"web"}, f.fail }
func (f *fake) Settings(context.Context, ask.Of) (ask.Settings, error) {
	return ask.Settings{Product: "notes", Document: "/etc/upkeep/notes.yaml", State: "/var/lib/upkeep/notes", Place: "/srv/backup", Keep: "last 5", OnFailure: "origin", Encrypted: true,
		Trust: []ask.Trust{{Trigger: "push", Keys: []string{"/etc/upkeep/push.pub"}}, {Trigger: "command", Keys: []string{}}},
		Feed: ask.FeedSettings{Name: "notes", URLs: []string{"https://feed.example.org", "/srv/feed"}, Channel: "stable", Root: "0123456789abcdef", RootFile: "root.json", Looked: now.Add(-time.Hour), Until: now.Add(-time.Minute), Expired: true,
			Problem: "no answer", Install: "automatic", Between: "02:00-04:00", Prefetch: true, Releases: []ask.FeedRelease{{Version: "3.0", Published: now.Add(-72 * time.Hour), Here: "whole"}, {Version: "2.1", Withdrawn: "loses mails", Here: "nothing"}, {Version: "2.0", Installed: true, Here: "documents"}}}}, f.fail
}
func (f *fake) Report(_ context.Context, q ask.ReportQuery) (ask.File, error) {
	return ask.File{Name: "upkeep-" + q.Run + "." + q.Format, Type: "text/html; charset=utf-8", Data: []byte("<p>" + string(q.Kind))}, f.fail
}
func (f *fake) Refresh(_ context.Context, q ask.Of) (ask.Refreshed, error) {
	f.refreshed = append(f.refreshed, q.Installation)
	return ask.Refreshed{}, f.fail
}
func (f *fake) Send(_ context.Context, e ask.Errand) (ask.Errand, error) {
	f.sent = append(f.sent, e)
	return e, f.fail
}
func (f *fake) Outlook(_ context.Context, q ask.PointQuery) (ask.Outlook, error) {
	return ask.Outlook{Product: "notes", Point: q.Point, Made: now.Add(-3 * time.Hour), Version: "2.0", Installed: "3.0", Parts: []string{"web", "db"}, Services: []string{"notes-web", "notes-worker"}, Sum: "5151515151515151", Refused: f.refused,
		Changes: []ask.OutlookChange{{Part: "web", Path: "/srv/notes", Added: 1, Changed: 2, Removed: 3, Files: []string{"+ old.php", "~ conf/app.ini", "- new.php"}}, {Part: "db", Database: true, Replaced: "notes: 412 rows instead of 398"}}}, f.fail
}
func (f *fake) Return(context.Context, ask.Of) (ask.Return, error) {
	p := f.thePlan
	p.Installed, p.To, p.Changes = "3.0", "2.0", []ask.Change{{Unit: "web", From: "3.0", To: "2.0", At: "/srv/notes"}, {Unit: "chat", From: "1.0", Gone: true}}
	return ask.Return{Plan: p, Run: "20260312-1200-ff", Closed: now.Add(-14 * time.Hour)}, f.fail
}
func (f *fake) TakeBack(_ context.Context, y ask.Yes) (ask.Started, error) {
	f.takenBack = append(f.takenBack, y)
	return ask.Started{Run: "r9"}, f.fail
}
func (f *fake) StartAll(_ context.Context, q ask.Together) (ask.Batch, error) {
	f.started = append(f.started, q)
	return ask.Batch{}, f.fail
}
func (f *fake) Support(context.Context, ask.Of) (ask.File, error) {
	return ask.File{Name: "upkeep-support-notes.tar.zst", Type: "application/zstd", Data: []byte{0x28, 0xb5}}, f.fail
}
