package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"time"

	"upkeep/internal/hub/ask"
)

// question is one question with what is to come of it.
type question struct {
	id, method, path, body string
	status                 int
	heard                  string // by the engine side
}

// asked lists one question of each route.
func asked() []question {
	return []question{
		{"who", "GET", "/api/v1/who", "", 200, ""},
		{"overview", "GET", "/api/v1/overview", "", 200, "overview"},
		{"runs", "GET", base + "/runs?skip=3&limit=7", "", 200, "runs notes 3 7"},
		{"run", "GET", base + "/runs/r1", "", 200, `run notes "r1"`},
		{"log", "GET", base + "/runs/r1/log?from=-10", "", 200, "log notes r1 -10"},
		{"points", "GET", base + "/points", "", 200, "points notes"},
		{"drift", "GET", base + "/drift", "", 200, "drift notes"},
		{"doctor", "GET", base + "/doctor", "", 200, "doctor notes"},
		{"check", "POST", base + "/check", `{"to":"2.0"}`, 200, "check notes by token:ci to 2.0"},
		{"plan", "POST", base + "/plan", `{"onFailure":"stay","waivers":{"c":"why"}}`, 200, "plan notes by token:ci to  map[c:why]"},
		{"start", "POST", base + "/runs", `{"to":"2.0","digest":"d"}`, 201, "start notes by token:ci of d"},
		{"resume", "POST", base + "/runs/r1/resume", "", 202, "resume r1 by token:ci"},
		{"decide", "POST", base + "/runs/r1/decide", `{"choice":"retry","step":"a"}`, 202, "decide r1 by token:ci: retry at a"},
		{"done", "POST", base + "/runs/r1/done", `{"step":"a"}`, 202, "done r1 by token:ci: a"},
		{"events", "GET", base + "/runs/r1/events?log=7", "", 200, "watch notes r1 7"},
		{"settings", "GET", base + "/settings", "", 200, "settings notes"},
		{"singles", "GET", base + "/singles", "", 200, "singles notes"},
		{"refresh", "POST", base + "/refresh", "", 200, "refresh notes by token:ci"},
		{"errand", "GET", base + "/errand", "", 200, "errand notes"},
		{"send", "POST", base + "/errand", `{"kind":"restore","point":"p","only":["db"],"sum":"s"}`, 202, "send notes by token:ci: restore p [db] s"},
		{"outlook", "POST", base + "/outlook", `{"point":"p","only":["db"]}`, 200, "outlook notes by token:ci: p [db]"},
		{"return", "POST", base + "/return", "", 200, "return notes by token:ci"},
		{"takeBack", "POST", base + "/take-back", `{"digest":"d"}`, 201, "take back notes by token:ci of d"},
		{"batch", "GET", "/api/v1/batch", "", 200, "batch"},
		{"startAll", "POST", "/api/v1/batch", `{"upgrades":[{"installation":"notes","digest":"d","to":"2.0"},{"installation":"shop","digest":"e"}],"stop":true}`, 202, "start all by token:ci: notes 2.0 d, shop  e, true"},
		{"report", "GET", base + "/runs/r1/report", "", 200, "report notes run r1 html"},
		{"report", "GET", base + "/runs/r1/report?format=json", "", 200, "report notes run r1 json"},
		{"driftReport", "GET", base + "/drift/report?format=html", "", 200, "report notes drift  html"},
		{"support", "POST", base + "/support", "", 200, "support notes by token:ci"},
		{"windows", "GET", base + "/windows", "", 200, "windows notes"},
		{"schedule", "POST", base + "/schedule", `{"digest":"d","at":"next","outsideWindow":"why"}`, 200, "schedule notes by token:ci: d at next, why"},
		{"unschedule", "DELETE", base + "/schedule", "", 204, "unschedule notes by token:ci"},
		{"notifyTest", "POST", base + "/notify-test", `{"id":"mail"}`, 200, "try notes by token:ci: mail"},
		{"guide", "POST", base + "/guide", `{"to":"2.0","choose":["a"],"params":{"p":"1"},"rehearse":true}`, 200, "guide notes by token:ci: 2.0 [a] map[p:1] true"},
		{"review", "POST", base + "/review", `{"to":"2.0","script":"db:a.sql"}`, 200, "review notes by token:ci: 2.0 db:a.sql"},
		{"judge", "POST", base + "/judge", `{"script":"db:a.sql","sha256":"s","judgement":"edit","note":"n","content":"c"}`, 200, "judge notes by token:ci: db:a.sql s edit n c"},
		{"say", "POST", base + "/say", `{"id":"task","text":"yes"}`, 204, "say notes by token:ci: task yes"},
		{"fixes", "POST", base + "/fixes", `{"finding":"room"}`, 200, "fixes notes by token:ci: room"},
		{"mend", "POST", base + "/mend", `{"finding":"room","text":"make room"}`, 200, "mend notes by token:ci: room make room"},
		{"fetch", "POST", base + "/fetch", `{"to":"2.0"}`, 202, "fetch notes by token:ci: 2.0"},
		{"fetching", "GET", base + "/fetching", "", 200, "fetching notes"},
		{"people", "GET", "/api/v1/people", "", 200, ""},
		{"audit", "GET", "/api/v1/audit?skip=2&limit=3", "", 200, ""},
	}
}

// put asks one of them; people and the audit log take an administrator.
func (s *stand) put(q question, headers ...string) (*http.Request, *httptest.ResponseRecorder) {
	s.engine.heard, s.m.callers = nil, map[string]*caller{} // the rate is another test's
	if headers == nil && (q.id == "people" || q.id == "audit") {
		if s.chief == "" {
			s.chief = s.add("chief", ask.Administrator, "")
		}
		headers = []string{"Authorization", "Bearer " + s.chief}
	}
	r := s.request(q.method, q.path, q.body, headers...)
	return r, s.do(r)
}

// ledger is an audit log that remembers nothing.
type ledger struct{}

func (ledger) Begin(string, string, string, map[string]string) (int64, error) { return 1, nil }
func (ledger) End(int64, string, string) error                                { return nil }
func (ledger) Acts(q ask.AuditQuery) (ask.Audit, error) {
	return ask.Audit{Acts: []ask.Act{{N: int64(q.Skip), At: now, By: "anna", Do: "start", Result: ask.ActDone, On: map[string]string{"installation": "notes"}}}, Entries: 1, Head: "h", File: "f"}, nil
}

func (e *engine) Settings(_ context.Context, q ask.Of) (ask.Settings, error) {
	return ask.Settings{Product: "notes", Feed: ask.FeedSettings{Looked: now, Releases: []ask.FeedRelease{{Version: "2.0", Here: "whole"}}}, Trust: []ask.Trust{{Trigger: "hand"}}}, e.hear("settings %s", q.Installation)
}
func (e *engine) Singles(_ context.Context, q ask.Of) ([]string, error) {
	return []string{"web"}, e.hear("singles %s", q.Installation)
}
func (e *engine) Refresh(_ context.Context, by string, q ask.Of) (ask.Refreshed, error) {
	return ask.Refreshed{}, e.hear("refresh %s by %s", q.Installation, by)
}
func (e *engine) Errand(_ context.Context, q ask.Of) (ask.Errand, error) {
	return ask.Errand{Installation: q.Installation}, e.hear("errand %s", q.Installation)
}
func (e *engine) Send(_ context.Context, by string, q ask.Errand) (ask.Errand, error) {
	q.ID, q.Began, q.Going = "e1", now, true
	return q, e.hear("send %s by %s: %s %s %v %s", q.Installation, by, q.Kind, q.Point, q.Only, q.Sum)
}
func (e *engine) Outlook(_ context.Context, by string, q ask.PointQuery) (ask.Outlook, error) {
	return ask.Outlook{Point: q.Point, Made: now, Changes: []ask.OutlookChange{{Part: "db", Database: true}}}, e.hear("outlook %s by %s: %s %v", q.Installation, by, q.Point, q.Only)
}
func (e *engine) Return(_ context.Context, by string, q ask.Of) (ask.Return, error) {
	return ask.Return{Run: "r1", Closed: now, Plan: ask.Plan{Digest: "d", Steps: []ask.Step{{ID: "a", Part: ask.PartBefore}}}}, e.hear("return %s by %s", q.Installation, by)
}
func (e *engine) TakeBack(_ context.Context, by string, y ask.Yes) (ask.Started, error) {
	return ask.Started{Run: "r/9"}, e.hear("take back %s by %s of %s", y.Installation, by, y.Digest)
}
func (e *engine) Batch(context.Context) (ask.Batch, error) { return e.together, e.hear("batch") }
func (e *engine) StartAll(_ context.Context, by string, q ask.Together) (ask.Batch, error) {
	e.together = ask.Batch{By: by, Began: time.Now(), Stop: q.Stop}
	text := "start all by " + by + ": "
	for _, y := range q.Yeses {
		e.together.Items = append(e.together.Items, ask.BatchItem{Installation: y.Installation, State: ask.BatchNext})
		text += y.Installation + " " + y.To + " " + y.Digest + ", "
	}
	return e.together, e.hear("%s%t", text, q.Stop)
}
func (e *engine) Report(_ context.Context, q ask.ReportQuery) (ask.File, error) {
	return ask.File{Name: "r." + q.Format, Type: map[string]string{"html": "text/html; charset=utf-8", "json": "application/json"}[q.Format], Data: []byte(`{"a": 1}`)}, e.hear("report %s %s %s %s", q.Installation, q.Kind, q.Run, q.Format)
}
func (e *engine) Support(_ context.Context, by string, q ask.Of) (ask.File, error) {
	return ask.File{Name: "a\r\nSet-Cookie: x=y.tar.zst", Type: "application/zstd", Data: []byte{0x28, 0xb5, 0, 0xff}}, e.hear("support %s by %s", q.Installation, by)
}
func (e *engine) Windows(_ context.Context, q ask.Of) (ask.Windows, error) {
	return ask.Windows{Product: "notes", Scheduled: &ask.Scheduled{At: now}, Recipients: []ask.Recipient{{ID: "mail"}}}, e.hear("windows %s", q.Installation)
}
func (e *engine) Schedule(_ context.Context, by string, l ask.Later) (ask.Scheduled, error) {
	return ask.Scheduled{At: now, Outage: time.Minute}, e.hear("schedule %s by %s: %s at %s, %s", l.Installation, by, l.Digest, l.At, l.Outside)
}
func (e *engine) Unschedule(_ context.Context, by string, q ask.Of) (struct{}, error) {
	return struct{}{}, e.hear("unschedule %s by %s", q.Installation, by)
}
func (e *engine) TryNotifications(_ context.Context, by string, q ask.Try) (ask.Tried, error) {
	return ask.Tried{Deliveries: []ask.Delivery{{At: now, ID: q.ID}}}, e.hear("try %s by %s: %s", q.Installation, by, q.ID)
}
func (e *engine) Guide(_ context.Context, by string, w ask.Wish) (ask.Guide, error) {
	return ask.Guide{Stages: []ask.StageState{{Stage: ask.StageReady, Open: true}}, Tasks: []ask.Asked{{ID: "t", Kind: ask.AskedTask}}, Groups: []ask.Group{{Features: []ask.Feature{{Path: "a"}}}}},
		e.hear("guide %s by %s: %s %v %v %t", w.Installation, by, w.To, w.Choose, w.Params, w.Rehearse)
}
func (e *engine) Review(_ context.Context, by string, q ask.ScriptQuery) (ask.Review, error) {
	return ask.Review{Scripts: []ask.Script{{ID: q.Script, Decided: ask.Edit, At: now}}, Shown: &ask.Shown{Lines: []ask.Line{{Text: "x"}}}}, e.hear("review %s by %s: %s %s", q.Installation, by, q.To, q.Script)
}
func (e *engine) Judge(_ context.Context, by string, v ask.Verdict) (ask.Review, error) {
	return ask.Review{}, e.hear("judge %s by %s: %s %s %s %s %s", v.Installation, by, v.Script, v.SHA256, v.Judgement, v.Note, v.Content)
}
func (e *engine) Say(_ context.Context, by string, s ask.Saying) (struct{}, error) {
	return struct{}{}, e.hear("say %s by %s: %s %s", s.Installation, by, s.ID, s.Text)
}
func (e *engine) Fixes(_ context.Context, by string, q ask.FixQuery) (ask.Fixes, error) {
	return ask.Fixes{Finding: q.Finding, Try: []ask.Fix{{Text: "make room", Carries: true}}}, e.hear("fixes %s by %s: %s", q.Installation, by, q.Finding)
}
func (e *engine) Mend(_ context.Context, by string, m ask.Mending) (ask.Mended, error) {
	return ask.Mended{Gone: true}, e.hear("mend %s by %s: %s %s", m.Installation, by, m.Finding, m.Text)
}
func (e *engine) Fetch(_ context.Context, by string, w ask.Wish) (ask.Fetching, error) {
	return ask.Fetching{Known: true, Going: true}, e.hear("fetch %s by %s: %s", w.Installation, by, w.To)
}
func (e *engine) Fetching(_ context.Context, _ string, q ask.Of) (ask.Fetching, error) {
	return ask.Fetching{}, e.hear("fetching %s", q.Installation)
}
