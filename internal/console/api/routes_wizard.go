package api

import (
	"net/http"

	"upkeep/internal/hub/ask"
)

// ReviewOf names one of the scripts that are to be looked at.
type ReviewOf struct {
	Wish
	Script string `json:"script,omitempty" jsonschema_description:"UNIT:PATH; without it, the first that nobody has decided"`
}

// Verdict decides what becomes of a script.
type Verdict struct {
	Wish
	Script    string        `json:"script"`
	SHA256    string        `json:"sha256" jsonschema_description:"Of the script that was shown"`
	Judgement ask.Judgement `json:"judgement"`
	Note      string        `json:"note,omitempty"`
	Content   string        `json:"content,omitempty" jsonschema_description:"Of an edit"`
}

// Saying is a person's word on what is asked before a run.
type Saying struct {
	Wish
	ID   string `json:"id" jsonschema_description:"Of one of the tasks of the guide"`
	Text string `json:"text,omitempty" jsonschema_description:"The answer, or a note"`
}

// FixesOf names a finding of a wish's readiness.
type FixesOf struct {
	Wish
	Finding string `json:"finding"`
}

// Mending has a fix carried out that was shown in these words.
type Mending struct {
	Wish
	Finding string `json:"finding"`
	Text    string `json:"text"`
}

// wizard lists what leads from a wish to its plan.
func wizard() []route {
	return []route{
		posed(route{path: one + "/guide", id: "guide", summary: "What a wish still needs before its plan, and how it stands", text: "It changes nothing. " + waits},
			func(c *call, w Wish) (ask.Guide, error) { return c.ask.Guide(c.r.Context(), w.of(c.id())) }),
		posed(route{path: one + "/review", id: "review", summary: "The scripts that are to be looked at, with the lines of one", text: waits},
			func(c *call, s ReviewOf) (ask.Review, error) {
				return c.ask.Review(c.r.Context(), ask.ScriptQuery{Wish: s.of(c.id()), Script: s.Script})
			}),
		posed(route{path: one + "/judge", id: "judge", summary: "Decide what becomes of a script"},
			func(c *call, v Verdict) (ask.Review, error) {
				return c.ask.Judge(c.r.Context(), ask.Verdict{Wish: v.of(c.id()), Script: v.Script, SHA256: v.SHA256, Judgement: v.Judgement, Note: v.Note, Content: v.Content})
			}),
		posed(route{path: one + "/say", id: "say", status: http.StatusNoContent, summary: "Keep what a person answers before a run, or that a task is done"},
			func(c *call, s Saying) (struct{}, error) {
				return c.ask.Say(c.r.Context(), ask.Saying{Wish: s.of(c.id()), ID: s.ID, Text: s.Text})
			}),
		posed(route{path: one + "/fixes", id: "fixes", summary: "What mends a finding, in its order", text: "It changes nothing. " + waits},
			func(c *call, f FixesOf) (ask.Fixes, error) {
				return c.ask.Fixes(c.r.Context(), ask.FixQuery{Wish: f.of(c.id()), Finding: f.Finding})
			}),
		posed(route{path: one + "/mend", id: "mend", summary: "Carry out a fix that was shown", text: waits},
			func(c *call, m Mending) (ask.Mended, error) {
				return c.ask.Mend(c.r.Context(), ask.Mending{FixQuery: ask.FixQuery{Wish: m.of(c.id()), Finding: m.Finding}, Text: m.Text})
			}),
		posed(route{path: one + "/fetch", id: "fetch", status: http.StatusAccepted, summary: "Have the releases of a wish fetched"},
			func(c *call, w Wish) (ask.Fetching, error) { return c.ask.Fetch(c.r.Context(), w.of(c.id())) }),
		look(route{method: "GET", path: one + "/fetching", id: "fetching", role: ask.Operator, summary: "How far the fetching of releases is"}, ask.Asking.Fetching),
	}
}
