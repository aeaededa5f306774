package api

import (
	"net/http"
	"time"

	"upkeep/internal/hub/ask"
)

// Later is the yes to a plan that begins at another time.
type Later struct {
	Start
	At string `json:"at" jsonschema_description:"next for the next window, or 2026-12-01T02:00 in the time zone of the windows"`
}

// Try names a notification.
type Try struct {
	ID string `json:"id,omitempty" jsonschema_description:"Without it, all"`
}

// times lists what is about when upgrades begin, and who is told.
func times() []route {
	return []route{
		look(route{method: "GET", path: one + "/windows", id: "windows", summary: "When upgrades may begin, the scheduled one, and who is told"}, ask.Asking.Windows),
		posed(route{path: one + "/schedule", id: "schedule", summary: "Keep the yes to a plan for later", text: "What has changed by then is not started."},
			func(c *call, l Later) (ask.Scheduled, error) {
				return c.ask.Schedule(c.r.Context(), ask.Later{Yes: ask.Yes{Wish: l.of(c.id()), Digest: l.Digest}, At: l.At})
			}),
		{method: "DELETE", path: one + "/schedule", id: "unschedule", role: ask.Operator, status: http.StatusNoContent, summary: "Have the scheduled upgrade not begin",
			do: func(c *call) (any, error) { return c.ask.Unschedule(c.r.Context(), c.of()) }},
		posed(route{path: one + "/notify-test", id: "notifyTest", summary: "Tell people that this is a test", text: "What came of it is in the answer, for each of them."},
			func(c *call, t Try) (ask.Tried, error) {
				return c.ask.TryNotifications(c.r.Context(), ask.Try{Installation: c.id(), ID: t.ID})
			}),
	}
}

// Accounts are the people who have one.
type Accounts struct {
	People []Account `json:"people"`
}

// Account is one of them.
type Account struct {
	Name     string    `json:"name"`
	Role     ask.Role  `json:"role"`
	Password bool      `json:"password,omitempty" jsonschema_description:"Has one"`
	Since    time.Time `json:"since"`
	By       string    `json:"by" jsonschema_description:"Who has added it"`
	Sessions int       `json:"sessions"`
	Seen     time.Time `json:"seen,omitzero"`
	Invited  time.Time `json:"invited,omitzero" jsonschema_description:"Until when a one-time link works that nobody has used yet"`
}

// administration lists what only administrators see.
func administration() []route {
	return []route{
		{method: "GET", path: "/people", id: "people", role: ask.Administrator, summary: "Who has an account", answer: Accounts{},
			do: func(c *call) (any, error) {
				all, err := c.ask.People(c.r.Context())
				out := Accounts{[]Account{}}
				for _, p := range all.People {
					out.People = append(out.People, Account{p.Name, p.Role, p.Password, p.Since, p.By, p.Sessions, p.Seen, p.Invited})
				}
				return out, err
			}},
		{method: "GET", path: "/audit", id: "audit", role: ask.Administrator, summary: "Who has changed what, latest first", answer: ask.Audit{},
			query: []param{{name: "skip", text: "How many of the latest to leave out"}, {name: "limit", text: "How many to list at most: 50 where it is not said"}},
			do: func(c *call) (any, error) {
				skip, err := c.number("skip")
				if err != nil {
					return nil, err
				}
				limit, err := c.number("limit")
				if err != nil {
					return nil, err
				}
				return c.ask.Audit(c.r.Context(), ask.AuditQuery{Skip: int(skip), Limit: int(limit)})
			}},
	}
}
