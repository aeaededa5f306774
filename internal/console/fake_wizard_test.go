package console

import (
	"context"
	"time"

	"upkeep/internal/hub/ask"
)

// guided is the part of the engine side that leads to a plan, with a record of
// what it was told.
type guided struct {
	guide   ask.Guide
	reviews ask.Review
	fixing  ask.Fixes
	mended  ask.Mended
	fetches ask.Fetching

	guides []ask.Wish
	said   []ask.Saying
	judged []ask.Verdict
	mends  []ask.Mending
	fetch  []ask.Wish
}

func (f *fake) Guide(_ context.Context, w ask.Wish) (ask.Guide, error) {
	f.guides = append(f.guides, w)
	g := f.guide
	g.Readiness = f.check
	return g, nil
}
func (f *fake) Review(context.Context, ask.ScriptQuery) (ask.Review, error) { return f.reviews, f.fail }
func (f *fake) Judge(_ context.Context, v ask.Verdict) (ask.Review, error) {
	f.judged = append(f.judged, v)
	return f.reviews, f.fail
}
func (f *fake) Say(_ context.Context, s ask.Saying) (struct{}, error) {
	f.said = append(f.said, s)
	return struct{}{}, f.fail
}
func (f *fake) Fixes(context.Context, ask.FixQuery) (ask.Fixes, error) { return f.fixing, f.fail }
func (f *fake) Mend(_ context.Context, m ask.Mending) (ask.Mended, error) {
	f.mends = append(f.mends, m)
	return f.mended, f.fail
}
func (f *fake) Fetch(_ context.Context, w ask.Wish) (ask.Fetching, error) {
	f.fetch = append(f.fetch, w)
	return f.fetches, f.fail
}
func (f *fake) Fetching(context.Context, ask.Of) (ask.Fetching, error) { return f.fetches, f.fail }

// stagesOf are those that are named; open are the ones after an "!".
func stagesOf(list ...ask.Stage) []ask.StageState {
	var out []ask.StageState
	for _, s := range list {
		open := s[0] == '!'
		if open {
			s = s[1:]
		}
		out = append(out, ask.StageState{Stage: s, Open: open})
	}
	return out
}

// way has the fake take all stages, with something of everything in each.
func way(f *fake) {
	f.guide = ask.Guide{Stages: stagesOf(ask.Stages()...),
		Safety: ask.Safety{Optional: true, Point: "make the restore point of 2.0 (web, db)", Route: []string{"2.0", "2.5", "3.0"}, Scripts: true},
		Params: []ask.Param{{ID: "root", Title: "Folder", Type: "path", Now: "/srv/notes", Fixed: true}, {ID: "url", Title: "Application URL", Type: "string", Now: "http://notes.example/"},
			{ID: "mail", Title: "Mail is sent", Type: "bool", Now: "true", Value: "false", Changed: true}, {ID: "port", Type: "int", Now: "80", Value: "x", Changed: true}},
		Groups: []ask.Group{
			{Title: "Core", Features: []ask.Feature{{Path: "core", Title: "Core", Chosen: true, Locked: true, Why: "installed"}, {Path: "storage", Title: "Storage devices", Asked: true, Chosen: true, Why: "chosen"}, {Path: "fax", Source: "/srv/notes/extensions/fax"}}},
			{Title: "Tickets", One: true, Features: []ask.Feature{{Path: "none", Title: "No tickets", Alone: true, Chosen: true}, {Path: "simple", Title: "Simple tickets", Alone: true}, {Path: "simple/portal", Title: "Portal", Below: 1, Why: "simple is not chosen"}}}},
		Tasks: []ask.Asked{{ID: "tell", Kind: ask.AskedTask, Text: "Tell the night shift.", By: "bert", At: now.Add(-time.Hour), Note: "by mail"},
			{ID: "jobs", Kind: ask.AskedAnswer, Text: "Have all jobs ended?", Want: []string{"yes"}, Open: true, Reference: "https://vendor.example/jobs", Privilege: "administrator", Lacks: "bert has answered no"}},
		Scripts: 2}
	f.reviews = ask.Review{Product: "notes", From: "2.0", To: "3.0",
		Databases: []ask.Database{{Unit: "db", Standard: "the standard of release 2.0", Objects: []ask.Object{{Name: "view prices", How: "changed", Diff: "- SELECT a\n+ SELECT a, b\n"}, {Name: "table loyalty", How: "added", Accepted: "what run r0 left"}}}},
		Scripts: []ask.Script{{ID: "db:migrations/1.sql", Path: "migrations/1.sql", Unit: "db", Release: "3.0", SHA256: "aa", Decided: ask.Approve, By: "anna", At: now, Note: "looked"},
			{ID: "db:migrations/2.sql", Path: "migrations/2.sql", Unit: "db", Release: "3.0", SHA256: "bb", Mentions: []string{"view prices"}, Stale: "anna decided it, and view prices has changed since"}},
		Shown: &ask.Shown{N: 1, Next: true, Text: "DROP VIEW prices;\n", Lines: []ask.Line{{Text: "-- <b>prices</b>"}, {Text: "DROP VIEW prices;", Marked: true}}, Touches: []ask.Object{{Name: "view prices", How: "changed", Diff: "- SELECT a\n+ SELECT a, b\n"}}}}
	f.thePlan.Edited = []ask.Edited{{Path: "etc/app.yaml", Of: "web 3.0", What: "merged by its keys", Kept: []string{"server.port"}, Diff: "- port: 80\n+ port: 8443"}}
	f.thePlan.Rights = []ask.Right{{Account: "root", Steps: []string{"reload"}, More: true}}
	f.fixing = ask.Fixes{Finding: "php", Text: "7.4", Try: []ask.Fix{{Text: "apt-get install php8.2", Carries: true}, {Text: "ask the provider"}}, Else: "support@example.org"}
	f.thePlan.Stages, f.thePlan.Settings, f.thePlan.Values = f.guide.Stages, []string{"mail: true → false"}, f.guide.Params[:3]
	f.thePlan.Added, f.thePlan.Stays, f.thePlan.Scripts, f.thePlan.Word, f.thePlan.Accepted = []string{"storage"}, []string{"core"}, f.reviews.Scripts[:1], f.guide.Tasks[:1], []string{"backup: anna: a copy is at hand"}
}
