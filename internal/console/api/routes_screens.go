package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"upkeep/internal/hub/ask"
)

// Singles are the components that can be upgraded by themselves.
type Singles struct {
	Components []string `json:"components"`
}

// Work is what is to be done outside of a run.
type Work struct {
	Kind    ask.ErrandKind `json:"kind" jsonschema:"enum=create,enum=verify,enum=restore,enum=mend" jsonschema_description:"Make a restore point, prove one, put one back, or carry out what the doctor advises"`
	Point   string         `json:"point,omitempty" jsonschema_description:"To verify or to restore"`
	Only    []string       `json:"only,omitempty" jsonschema_description:"Of a restore: parts of the point; without it all"`
	Sum     string         `json:"sum,omitempty" jsonschema_description:"Of a restore: of the outlook that was shown. Of mend: of the remedy"`
	Note    string         `json:"note,omitempty" jsonschema_description:"Of create"`
	Symptom string         `json:"symptom,omitempty" jsonschema_description:"Of mend"`
}

// Part names a restore point, and parts of it.
type Part struct {
	Point string   `json:"point"`
	Only  []string `json:"only,omitempty" jsonschema_description:"Parts; without it all"`
}

// TakeBack is the yes to the way back.
type TakeBack struct {
	Digest string `json:"digest" jsonschema_description:"Of the plan that return has shown, whole"`
}

// Together are upgrades that are carried out one after the other.
type Together struct {
	Upgrades []Upgrade `json:"upgrades"`
	Stop     bool      `json:"stop,omitempty" jsonschema_description:"What does not end on its new version ends the others, too"`
}

// Upgrade is one of them: the yes to a plan.
type Upgrade struct {
	Installation string `json:"installation"`
	Start
}

const aBatch = "/batch"

// screens lists what there is beside upgrades: restore points, ways back, several
// installations at a time, files to keep.
func screens() []route {
	formats := []param{{"format", "Of the file: html where it is not said", []string{"html", "json"}}}
	kept := []string{"text/html", "application/json"}
	return []route{
		look(route{method: "GET", path: one + "/settings", id: "settings", summary: "What the installation document says"}, ask.Asking.Settings),
		{method: "GET", path: one + "/singles", id: "singles", summary: "Components that can be upgraded by themselves", answer: Singles{},
			do: func(c *call) (any, error) {
				names, err := c.ask.Singles(c.r.Context(), c.of())
				return Singles{names}, err
			}},
		look(route{method: "POST", path: one + "/refresh", id: "refresh", role: ask.Operator, summary: "Look for releases now"}, ask.Asking.Refresh),
		look(route{method: "GET", path: one + "/errand", id: "errand", summary: "The work outside of a run that is under way, or was the last",
			text: "Its kind is empty where there was none yet."}, ask.Asking.Errand),
		posed(route{path: one + "/errand", id: "send", status: http.StatusAccepted, summary: "Have work done outside of a run",
			text: "It goes on whoever goes away; GET tells how far it is. One at a time, and none while a run is open."},
			func(c *call, w Work) (ask.Errand, error) {
				return c.ask.Send(c.r.Context(), ask.Errand{Installation: c.id(), Kind: w.Kind, Point: w.Point, Only: w.Only, Sum: w.Sum, Note: w.Note, Symptom: w.Symptom})
			}),
		posed(route{path: one + "/outlook", id: "outlook", summary: "What putting a restore point back would do", text: "It changes nothing. Its sum is what a restore names. " + waits},
			func(c *call, p Part) (ask.Outlook, error) {
				return c.ask.Outlook(c.r.Context(), ask.PointQuery{Installation: c.id(), Point: p.Point, Only: p.Only})
			}),
		look(route{method: "POST", path: one + "/return", id: "return", role: ask.Operator, summary: "What taking the last upgrade back would do", text: "It changes nothing. " + waits}, ask.Asking.Return),
		posed(route{path: one + "/take-back", id: "takeBack", key: true, status: http.StatusCreated, summary: "Take the last upgrade back, by the plan that was shown",
			text: "What users did since is discarded. Location leads to the run. With an Idempotency-Key it happens once, as a start."},
			func(c *call, y TakeBack) (ask.Started, error) {
				key, err := c.key()
				if err != nil {
					return ask.Started{}, err
				}
				s, err := c.ask.TakeBack(c.r.Context(), ask.Yes{Wish: ask.Wish{Installation: c.id()}, Digest: y.Digest, Key: key})
				if err == nil {
					c.w.Header().Set("Location", c.path("runs", segment(s.Run)))
				}
				return s, err
			}),
		{method: "GET", path: aBatch, id: "batch", summary: "The upgrades that were started together last", answer: ask.Batch{},
			do: func(c *call) (any, error) { return c.ask.Batch(c.r.Context()) }},
		posed(route{path: aBatch, id: "startAll", key: true, status: http.StatusAccepted, summary: "Start several upgrades, one after the other",
			text: "Each by its plan that was shown. Asked again within 48 hours with the same Idempotency-Key, it gives where they are, and starts none."}, startAll),
		{method: "GET", path: aRun + "/report", id: "report", summary: "The report of a run, as a file", query: formats, files: kept,
			do: func(c *call) (any, error) { return report(c, ask.ReportRun) }},
		{method: "GET", path: one + "/drift/report", id: "driftReport", summary: "The drift, as a file", text: waits, query: formats, files: kept,
			do: func(c *call) (any, error) { return report(c, ask.ReportDrift) }},
		{method: "POST", path: one + "/support", id: "support", role: ask.Operator, summary: "The file for whoever helps", text: "Without secrets. " + waits, files: []string{"application/zstd"},
			do: func(c *call) (any, error) { return c.ask.Support(c.r.Context(), c.of()) }},
	}
}

func startAll(c *call, t Together) (ask.Batch, error) {
	key, err := c.key()
	if err != nil {
		return ask.Batch{}, err
	}
	q := ask.Together{Stop: t.Stop, Key: key}
	for _, u := range t.Upgrades {
		q.Yeses = append(q.Yeses, ask.Yes{Wish: u.of(u.Installation), Digest: u.Digest})
	}
	b, err := c.ask.StartAll(c.r.Context(), q)
	if err == nil {
		c.w.Header().Set("Location", "/api/v1"+aBatch)
	}
	return b, err
}

func report(c *call, kind ask.ReportKind) (any, error) {
	format := c.r.URL.Query().Get("format")
	if formats := []string{"html", "json"}; format == "" {
		format = formats[0]
	} else if !slices.Contains(formats, format) {
		return nil, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("format is %s, not %q", strings.Join(formats, " or "), format)}
	}
	return c.ask.Report(c.r.Context(), ask.ReportQuery{Installation: c.id(), Kind: kind, Run: c.r.PathValue("run"), Format: format})
}
